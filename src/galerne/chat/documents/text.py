"""Plain text in paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from galerne.chat.documents.kinds import decode_text
from galerne.chat.documents.limits import Limits
from galerne.chat.documents.records import Piece

_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")


def read(content: bytes, _: Limits) -> tuple[int, Iterable[Piece]]:
    """Paragraphs."""
    return 0, (Piece(text=paragraph) for paragraph in _BLANK_LINES.split(decode_text(content)))
