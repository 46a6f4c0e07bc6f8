"""An answer as server-sent events that a page can leave and take up again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable

from galerne.chat.records import ChatMessage
from galerne.chat.web.answers import News, Piece, WritingAnswer
from galerne.chat.web.markdown import render_page


async def answer_events(
    answer: WritingAnswer | None, *, message: ChatMessage, after: int
) -> AsyncIterator[str]:
    """Events ``block`` {index, html, sealed} and ``end`` {n_blocks}.

    Args:
        answer: where it is being written; ``None`` once it is only in the store.
        message: the same answer in the store.
        after: number of the last event the page has seen.
    """
    if answer is None:
        yield _format(stored_news(message))
        return
    async for news in answer.news(after=after):
        yield _format(news)


async def answer_words(answer: WritingAnswer | None, *, message: ChatMessage) -> AsyncIterator[str]:
    """Events ``words`` {text} and ``end``: the same answer as the Markdown it is."""
    if answer is None:
        yield _event("words", text=message.content) + "\n"
    else:
        async for text in answer.words():
            yield _event("words", text=text) + "\n" if text else ": still here\n\n"
    yield _event("end") + "\n"


def stored_news(message: ChatMessage) -> News:
    """A finished answer, whole."""
    pieces = (
        Piece(event=1, index=index, html=html, sealed=True)
        for index, html in enumerate(render_page(message.content))
    )
    return News(event=1, pieces=tuple(pieces), ended=True)


def _format(news: News) -> str:
    """One batch; the number stands on its last event alone, so that a broken batch is sent again whole."""
    events = [_event("block", index=p.index, html=p.html, sealed=p.sealed) for p in news.pieces]
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
