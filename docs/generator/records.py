"""The public records of every part, from what each front door exports."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import galerne
from docs.generator.docstrings import attributes, first_paragraphs
from docs.generator.markdown import code, page, summary, table

GROUND = ("generation", "images", "energy", "spread")


def parts() -> list[ModuleType]:
    """The parts with a front door, and the ground modules that hold records, by name."""
    names = [module.name for module in pkgutil.iter_modules(galerne.__path__) if module.ispkg]
    modules = [importlib.import_module(f"galerne.{name}") for name in sorted({*names, *GROUND})]
    return [module for module in modules if list(records(module))]


def records(part: ModuleType) -> Iterator[type]:
    """The dataclasses that a part exports and defines."""
    names = getattr(part, "__all__", sorted(vars(part)))
    for name in names:
        value = getattr(part, name)
        if dataclasses.is_dataclass(value) and isinstance(value, type) and _belongs(value, part):
            yield value


def public_fields() -> Iterator[str]:
    """The names of all fields of all public records."""
    for part in parts():
        for record in records(part):
            yield from (field.name for field in dataclasses.fields(record))


def records_page() -> str:
    """``records.md``."""
    sections = []
    for part in parts():
        sections.append(f"## {part.__name__}\n\n{summary(part)}")
        sections += [_record(record) for record in records(part)]
    return page(
        "Records",
        "What the parts exchange: frozen, keyword-only dataclasses. A field without a note says all in its "
        "name; endings are in the [glossary](glossary.md).",
        *sections,
    )


def _record(record: type) -> str:
    notes = attributes(record)
    rows = [
        (code(field.name), code(field.type), notes.get(field.name, ""))
        for field in dataclasses.fields(record)
        if not field.name.startswith("_")
    ]
    text = first_paragraphs(record)
    return "\n\n".join(
        [f"### {record.__name__}", text, *([table(("Field", "Type", ""), rows)] if rows else [])]
    )


def _belongs(record: type, part: ModuleType) -> bool:
    module = record.__module__
    return module == part.__name__ or module.startswith(f"{part.__name__}.")
