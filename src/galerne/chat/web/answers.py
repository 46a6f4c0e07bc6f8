"""Answers being written: each is a task of the server, so it survives a closed tab.

What a page must show is kept as *pieces*, each stamped with the event number of its last change. A page that
comes back names the last number it saw and gets only what changed since, in order, however many tokens went
by: a slow or late reader never makes a queue grow, and nothing is drawn that nobody looks at.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from galerne.chat.blocks import BlockStream
from galerne.chat.client import AnswerEnd, AnswerStart, ApiClient, TextPiece, ToolCalled
from galerne.chat.records import ChatMessage, Manner, MessageStatus
from galerne.chat.temporary import Stores
from galerne.chat.tools.records import Decision, Tool, ToolUse, UseStatus
from galerne.chat.tools.toolbox import Toolbox, run_tool
from galerne.chat.turns import calls_turns, card_mark, parts_of
from galerne.chat.web.markdown import render_block, render_open_block, render_page, renderer_version
from galerne.errors import AnswerRefused, GalerneError, ToolFailed

_FRAME_S = 0.04
_RENDER_SHARE = 10  # drawing the open block may take a tenth of the time at most
_SAVE_EVERY_S = 2.0
_SIGN_OF_LIFE_S = 15.0
_KEPT_ANSWERS = 64
_MOST_ROUNDS = 8
"""How often an answer may call tools before it must do without."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How an answer is to be written.

    Attributes:
        message: it, with what it stands on.
        turns: what the model is asked.
        text: the answer itself, where no model is asked.
    """

    message: ChatMessage
    turns: Sequence[Mapping[str, Any]]
    text: str | None = None


Prepare: TypeAlias = Callable[[], Awaitable[Plan]]


class AnswerDesk:
    """Starts, keeps and stops the answers being written.

    Args:
        client: the API, entered.
        stores: where questions and answers are kept.
        toolbox: what models may call.
    """

    def __init__(self, client: ApiClient, stores: Stores, toolbox: Toolbox) -> None:
        self._client = client
        self._toolbox = toolbox
        self._stores = stores
        self._answers: dict[str, WritingAnswer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(
        self, message: ChatMessage, prepare: Prepare, *, model: str | None, manner: Manner
    ) -> None:
        """Begin to write ``message``; ``prepare`` finds what to ask, and may take a while."""
        answer = WritingAnswer(message)
        self._answers[message.id] = answer
        task = asyncio.create_task(self._write(answer, prepare, model=model, manner=manner))
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
        prepare: Prepare,
        *,
        model: str | None,
        manner: Manner,
    ) -> None:
        status, problem_code = MessageStatus.FAILED, "internal_error"
        try:
            plan = await prepare()
            answer.message = plan.message
            reason = "stop"
            if plan.text is None:
                reason = await self._answer(answer, plan.turns, model=model, manner=manner)
            else:
                await answer.add(plan.text)
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
                await asyncio.to_thread(self._close_uses, answer)
                await asyncio.to_thread(keep_rendered, self._stores, answer.message, answer.text, answer.uses)
            finally:
                await answer.end(status)

    async def _answer(
        self,
        answer: WritingAnswer,
        turns: Sequence[Mapping[str, Any]],
        *,
        model: str | None,
        manner: Manner,
    ) -> str:
        """Ask, run the tools that are called, and ask again with what they say, until the answer ends."""
        tools = await self._tools(model, manner)
        for n_rounds in range(_MOST_ROUNDS + 1):
            offered = tools if n_rounds < _MOST_ROUNDS else ()
            began = len(answer.text)
            reason, calls = await self._collect(answer, turns, model=model, manner=manner, tools=offered)
            if not calls:
                break
            await self._use(answer, calls, tools)
            used = [use for use in answer.uses if use.round == answer.uses[-1].round]
            turns = [*turns, *calls_turns(answer.text[began:], used)]
            store = self._stores.of(answer.message.id)
            await asyncio.to_thread(store.begin_round, answer.message.id)
        return reason

    async def _tools(self, model: str | None, manner: Manner) -> tuple[Tool, ...]:
        """What the model may call; nothing where it does not call of its own accord."""
        if manner.tools == ():
            return ()
        models = await self._client.models()
        chosen = next((entry for entry in models if entry["id"] == model), models[0] if models else {})
        if not chosen.get("capabilities", {}).get("function_calling"):
            return ()
        return await self._toolbox.chosen(manner.tools)

    async def _collect(
        self,
        answer: WritingAnswer,
        turns: Sequence[Mapping[str, Any]],
        *,
        model: str | None,
        manner: Manner,
        tools: Sequence[Tool],
    ) -> tuple[str, list[ToolCalled]]:
        reason = ""
        saved_s = time.monotonic()
        calls: list[ToolCalled] = []
        events = self._client.answer(
            turns,
            model=model,
            temperature=manner.temperature,
            max_new_tokens=manner.max_new_tokens,
            tools=[tool.spec for tool in tools],
        )
        async for event in events:
            match event:
                case ToolCalled():
                    calls.append(event)
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
        return reason, calls

    async def _use(self, answer: WritingAnswer, calls: Sequence[ToolCalled], tools: Sequence[Tool]) -> None:
        """Run what was called together, each as soon as it may."""
        by_name = {tool.name: tool for tool in tools}
        round_ = max((use.round for use in answer.uses), default=0) + 1
        uses = [
            ToolUse(
                id=call.id or f"{answer.message.id}-{round_}-{n}",
                name=call.name,
                arguments=call.arguments,
                at_characters=len(answer.text),
                round=round_,
            )
            for n, call in enumerate(calls)
        ]
        for use in uses:
            await answer.show_use(use)
        await asyncio.gather(*(self._use_one(answer, use, by_name.get(use.name)) for use in uses))

    async def _use_one(self, answer: WritingAnswer, use: ToolUse, tool: Tool | None) -> None:
        if tool is None:
            await self._note(answer, use, UseStatus.FAILED, "there is no such tool")
            return
        if tool.asks and not await self._is_agreed(answer, use):
            await self._note(answer, use, UseStatus.DENIED, "the user does not want this tool to be used")
            return
        await self._note(answer, use, UseStatus.RUNNING)
        try:
            result = await run_tool(tool, use.arguments)
        except ToolFailed as error:
            await self._note(answer, use, UseStatus.FAILED, error.problem)
        else:
            await self._note(answer, use, UseStatus.DONE, result)

    async def _is_agreed(self, answer: WritingAnswer, use: ToolUse) -> bool:
        store, conversation_id = self._stores.of(answer.message.id), answer.message.conversation_id
        if use.name in (await asyncio.to_thread(store.conversation, conversation_id)).allowed_tools:
            return True
        await self._note(answer, use, UseStatus.ASKED)
        decision = await answer.decision(use)
        if decision is Decision.CONVERSATION:
            await asyncio.to_thread(store.allow_tool, conversation_id, use.name)
        return decision is not Decision.DENY

    async def _note(self, answer: WritingAnswer, use: ToolUse, status: UseStatus, result: str = "") -> None:
        await answer.show_use(dataclasses.replace(use, status=status, result=result))
        store = self._stores.of(answer.message.id)
        await asyncio.to_thread(store.save_tool_uses, answer.message.id, answer.uses)

    def _close_uses(self, answer: WritingAnswer) -> None:
        """A tool that was still asked for or running when the answer ended is used no more."""
        for n, use in enumerate(answer.uses):
            if use.status in {UseStatus.ASKED, UseStatus.RUNNING}:
                answer.uses[n] = dataclasses.replace(use, status=UseStatus.DENIED, result="stopped")
        if answer.uses:
            self._stores.of(answer.message.id).save_tool_uses(answer.message.id, answer.uses)

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
