"""The strata, drawn from the contract that import-linter checks."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

from docs.generator.markdown import code, fence, page, summary, table

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def layers() -> list[list[str]]:
    """Names of the parts, the roof first; siblings together."""
    contracts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    contract = next(contract for contract in contracts if contract["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def layers_page() -> str:
    """``layers.md``."""
    strata = layers()
    contracts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    forbidden = [contract for contract in contracts if contract["type"] == "forbidden"]
    return page(
        "The strata",
        "Imports go down only; parts of one storey do not import each other. `lint-imports` refuses anything "
        "else. Why: [ADR 0001](../adr/0001-strata.md).",
        fence(_diagram(strata), "mermaid"),
        table(
            ("Part", "Purpose"),
            [
                (code(_short(name)), summary(importlib.import_module(name)))
                for stratum in strata
                for name in stratum
            ],
        ),
        "## Further contracts",
        *(_contract(contract) for contract in forbidden),
    )


def _diagram(strata: list[list[str]]) -> str:
    lines = ["flowchart TD"]
    for number, stratum in enumerate(strata):
        label = " | ".join(_short(name) for name in stratum)
        lines.append(f'    s{number}["{label}"]')
    lines += [f"    s{number} --> s{number + 1}" for number in range(len(strata) - 1)]
    return "\n".join(lines)


def _contract(contract: dict[str, list[str]]) -> str:
    sources = ", ".join(code(_short(name)) for name in contract["source_modules"])
    targets = ", ".join(code(_short(name)) for name in contract["forbidden_modules"])
    return f"**{contract['name']}.** {sources} may not import {targets}."


def _short(name: str) -> str:
    return name.removeprefix("galerne.")
