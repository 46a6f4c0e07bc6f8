"""Answers that change no more, drawn once and kept for the next page that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from galerne.chat.history.records import ChatMessage
from galerne.chat.history.temporary import Stores
from galerne.chat.history.turns import card_mark, parts_of
from galerne.chat.tools.records import ToolUse
from galerne.chat.web.markdown import render_page, renderer_version


def draw(message: ChatMessage, text: str, uses: Sequence[ToolUse] = ()) -> tuple[str, ...]:
    """The blocks of an answer; a card is ``card_mark`` of its tool: it is drawn in the reader's language."""
    blocks: tuple[str, ...] = ()
    for part in parts_of(text, uses):
        blocks += render_page(part, len(message.citations)) if isinstance(part, str) else (card_mark(part),)
    return blocks


def keep_drawn(stores: Stores, drawn: Mapping[str, Sequence[str]]) -> None:
    """Keep the blocks of some answers of one conversation, in one transaction."""
    stores.of(next(iter(drawn))).save_rendered(drawn, by=renderer_version())
