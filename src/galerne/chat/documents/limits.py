"""How much of a document is read, and what reading may take."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_DOCUMENT_BYTES = 32_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of one reading.

    Attributes:
        memory_bytes: address space of the process that reads.
        processor_s: processor time it may use.
        wall_s: time until it is killed, whatever it does.
        n_pages: of a PDF.
        n_characters: of text, all pieces together.
        unpacked_bytes: what the members of an office file may unpack to.
        n_members: files inside an office file.
        n_cells: of a table or a workbook.
    """

    memory_bytes: int = 1_000_000_000
    processor_s: int = 60
    wall_s: float = 120.0
    n_pages: int = 3_000
    n_characters: int = 8_000_000
    unpacked_bytes: int = 300_000_000
    n_members: int = 5_000
    n_cells: int = 1_000_000
