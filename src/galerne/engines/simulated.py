"""An engine without a model: real slots, waiting and batches over a predicted time.

For machines that are planned rather than owned, and for everything above engines to be tested on. What it
reports is labelled simulated (``EngineStatus.kind``) and must never be shown as measured.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from galerne.clock import Clock, SystemClock
from galerne.engines.protocol import EngineKind, EngineMemory, EngineState, EngineStatus, check_abilities
from galerne.errors import AbilityMissing, ContextTooLong, EngineCrashed
from galerne.generation import (
    Embedded,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Message,
    PromptRead,
    Role,
    TextToken,
    TokenChunk,
    Toolbox,
    Usage,
)

NAME = EngineKind.SIMULATED.value
_TEMPLATE_TOKENS = 4
"""Tokens that mark the beginning and end of a message in a typical chat template."""
_PIECE = re.compile(r"\s?\w{1,4}|\s?[^\w\s]|\s", re.DOTALL)


def pieces(text: str) -> list[str]:
    """Cut a text into pieces of about a token each; joined, they are the text."""
    return _PIECE.findall(text)


def prompt_tokens(messages: Sequence[Message]) -> int:
    """Tokens of these messages in the simulated vocabulary."""
    return sum(len(pieces(message.content)) + _TEMPLATE_TOKENS for message in messages)


@dataclass(eq=False, kw_only=True, slots=True)
class _Answer:
    """One answer on its way: what is still to come, and when its stages were reached."""

    messages: tuple[Message, ...]
    prompt_tokens: int
    coming: deque[str]
    reason: FinishReason
    arrived_s: float
    admitted_s: float = 0.0
    first_s: float = 0.0
    cached_tokens: int = 0
    new_tokens: int = 0
    events: asyncio.Queue[GenerationEvent | Exception] = field(default_factory=asyncio.Queue)


class SimulatedEngine:
    """Continuous batching in time predicted by two functions."""

    def __init__(
        self,
        *,
        model_id: str,
        prefill_s: Callable[[int, int, int], float],
        decode_step_s: Callable[[int, int], float],
        text_for: Callable[[GenerationRequest], str],
        context_tokens: int,
        n_slots: int = 4,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Make an engine that answers with given texts.

        Args:
            model_id: the name clients use.
            prefill_s: seconds to read a prompt, from (prompt tokens, of which cached, answers active).
            decode_step_s: seconds of one step, from (answers active, mean tokens in their contexts).
            text_for: the whole answer to a request.
            context_tokens: tokens that one conversation may hold.
            n_slots: answers generated at once.
            clock: tells the times in ``Usage``.
            sleep: lets predicted time pass; must move ``clock``.
        """
        self._model_id = model_id
        self._prefill_s = prefill_s
        self._decode_step_s = decode_step_s
        self._text_for = text_for
        self._context_tokens = context_tokens
        self._n_slots = n_slots
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._state = EngineState.STOPPED
        self._waiting: deque[_Answer] = deque()
        self._active: list[_Answer] = []
        self._remembered: deque[tuple[Message, ...]] = deque(maxlen=n_slots)
        self._stepping: asyncio.Task[None] | None = None
        self._busy_s = 0.0

    async def start(self) -> None:
        """Nothing to load."""
        self._state = EngineState.READY

    async def stop(self) -> None:
        """End every answer in flight."""
        self._state = EngineState.STOPPED
        self._break_off()

    def crash(self) -> None:
        """Die as an engine does: answers in flight break off; the next request restarts it."""
        if self._state is not EngineState.STOPPED:
            self._state = EngineState.CRASHED
            self._remembered.clear()
            self._break_off()

    def status(self) -> EngineStatus:
        """How it is now."""
        return EngineStatus(
            kind=EngineKind.SIMULATED,
            state=self._state,
            model_id=self._model_id,
            n_slots=self._n_slots,
            context_tokens=self._context_tokens,
            n_active=len(self._active),
            n_waiting=len(self._waiting),
            load_s=None if self._state is EngineState.STOPPED else 0.0,
        )

    def processor_s(self) -> float:
        """Predicted time in which it was busy."""
        return self._busy_s

    def memory(self) -> EngineMemory:
        """Nothing of this machine's."""
        return EngineMemory()

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """No model, no vectors."""
        raise AbilityMissing(ability="Embedding", model=self._model_id)

    async def count_tokens(self, messages: Sequence[Message], *, tools: Toolbox | None = None) -> int:
        """Tokens of these messages in the simulated vocabulary, which has no words for tools."""
        return prompt_tokens(messages)

    async def tokenize(self, text: str) -> tuple[TextToken, ...]:
        """The pieces of a text, numbered by their place."""
        return tuple(TextToken(token_id=place, text=piece) for place, piece in enumerate(pieces(text)))

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """Stream one answer; see ``Engine.generate``."""
        if self._state is EngineState.STOPPED:
            raise EngineCrashed(engine=NAME, exit_code=None, tail="the engine is stopped")
        self._state = EngineState.READY
        check_abilities(request, self.status().abilities)
        answer = self._admit(request)
        if self._stepping is None or self._stepping.done():
            self._stepping = asyncio.create_task(self._step_until_idle())
        try:
            while True:
                event = await answer.events.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Finished):
                    return
        finally:
            self._forget(answer)

    def _admit(self, request: GenerationRequest) -> _Answer:
        messages = request.messages
        if request.text is not None:
            messages = (Message(role=Role.USER, content=request.text.text),)
        n_prompt = prompt_tokens(messages)
        if n_prompt >= self._context_tokens:
            raise ContextTooLong(prompt_tokens=n_prompt, context_tokens=self._context_tokens)
        coming, reason = self._write(request, room=self._context_tokens - n_prompt)
        answer = _Answer(
            messages=messages,
            prompt_tokens=n_prompt,
            coming=coming,
            reason=reason,
            arrived_s=self._clock.monotonic_s(),
        )
        self._waiting.append(answer)
        return answer

    def _write(self, request: GenerationRequest, *, room: int) -> tuple[deque[str], FinishReason]:
        """The pieces to come and why they end, by the request's limits."""
        text = self._text_for(request)
        ends = [place for word in request.sampling.stop if (place := text.find(word)) >= 0]
        coming = pieces(text[: min(ends)] if ends else text)
        limit = (
            room if request.sampling.max_new_tokens is None else min(room, request.sampling.max_new_tokens)
        )
        if len(coming) > limit:
            return deque(coming[:limit]), FinishReason.LENGTH
        return deque(coming), FinishReason.STOP

    async def _step_until_idle(self) -> None:
        while self._waiting or self._active:
            while self._waiting and len(self._active) < self._n_slots:
                await self._read_prompt(self._waiting.popleft())
            if self._active:
                held = sum(answer.prompt_tokens + answer.new_tokens for answer in self._active)
                await self._spend(self._decode_step_s(len(self._active), held // len(self._active)))
                for answer in list(self._active):
                    self._emit(answer)

    async def _read_prompt(self, answer: _Answer) -> None:
        answer.admitted_s = self._clock.monotonic_s()
        answer.cached_tokens = self._cached_tokens(answer.messages)
        self._active.append(answer)
        await self._spend(self._prefill_s(answer.prompt_tokens, answer.cached_tokens, len(self._active)))
        if answer not in self._active:
            return
        self._remembered.append(answer.messages)
        answer.first_s = self._clock.monotonic_s()
        answer.events.put_nowait(
            PromptRead(prompt_tokens=answer.prompt_tokens, cached_tokens=answer.cached_tokens)
        )
        self._emit(answer)

    def _cached_tokens(self, messages: tuple[Message, ...]) -> int:
        """Tokens of the longest beginning that a recent conversation shares; the last one is always read."""
        longest = 0
        for past in self._remembered:
            same = takewhile(lambda pair: pair[0] == pair[1], zip(past, messages, strict=False))
            shared = sum(1 for _ in same)
            longest = max(longest, prompt_tokens(messages[:shared]))
        return min(longest, prompt_tokens(messages) - 1)

    def _emit(self, answer: _Answer) -> None:
        """Give an answer its next token; after the last, its end."""
        if answer.coming:
            answer.new_tokens += 1
            answer.events.put_nowait(TokenChunk(text=answer.coming.popleft()))
        if not answer.coming:
            self._active.remove(answer)
            usage = Usage(
                prompt_tokens=answer.prompt_tokens,
                cached_tokens=answer.cached_tokens,
                new_tokens=answer.new_tokens,
                queued_s=answer.admitted_s - answer.arrived_s,
                prefill_s=answer.first_s - answer.admitted_s,
                decode_s=self._clock.monotonic_s() - answer.first_s,
            )
            answer.events.put_nowait(Finished(reason=answer.reason, usage=usage))

    async def _spend(self, duration_s: float) -> None:
        self._busy_s += duration_s
        await self._sleep(duration_s)

    def _forget(self, answer: _Answer) -> None:
        """Free the slot or the place in the line of an answer that nobody reads."""
        if answer in self._active:
            self._active.remove(answer)
        if answer in self._waiting:
            self._waiting.remove(answer)

    def _break_off(self) -> None:
        if self._stepping is not None:
            self._stepping.cancel()
            self._stepping = None
        for answer in [*self._active, *self._waiting]:
            answer.events.put_nowait(EngineCrashed(engine=NAME, exit_code=None))
        self._active.clear()
        self._waiting.clear()
