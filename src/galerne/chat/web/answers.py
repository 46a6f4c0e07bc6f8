"""Answers being written: each is a task of the server, so it survives a closed tab.

What a page must show is kept as *pieces*, each stamped with the event number of its last change. A page that
comes back names the last number it saw and gets only what changed since, in order, however many tokens went
by: a slow or late reader never makes a queue grow, and nothing is drawn that nobody looks at.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.blocks import BlockStream
from galerne.chat.client import AnswerEnd, AnswerStart, ApiClient, TextPiece
from galerne.chat.records import ChatMessage, Manner, MessageStatus
from galerne.chat.temporary import Stores
from galerne.chat.web.markdown import render_block, render_open_block, render_page, renderer_version
from galerne.errors import AnswerRefused, GalerneError

_FRAME_S = 0.04
_RENDER_SHARE = 10  # drawing the open block may take a tenth of the time at most
_SAVE_EVERY_S = 2.0
_SIGN_OF_LIFE_S = 15.0
_KEPT_ANSWERS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """One block a page must show by now.

    Attributes:
        event: number of its last change.
        index: which block, from 0.
        sealed: it does not change any more.
    """

    event: int
    index: int
    html: str
    sealed: bool


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
        self._stream = BlockStream()
        self._stream.feed(message.content)
        self._sealed: list[Piece] = []
        self._drawn: Piece | None = None
        self._event = 1 if message.content else 0
        self._changed = asyncio.Condition()
        self._draw_s = 0.0

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

    async def words(self) -> AsyncIterator[str]:
        """The text so far, then what is added, until the answer ends; an empty one is a sign of life."""
        n_seen, event = 0, -1
        while True:
            if self._event <= event and self.status is MessageStatus.WRITING and not await self._wait(event):
                yield ""
                continue
            event, ended = self._event, self.status is not MessageStatus.WRITING
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
        first = len(self._sealed)
        for index, source in enumerate(self._stream.sealed[first:], start=first):
            self._sealed.append(Piece(event=self._event, index=index, html=render_block(source), sealed=True))
        pieces = [piece for piece in self._sealed if piece.event > seen]
        if self._stream.tail.strip():
            pieces.append(self._draw_tail())
        self._draw_s = time.perf_counter() - started_s
        ended = self.status is not MessageStatus.WRITING
        return News(event=self._event, pieces=tuple(pieces), ended=ended)

    def _draw_tail(self) -> Piece:
        if self._drawn is None or self._drawn.event != self._event:
            html = render_open_block(self._stream.tail)
            self._drawn = Piece(event=self._event, index=len(self._sealed), html=html, sealed=False)
        return self._drawn


class AnswerDesk:
    """Starts, keeps and stops the answers being written.

    Args:
        client: the API, entered.
        stores: where questions and answers are kept.
    """

    def __init__(self, client: ApiClient, stores: Stores) -> None:
        self._client = client
        self._stores = stores
        self._answers: dict[str, WritingAnswer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(
        self, message: ChatMessage, turns: Sequence[Mapping[str, Any]], *, model: str | None, manner: Manner
    ) -> None:
        """Begin to write ``message``, which answers the last of ``turns`` or goes on with it."""
        answer = WritingAnswer(message)
        self._answers[message.id] = answer
        task = asyncio.create_task(self._write(answer, turns, model=model, manner=manner))
        self._tasks[message.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(message.id, None))
        for old in [key for key in self._answers if key not in self._tasks][:-_KEPT_ANSWERS]:
            del self._answers[old]
        await asyncio.sleep(0)  # a task cancelled before its first step would leave no trace

    def find(self, message_id: str) -> WritingAnswer | None:
        """An answer being written, or written lately."""
        return self._answers.get(message_id)

    def stop(self, message_id: str) -> bool:
        """Stop an answer; what is written stays. False if it is not being written."""
        task = self._tasks.get(message_id)
        return task is not None and task.cancel()

    async def forget(self, message_id: str) -> None:
        """Stop an answer and wait until it writes no more; its text is kept here no longer."""
        task = self._tasks.get(message_id)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._answers.pop(message_id, None)

    async def close(self) -> None:
        """Stop every answer and wait until what is written is saved."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(
        self,
        answer: WritingAnswer,
        turns: Sequence[Mapping[str, Any]],
        *,
        model: str | None,
        manner: Manner,
    ) -> None:
        status, problem_code = MessageStatus.FAILED, "internal_error"
        try:
            reason = await self._collect(answer, turns, model=model, manner=manner)
            status, problem_code = MessageStatus.CUT if reason == "length" else MessageStatus.DONE, ""
        except asyncio.CancelledError:
            status, problem_code = MessageStatus.STOPPED, ""
        except AnswerRefused as error:
            problem_code = error.problem_code
        except GalerneError as error:
            problem_code = error.code
        finally:
            try:
                await self._save(answer, status=status, problem_code=problem_code or None)
                await asyncio.to_thread(keep_rendered, self._stores, answer.message.id, answer.text)
            finally:
                await answer.end(status)

    async def _collect(
        self,
        answer: WritingAnswer,
        turns: Sequence[Mapping[str, Any]],
        *,
        model: str | None,
        manner: Manner,
    ) -> str:
        reason = ""
        saved_s = time.monotonic()
        events = self._client.answer(
            turns, model=model, temperature=manner.temperature, max_new_tokens=manner.max_new_tokens
        )
        async for event in events:
            match event:
                case AnswerStart(receipt_id=receipt_id) if receipt_id:
                    await self._save(answer, receipt_id=receipt_id)
                case TextPiece(text=text):
                    await answer.add(text)
                case AnswerEnd():
                    reason = event.finish_reason
                    await self._save(answer, model_id=event.model_id, receipt=event.receipt)
            if time.monotonic() - saved_s > _SAVE_EVERY_S:
                saved_s = time.monotonic()
                await self._save(answer)
        return reason

    async def _save(
        self, answer: WritingAnswer, *, status: MessageStatus = MessageStatus.WRITING, **facts: Any
    ) -> None:
        await asyncio.to_thread(
            self._stores.of(answer.message.id).save_answer,
            answer.message.id,
            content=answer.text,
            status=status,
            **facts,
        )


def keep_rendered(stores: Stores, message_id: str, text: str) -> tuple[str, ...]:
    """Draw an answer that changes no more, and keep what was drawn for the next page that shows it."""
    blocks = render_page(text)
    stores.of(message_id).save_rendered(message_id, blocks, by=renderer_version())
    return blocks
