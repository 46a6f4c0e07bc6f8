"""Pieces of a document joined and cut into passages: long enough to mean something, short enough to cite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from galerne.chat.documents.records import DocumentKind, Passage, Piece, Position, Reading

PASSAGE_CHARACTERS = 900
"""A passage grows until the next piece would make it longer than this: about 200 tokens."""
_LONGEST = 1_200
_SENTENCE_END = re.compile(r"(?<=[.!?…»\"])\s+|\n")
_TABLES = {DocumentKind.CSV, DocumentKind.XLSX}


def split(reading: Reading) -> tuple[Passage, ...]:
    """The passages of a document; none crosses a page, a sheet or a heading."""
    pieces = _with_headers(reading.pieces) if reading.kind in _TABLES else reading.pieces
    parts = _join(part for piece in pieces for part in _cut(piece))
    return tuple(Passage(n=n, text=part.text, position=part.position) for n, part in enumerate(parts))


def _join(pieces: Iterable[Piece]) -> Iterator[Piece]:
    held: Piece | None = None
    for piece in pieces:
        if held is None:
            held = piece
        elif _belong_together(held, piece):
            position = replace(held.position, last_row=piece.position.last_row)
            held = Piece(text=f"{held.text}\n{piece.text}", position=position)
        else:
            yield held
            held = piece
    if held is not None:
        yield held


def _belong_together(held: Piece, piece: Piece) -> bool:
    if len(held.text) + len(piece.text) > PASSAGE_CHARACTERS:
        return False
    return _home(held.position) == _home(piece.position)


def _home(position: Position) -> tuple[int | None, str | None, str | None]:
    return position.page, position.sheet, position.heading


def _cut(piece: Piece) -> Iterator[Piece]:
    """A piece that is too long alone, cut between sentences, else between words, else anywhere."""
    text = piece.text
    while len(text) > _LONGEST:
        ends = [match.end() for match in _SENTENCE_END.finditer(text, PASSAGE_CHARACTERS // 2, _LONGEST)]
        end = ends[-1] if ends else text.rfind(" ", PASSAGE_CHARACTERS // 2, _LONGEST) + 1
        end = end or _LONGEST
        yield replace(piece, text=text[:end].strip())
        text = text[end:].strip()
    if text:
        yield replace(piece, text=text)


def _with_headers(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Rows of a table in groups, each under the first row of its sheet: without it, cells mean nothing."""
    header, group = "", list[Piece]()
    for piece in pieces:
        if group and (
            piece.position.sheet != group[0].position.sheet
            or sum(len(row.text) for row in group) + len(header) + len(piece.text) > PASSAGE_CHARACTERS
        ):
            yield _group(header, group)
            if piece.position.sheet != group[0].position.sheet:
                header = ""
            group = []
        header = header or piece.text[: PASSAGE_CHARACTERS // 3]
        group.append(piece)
    if group:
        yield _group(header, group)


def _group(header: str, rows: list[Piece]) -> Piece:
    begins = rows[0].text.startswith(header)
    lines = [row.text for row in rows] if begins else [header, *(row.text for row in rows)]
    first, last = rows[0].position, rows[-1].position
    return Piece(text="\n".join(lines), position=replace(first, last_row=last.last_row))
