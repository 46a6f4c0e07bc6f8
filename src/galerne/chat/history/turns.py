"""What an answer with tools is made of: for the page, text and cards; for the API, turns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from galerne.chat.history.records import ChatMessage
from galerne.chat.tools.document_search import without_passages
from galerne.chat.tools.records import ToolUse, UseStatus

_CARD = "tool:"


def parts_of(text: str, uses: Sequence[ToolUse]) -> Iterator[str | ToolUse]:
    """The text and the tools of an answer, in their order."""
    done = 0
    for use in uses:
        if use.at_characters > done:
            yield text[done : use.at_characters]
            done = use.at_characters
        yield use
    if done < len(text) or not uses:
        yield text[done:]


def card_mark(use: ToolUse) -> str:
    """What stands among rendered blocks for the card of a tool; rendered HTML begins with ``<``."""
    return f"{_CARD}{use.id}"


def marked_use(block: str, uses: Sequence[ToolUse]) -> ToolUse | None:
    """The tool whose card stands here; ``None`` for HTML."""
    if not block.startswith(_CARD):
        return None
    return next((use for use in uses if card_mark(use) == block), None)


def answer_turns(message: ChatMessage, *, again: bool = False) -> list[dict[str, Any]]:
    """An answer as the API takes it back: its text, what it called, what came of it, and the rest.

    Args:
        message: the answer.
        again: it is gone on with; of one before it, the passages found are left out, since their numbers
            mean others now.
    """
    turns: list[dict[str, Any]] = []
    done = 0
    tool_uses = message.tool_uses if again else without_passages(message.tool_uses)
    for _, group in itertools.groupby(tool_uses, key=lambda use: use.round):
        uses = list(group)
        turns += calls_turns(message.content[done : uses[0].at_characters], uses)
        done = uses[0].at_characters
    if rest := message.content[done:]:
        turns.append({"role": "assistant", "content": rest})
    return turns


def calls_turns(text: str, uses: Sequence[ToolUse]) -> list[dict[str, Any]]:
    """The turns of one round of calls."""
    calls = [
        {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": use.arguments}}
        for use in uses
    ]
    replies = [
        {"role": "tool", "tool_call_id": use.id, "name": use.name, "content": _reply(use)} for use in uses
    ]
    return [{"role": "assistant", "content": text, "tool_calls": calls}, *replies]


def _reply(use: ToolUse) -> str:
    return use.result if use.status is UseStatus.DONE else f"Error: {use.result or use.status.value}"
