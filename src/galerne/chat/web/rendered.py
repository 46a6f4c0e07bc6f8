"""Answers that change no more, drawn once and kept for the next page that shows them."""

from __future__ import annotations

from collections.abc import Sequence

from galerne.chat.records import ChatMessage
from galerne.chat.temporary import Stores
from galerne.chat.tools.records import ToolUse
from galerne.chat.turns import card_mark, parts_of
from galerne.chat.web.markdown import render_page, renderer_version


def keep_rendered(
    stores: Stores, message: ChatMessage, text: str, uses: Sequence[ToolUse] = ()
) -> tuple[str, ...]:
    """Draw an answer that changes no more, and keep what was drawn for the next page that shows it.

    A card is kept as ``card_mark`` of its tool: it is drawn in the reader's language.
    """
    blocks: tuple[str, ...] = ()
    for part in parts_of(text, uses):
        blocks += render_page(part, len(message.citations)) if isinstance(part, str) else (card_mark(part),)
    stores.of(message.id).save_rendered(message.id, blocks, by=renderer_version())
    return blocks
