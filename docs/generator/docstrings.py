"""Reads the ``Attributes:`` of our docstrings, written in Google's style."""

from __future__ import annotations

import inspect
import re

from docs.generator.markdown import plain

_ENTRY = re.compile(r"^    (\w+): ?(.*)$")


def attributes(record: type) -> dict[str, str]:
    """What a record's docstring says of each field; fields it does not mention are absent."""
    found: dict[str, str] = {}
    current = None
    for line in _section(record):
        entry = _ENTRY.match(line)
        if entry:
            current = entry[1]
            found[current] = entry[2]
        elif current:
            found[current] += f" {line.strip()}"
    return {name: plain(text) for name, text in found.items()}


def first_paragraphs(record: type) -> str:
    """The text of a docstring before its sections; formulas, which are indented, as blocks."""
    text = (inspect.getdoc(record) or "").split("\nAttributes:\n")[0].split("\nArgs:\n")[0]
    paragraphs = text.strip("\n").split("\n\n")
    return "\n\n".join(part if part.startswith("    ") else plain(part) for part in paragraphs)


def _section(record: type) -> list[str]:
    _, separator, text = (inspect.getdoc(record) or "").partition("\nAttributes:\n")
    if not separator:
        return []
    return [line for line in text.split("\n\n")[0].splitlines() if line.startswith("    ")]
