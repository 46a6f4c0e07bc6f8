"""Pieces of Markdown that every page of the reference is made of."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

NOTICE = "<!-- Written by `make docs` from the code: edit the code, not this page. -->"


def page(title: str, *parts: str) -> str:
    """A whole page: the notice, a title, and parts with an empty line between them."""
    body = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    return f"{NOTICE}\n\n# {title}\n\n{body}\n"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; what would break a cell is escaped."""
    lines = [_row(header), _row(["---"] * len(header))]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def code(text: object) -> str:
    """Inline code."""
    return f"`{text}`"


def fence(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def summary(thing: object) -> str:
    """The first paragraph of a docstring, on one line."""
    paragraph = (inspect.getdoc(thing) or "").split("\n\n")[0]
    return plain(paragraph)


def plain(text: str) -> str:
    """A docstring's text as Markdown: double backquotes become single ones, lines become one."""
    return re.sub(r"``([^`]+)``", r"`\1`", " ".join(text.split()))


def anchor(heading: str) -> str:
    """The fragment by which a heading is linked to."""
    kept = re.sub(r"[^\w\s-]", "", heading.lower())
    return re.sub(r"\s", "-", kept.strip())


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
