"""What readers of several kinds share: open headings, and a row of a table as a line."""

from __future__ import annotations

from collections.abc import Iterable

from galerne.chat.documents.records import Position

_LONGEST_HEADING = 120


class Headings:
    """The headings that are open at some point of a document."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, text: str, *, level: int) -> None:
        """A heading of this level begins: it closes those of its level and below."""
        words = " ".join(text.split())[:_LONGEST_HEADING]
        self._open = [(deep, name) for deep, name in self._open if deep < level]
        if words:
            self._open.append((level, words))

    def position(self) -> Position:
        """Where the text that follows stands."""
        return Position(heading=" / ".join(name for _, name in self._open[-3:]) or None)


def row_text(cells: Iterable[str]) -> str:
    """A row of a table as one line; empty if all its cells are."""
    texts = [" ".join(cell.split()) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return " | ".join(texts) if any(texts) else ""
