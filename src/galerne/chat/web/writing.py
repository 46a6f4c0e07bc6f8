"""One answer being written: its text so far, its blocks, and who waits for news of it.

What a page must show is kept as *pieces*, each stamped with the event number of its last change. A page that
comes back names the last number it saw and gets only what changed since, in order, however many tokens went
by: a slow or late reader never makes a queue grow, and nothing is drawn that nobody looks at.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from galerne.chat.blocks import BlockStream
from galerne.chat.history.records import ChatMessage, MessageStatus
from galerne.chat.history.turns import parts_of
from galerne.chat.tools.records import Decision, ToolUse
from galerne.chat.web.markdown import render_block, render_open_block

_FRAME_S = 0.08  # a dozen times a second reads as a flow, and half as often costs half
_RENDER_SHARE = 10  # drawing the open block may take a tenth of the time at most
_SIGN_OF_LIFE_S = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One block a page must show by now, or the card of a tool.

    Attributes:
        event: number of its last change.
        index: which block, from 0.
        sealed: it does not change any more.
        use: what a card shows; it has no HTML, since it is drawn in the reader's language.
    """

    event: int
    index: int
    html: str
    sealed: bool
    use: ToolUse | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What changed since a page last looked; nothing at all is a sign of life.

    Attributes:
        event: the number to name when asking again.
        ended: no more comes.
    """

    event: int
    pieces: tuple[Piece, ...] = ()
    ended: bool = False


class WritingAnswer:
    """One answer: its text so far, its blocks, and who waits for news."""

    def __init__(self, message: ChatMessage) -> None:
        self.message = message
        self.status = MessageStatus.WRITING
        self.text = message.content  # what is there already is gone on with
        self.uses: list[ToolUse] = list(message.tool_uses)
        self._stream = BlockStream()
        self._sealed: list[Piece] = []
        self._n_before = 0  # pieces before the present stream of blocks began
        self._decisions: dict[str, asyncio.Future[Decision]] = {}
        self._drawn: Piece | None = None
        self._event = 1 if message.content or message.tool_uses else 0
        self._changed = asyncio.Condition()
        self._draw_s = 0.0
        for part in parts_of(message.content, message.tool_uses):
            if isinstance(part, str):
                self._stream.feed(part)
            else:
                self._place(part)

    async def show_use(self, use: ToolUse) -> None:
        """Show the card of a tool where the text is, or what has become of it."""
        known = [index for index, old in enumerate(self.uses) if old.id == use.id]
        if known:
            self.uses[known[0]] = use
            place = next(n for n, piece in enumerate(self._sealed) if piece.use and piece.use.id == use.id)
            self._sealed[place] = dataclasses.replace(self._sealed[place], event=self._event + 1, use=use)
        else:
            self.uses.append(use)
            self._place(use)
        await self._advance()

    async def decision(self, use: ToolUse) -> Decision:
        """What a person says to a tool that asks; waits as long as it takes."""
        self._decisions[use.id] = asyncio.get_running_loop().create_future()
        return await self._decisions[use.id]

    def decide(self, use_id: str, decision: Decision) -> bool:
        """Answer a tool that asks; False if none of this id does."""
        asked = self._decisions.pop(use_id, None)
        if asked is None or asked.done():
            return False
        asked.set_result(decision)
        return True

    def _place(self, use: ToolUse) -> None:
        """Put a card after the text so far, and begin a new stream of blocks behind it."""
        self._stream.finish()
        self._seal(event=self._event + 1)
        card = Piece(event=self._event + 1, index=len(self._sealed), html="", sealed=True, use=use)
        self._sealed.append(card)
        self._stream, self._n_before, self._drawn = BlockStream(), len(self._sealed), None

    def _seal(self, *, event: int) -> None:
        for source in self._stream.sealed[len(self._sealed) - self._n_before :]:
            html = render_block(source, n_citations=len(self.message.citations))
            self._sealed.append(Piece(event=event, index=len(self._sealed), html=html, sealed=True))

    async def add(self, text: str) -> None:
        """Take more of the answer."""
        self.text += text
        self._stream.feed(text)
        await self._advance()

    async def end(self, status: MessageStatus) -> None:
        """No more text comes."""
        self._stream.finish()
        self.status = status
        await self._advance()

    async def news(self, *, after: int) -> AsyncIterator[News]:
        """What changed since event ``after``, then what changes, until the answer ends."""
        seen = after
        while True:
            if self._event <= seen and self.status is MessageStatus.WRITING and not await self._wait(seen):
                yield News(event=seen)
                continue
            news = self._look(seen)
            yield news
            if news.ended:
                return
            seen = news.event
            await asyncio.sleep(max(_FRAME_S, self._draw_s * _RENDER_SHARE))

    async def words(self) -> AsyncIterator[str | ToolUse]:
        """The text so far, then what is added, until the answer ends; an empty one is a sign of life.

        What becomes of a tool comes between the words where it was called.
        """
        n_seen, event = 0, -1
        shown: dict[str, ToolUse] = {}
        while True:
            if self._event <= event and self.status is MessageStatus.WRITING and not await self._wait(event):
                yield ""
                continue
            event, ended = self._event, self.status is not MessageStatus.WRITING
            for use in [use for use in self.uses if shown.get(use.id) != use]:
                shown[use.id] = use
                yield self.text[n_seen : use.at_characters]
                n_seen = max(n_seen, use.at_characters)
                yield use
            yield self.text[n_seen:]
            n_seen = len(self.text)
            if ended:
                return

    async def _wait(self, seen: int) -> bool:
        try:
            async with asyncio.timeout(_SIGN_OF_LIFE_S), self._changed:
                await self._changed.wait_for(lambda: self._event > seen)
        except TimeoutError:
            return False
        return True

    async def _advance(self) -> None:
        # Counted before the first await: whoever draws now stamps the new number.
        self._event += 1
        async with self._changed:
            self._changed.notify_all()

    def _look(self, seen: int) -> News:
        started_s = time.perf_counter()
        self._seal(event=self._event)
        pieces = [piece for piece in self._sealed if piece.event > seen]
        if self._stream.tail.strip():
            pieces.append(self._draw_tail())
        self._draw_s = time.perf_counter() - started_s
        ended = self.status is not MessageStatus.WRITING
        return News(event=self._event, pieces=tuple(pieces), ended=ended)

    def _draw_tail(self) -> Piece:
        if self._drawn is None or self._drawn.event != self._event:
            html = render_open_block(self._stream.tail, n_citations=len(self.message.citations))
            self._drawn = Piece(event=self._event, index=len(self._sealed), html=html, sealed=False)
        return self._drawn
