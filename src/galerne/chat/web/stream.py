"""An answer as server-sent events that a page can leave and take up again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeAlias

from galerne.chat.history.records import ChatMessage
from galerne.chat.history.turns import parts_of
from galerne.chat.tools.records import ToolUse
from galerne.chat.web.markdown import render_page
from galerne.chat.web.writing import News, Piece, WritingAnswer

Draw: TypeAlias = Callable[[ToolUse], str]
"""Draws the card of a tool, in the reader's language."""


async def answer_events(
    answer: WritingAnswer | None, *, message: ChatMessage, after: int, draw: Draw
) -> AsyncIterator[str]:
    """Events ``block`` {index, html, sealed} and ``end`` {n_blocks}.

    Args:
        answer: where it is being written; ``None`` once it is only in the store.
        message: the same answer in the store.
        after: number of the last event the page has seen.
        draw: draws the cards.
    """
    if answer is None:
        yield _format(stored_news(message), draw)
        return
    async for news in answer.news(after=after):
        yield _format(news, draw)


async def answer_words(answer: WritingAnswer | None, *, message: ChatMessage) -> AsyncIterator[str]:
    """Events ``words`` {text}, ``tool`` and ``end``: the same answer as the Markdown it is."""
    if answer is None:
        for part in parts_of(message.content, message.tool_uses):
            yield _word(part)
    else:
        async for part in answer.words():
            yield _word(part)
    yield _event("end") + "\n"


def stored_news(message: ChatMessage) -> News:
    """A finished answer, whole."""
    pieces: list[Piece] = []
    for part in parts_of(message.content, message.tool_uses):
        blocks = render_page(part, len(message.citations)) if isinstance(part, str) else ("",)
        use = None if isinstance(part, str) else part
        pieces += [
            Piece(event=1, index=n, html=html, sealed=True, use=use)
            for n, html in enumerate(blocks, start=len(pieces))
        ]
    return News(event=1, pieces=tuple(pieces), ended=True)


def _word(part: str | ToolUse) -> str:
    if isinstance(part, ToolUse):
        return _event("tool", **dataclasses.asdict(part)) + "\n"
    return _event("words", text=part) + "\n" if part else ": still here\n\n"


def _format(news: News, draw: Draw) -> str:
    """One batch; the number stands on its last event alone, so that a broken batch is sent again whole."""
    events = [
        _event("block", index=p.index, html=draw(p.use) if p.use else p.html, sealed=p.sealed)
        for p in news.pieces
    ]
    if news.ended:
        events.append(_event("end"))
    if not events:
        return ": still here\n\n"
    return _numbered(events, news.event)


def _numbered(events: Iterable[str], number: int) -> str:
    *first, last = events
    return "".join(f"{event}\n" for event in first) + f"id: {number}\n{last}\n"


def _event(name: str, **facts: object) -> str:
    return f"event: {name}\ndata: {json.dumps(facts, ensure_ascii=False, separators=(',', ':'))}\n"
