"""Markdown in paragraphs under their headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from galerne.chat.documents.headings import Headings
from galerne.chat.documents.kinds import decode_text
from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import Piece

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t#]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def read(content: bytes, _: Limits) -> tuple[int, Iterable[Piece]]:
    """Paragraphs; fenced code stays in one piece."""
    return 0, _paragraphs(decode_text(content))


def _paragraphs(text: str) -> Iterator[Piece]:
    headings, lines, fence = Headings(), list[str](), ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            lines.append(line)
            fence = "" if mark and mark[1].startswith(fence) else fence
            continue
        heading = _ATX.match(line)
        if heading or not line.strip():
            yield Piece(text="\n".join(lines), position=headings.position())
            lines = []
        if heading:
            headings.enter(heading[2], level=len(heading[1]))
        fence = mark[1] if mark else ""
        lines.append(line)
    yield Piece(text="\n".join(lines), position=headings.position())
