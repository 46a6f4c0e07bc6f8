"""The rows of a CSV, whatever separates its fields."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from galerne.chat.documents.headings import row_text
from galerne.chat.documents.kinds import decode_text
from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import Piece, Position
from galerne.errors import DocumentTooLarge


def read(content: bytes, limits: Limits) -> tuple[int, Iterable[Piece]]:
    """Rows as lines."""
    return 0, _rows(decode_text(content), limits=limits)


def _rows(text: str, *, limits: Limits) -> Iterator[Piece]:
    csv.field_size_limit(1_000_000)
    sample = text[:20_000]
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    n_cells = 0
    for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), dialect), start=1):
        n_cells += len(row)
        if n_cells > limits.n_cells:
            raise DocumentTooLarge(what="cells", found=n_cells, limit=limits.n_cells)
        yield Piece(text=row_text(row), position=Position(first_row=number, last_row=number))
