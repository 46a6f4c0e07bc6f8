"""The text of a DOCX. ``kinds`` has looked into the archive before."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

from docx import Document
from docx.table import Table

from galerne.chat.documents.headings import Headings, row_text
from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import Piece

_HEADING = re.compile(r"(?:Heading|Titre) ?(\d)")


def read(content: bytes, _: Limits) -> tuple[int, Iterable[Piece]]:
    """Paragraphs and rows of tables, each under its headings. Where pages end, only a printer knows."""
    return 0, _blocks(content)


def _blocks(content: bytes) -> Iterator[Piece]:
    headings = Headings()
    for block in Document(io.BytesIO(content)).iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                text = row_text(_once(cell.text for cell in row.cells))
                yield Piece(text=text, position=headings.position())
            continue
        style = (block.style.name if block.style is not None else "") or ""
        match = _HEADING.match(style)
        if match or style == "Title":
            headings.enter(block.text, level=int(match[1]) if match else 0)
        yield Piece(text=block.text, position=headings.position())


def _once(texts: Iterable[str]) -> Iterator[str]:
    """A merged cell is there several times; it is read once."""
    before = None
    for text in texts:
        if text != before:
            yield text
        before = text
