"""Answers being written: each is a task of the server, so it survives a closed tab."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from galerne.chat.client.answer import AnswerEnd, AnswerStart, TextPiece, ToolCalled
from galerne.chat.client.api import ApiClient
from galerne.chat.history.records import ChatMessage, Manner, MessageStatus
from galerne.chat.history.temporary import Stores
from galerne.chat.history.turns import calls_turns
from galerne.chat.tools.document_search import Find
from galerne.chat.tools.records import Tool
from galerne.chat.tools.toolbox import Toolbox
from galerne.chat.web.rendered import draw, keep_drawn
from galerne.chat.web.tool_rounds import ToolRounds
from galerne.chat.web.writing import WritingAnswer
from galerne.errors import AnswerRefused, GalerneError

_SAVE_EVERY_S = 2.0
_KEPT_ANSWERS = 64
QUOTA = "rate_limit_exceeded"
"""What the API calls a limit that is reached."""
_MOST_ROUNDS = 8
"""How often an answer may call tools before it must do without."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How an answer is to be written.

    Attributes:
        message: it, with what it stands on.
        turns: what the model is asked.
        text: the answer itself, where no model is asked.
        find: looks into the documents that the answer may read; ``None`` where there are none.
    """

    message: ChatMessage
    turns: Sequence[Mapping[str, Any]]
    text: str | None = None
    find: Find | None = None


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
        self._stores = stores
        self._rounds = ToolRounds(client, stores, toolbox)
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
        opens_at: float | None = None
        try:
            plan = await prepare()
            answer.message = plan.message
            reason = "stop"
            if plan.text is None:
                reason = await self._answer(answer, plan, model=model, manner=manner)
            else:
                await answer.add(plan.text)
            status, problem_code = MessageStatus.CUT if reason == "length" else MessageStatus.DONE, ""
        except asyncio.CancelledError:
            status, problem_code = MessageStatus.STOPPED, ""
        except AnswerRefused as error:
            problem_code = error.problem_code
            if error.retry_after_s is not None and problem_code == QUOTA:
                opens_at = self._stores.kept.now_at() + error.retry_after_s
        except GalerneError as error:
            problem_code = error.code
        finally:
            try:
                await self._save(answer, status=status, problem_code=problem_code or None, opens_at=opens_at)
                await asyncio.to_thread(self._rounds.close, answer)
                await asyncio.to_thread(self._keep_drawn, answer)
            finally:
                await answer.end(status)

    async def _answer(
        self,
        answer: WritingAnswer,
        plan: Plan,
        *,
        model: str | None,
        manner: Manner,
    ) -> str:
        """Ask, run the tools that are called, and ask again with what they say, until the answer ends."""
        turns = plan.turns
        tools = await self._rounds.offered(answer, model, manner, find=plan.find)
        for n_rounds in range(_MOST_ROUNDS + 1):
            offered = tools if n_rounds < _MOST_ROUNDS else ()
            began = len(answer.text)
            reason, calls = await self._collect(answer, turns, model=model, manner=manner, tools=offered)
            if not calls:
                break
            await self._rounds.use(answer, calls, tools)
            used = [use for use in answer.uses if use.round == answer.uses[-1].round]
            turns = [*turns, *calls_turns(answer.text[began:], used)]
            store = self._stores.of(answer.message.id)
            await asyncio.to_thread(store.begin_round, answer.message.id)
        return reason

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

    def _keep_drawn(self, answer: WritingAnswer) -> None:
        keep_drawn(self._stores, {answer.message.id: draw(answer.message, answer.text, answer.uses)})
