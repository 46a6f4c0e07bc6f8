"""Every route of the API, from the OpenAPI document that the server itself gives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from docs.generator.markdown import code, page, plain, table
from galerne import __version__
from galerne.api import Services, create_app
from galerne.api.app import describe
from galerne.api.guard import OPEN_PATHS
from galerne.api.keys import scope_of
from galerne.api.metrics import Metrics
from galerne.api.services import Accounts, Answers, Quotas
from galerne.api.wire.request import HARMLESS
from galerne.catalog import default_catalog
from galerne.cli.planner import Planner

SUCCESS = "Successful Response"
PREFIX = "#/components/schemas/"
LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "length at least",
    "maxLength": "length at most",
    "minItems": "items at least",
    "maxItems": "items at most",
}
"""Words of a schema that limit a value, and ours for them."""


def document() -> dict[str, Any]:
    """The OpenAPI document. Describing calls no service, so that none need be there."""
    services = Services(
        gateway=cast("Answers", None),
        ledger=cast("Accounts", None),
        catalog=default_catalog(),
        version=__version__,
        fit=tuple,
        pulls=tuple,
        limits=lambda _: (),
        quotas=cast("Quotas", object()),
        metrics=Metrics(),
        prices=tuple,
        site=Planner(default_catalog()),
    )
    return describe(create_app(services), services)


def operations(described: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    for path, item in described["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def routes_page() -> str:
    """``api.md``."""
    described = document()
    schemas = described["components"]["schemas"]
    shown = _reachable(described["paths"], schemas)
    return page(
        "The API",
        "`galerne serve` answers at `http://127.0.0.1:4747`. OpenAI's and Mistral's clients work unchanged: "
        "give them the base URL (`/v1` included for OpenAI's). The same document for programs is at "
        "`/openapi.json`. Failures are in [errors.md](errors.md), the receipt in [receipt.md](receipt.md).",
        "On loopback no key is needed. Where one is set, send `Authorization: Bearer KEY` or `x-api-key: "
        "KEY`; only `/health` answers without. *Key* says which scope a key needs, *Billed* which routes "
        "leave a receipt and count against limits: what a model computes costs, looking costs nothing. "
        "Every route may answer any failure of [errors.md](errors.md) as a `ProblemBody`.",
        table(
            ("", "Route", "", "Key", "Billed"),
            [
                (method, code(path), operation["summary"], _scope(method, path), _billed(operation))
                for method, path, operation in operations(described)
            ],
        ),
        *(_operation(*each, schemas=schemas) for each in operations(described)),
        "## What a request may ask",
        "Unknown fields pass. These known ones change the answer and wait for their turn: they are refused "
        "unless they ask for nothing, that is, are absent, null or one of the values here.",
        table(
            ("Field", "Accepted"),
            [
                (code(name), ", ".join(code(json.dumps(value)) for value in values))
                for name, values in HARMLESS.items()
            ],
        ),
        "## Objects",
        *(_schema(name, schemas[name]) for name in shown),
    )


def _scope(method: str, path: str) -> str:
    """What a key must be for, where keys are asked for."""
    if path in OPEN_PATHS:
        return "none"
    scope = scope_of(method, path)
    return "any" if scope is None else scope.value


def _billed(operation: Mapping[str, Any]) -> str:
    """Whether it leaves a receipt, and counts against limits and budgets."""
    return "yes" if "galerne-receipt" in operation["responses"].get("200", {}).get("headers", {}) else ""


def _operation(method: str, path: str, operation: dict[str, Any], *, schemas: Mapping[str, Any]) -> str:
    lines = [f"## {method} {path}", f"{operation['summary']}."]
    parameters = operation.get("parameters", [])
    if parameters:
        rows = [(code(p["name"]), p["in"], _type(p["schema"]), p.get("description", "")) for p in parameters]
        lines.append(table(("Parameter", "In", "Type", ""), rows))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        lines.append(
            f"Takes `{kind}`: {_type(content['schema'])}. {content['schema'].get('description', '')}"
        )
    rows = []
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {"": {"schema": {}}}).items():
            rows.append(
                (
                    status,
                    code(kind),
                    _type(content.get("schema", {})),
                    "" if response["description"] == SUCCESS else response["description"],
                )
            )
    lines.append(table(("Status", "As", "Object", ""), rows))
    return "\n\n".join(line.strip() for line in lines)


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (code(field), _type(part), "yes" if field in required else "", _note(part))
        for field, part in schema.get("properties", {}).items()
    ]
    text = plain(schema.get("description", ""))
    heading = f"### {name}\n\n{text}"
    return f"{heading}\n\n{table(('Field', 'Type', 'Required', ''), rows)}" if rows else heading


def _note(schema: Mapping[str, Any]) -> str:
    options = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    said = [
        f"{word} {_number(option[key])}"
        for option in options
        for key, word in LIMITS.items()
        if key in option
    ]
    return " ".join(
        part for part in (schema.get("description", ""), f"({', '.join(said)})" if said else "") if part
    )


def _number(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() else f"{value:g}"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PREFIX)
        return f"[{name}](#{name.lower()})"
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_type(option) for option in schema[word]))
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return " or ".join(code(value) for value in values)
    kind = schema.get("type", "any")
    if kind == "array":
        inner = schema.get("prefixItems") or [schema.get("items", {})]
        return "list of " + " and ".join(dict.fromkeys(_type(part) for part in inner))
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(kind)


def _reachable(node: Any, schemas: Mapping[str, Any]) -> list[str]:
    """Names of the schemas that the routes speak of, in the order they are met."""
    found: dict[str, None] = {}

    def visit(part: Any) -> None:
        if isinstance(part, Mapping):
            name = str(part.get("$ref", "")).removeprefix(PREFIX)
            if name in schemas and name not in found:
                found[name] = None
                visit(schemas[name])
            for value in part.values():
                visit(value)
        elif isinstance(part, list):
            for value in part:
                visit(value)

    visit(node)
    return list(found)
