"""The cells of an XLSX, as values and not as formulas. ``kinds`` has looked into the archive before."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from openpyxl import load_workbook

from galerne.chat.documents.headings import row_text
from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import Piece, Position
from galerne.errors import DocumentTooLarge


def read(content: bytes, limits: Limits) -> tuple[int, Iterable[Piece]]:
    """How many sheets there are, and their rows."""
    workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    return len(workbook.worksheets), _rows(workbook, limits=limits)


def _rows(workbook: Any, *, limits: Limits) -> Iterator[Piece]:
    n_cells = 0
    for sheet in workbook.worksheets:
        sheet.reset_dimensions()  # what a file says of its size is not believed
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
            n_cells += len(row)
            if n_cells > limits.n_cells:
                raise DocumentTooLarge(what="cells", found=n_cells, limit=limits.n_cells)
            if text := row_text("" if value is None else str(value) for value in row):
                position = Position(sheet=str(sheet.title), first_row=number, last_row=number)
                yield Piece(text=text, position=position)
