"""The JSON schema of a scenario, made from its records: editors complete and check with it."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from typing import Annotated, Any

from galerne.site.scenario.reading import LISTS, OPTIONAL, SECTIONS
from galerne.spread import Spread

_KINDS = {float: "number", int: "integer", str: "string"}


def scenario_schema() -> dict[str, Any]:
    """The schema of scenario files, JSON Schema 2020-12."""
    properties: dict[str, Any] = {name: _section(record) for name, record in SECTIONS.items()}
    properties |= {name: {"type": "array", "items": _section(record)} for name, record in LISTS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Galerne site scenario",
        "type": "object",
        "properties": properties,
        "required": sorted(set(SECTIONS) - OPTIONAL),
        "additionalProperties": False,
    }


def _section(record: type) -> dict[str, Any]:
    hints = typing.get_type_hints(record, include_extras=True)
    meanings = _meanings(record)
    fields = dataclasses.fields(record)
    return {
        "type": "object",
        "description": (inspect.getdoc(record) or "").split("\n")[0],
        "properties": {f.name: _value(hints[f.name], meanings.get(f.name, ""), f.default) for f in fields},
        "required": [f.name for f in fields if f.default is dataclasses.MISSING],
        "additionalProperties": False,
    }


def _value(hint: Any, meaning: str, default: Any) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if typing.get_origin(hint) is Annotated:
        hint, bounds = typing.get_args(hint)
        limits = {"minimum": bounds.low, "maximum": bounds.high}
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
    number: dict[str, Any] = {"type": "number", **limits}
    schema: dict[str, Any]
    if hint is Spread:
        ends = dict.fromkeys(("best", "low", "high"), number)
        span = {"type": "object", "properties": ends, "required": list(ends), "additionalProperties": False}
        schema = {"anyOf": [number, span]}
    elif typing.get_origin(hint) is tuple:
        schema = {"type": "array", "items": {"type": _KINDS[typing.get_args(hint)[0]]}}
    else:
        schema = {"type": _KINDS[hint], **limits}
    if meaning:
        schema["description"] = meaning
    if default is not dataclasses.MISSING and default not in (None, ()):
        schema["default"] = list(default) if isinstance(default, tuple) else default
    return schema


def _meanings(record: type) -> dict[str, str]:
    """What the docstring of a record says of its fields."""
    _, _, listed = (inspect.getdoc(record) or "").partition("Attributes:")
    lines = re.sub(r"\n\s{8,}", " ", listed)
    return dict(re.findall(r"^\s{4}(\w+): (.+)$", lines, re.MULTILINE))
