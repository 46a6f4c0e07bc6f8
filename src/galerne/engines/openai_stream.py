"""Reads what a server streams in OpenAI's protocol, llama.cpp's among them, as events.

llama.cpp adds ``timings`` and ``prompt_progress`` to its chunks: exact counts and times, used where present.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx

from galerne.clock import Clock
from galerne.engines.forced_calls import read_calls
from galerne.engines.http_line import Line
from galerne.engines.openai_body import Manners, is_forced, request_of
from galerne.errors import ContextTooLong, EngineCrashed, EngineRefused, GalerneError, ImageRefused
from galerne.generation import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    PromptRead,
    TokenChunk,
    TokenLogprob,
    ToolCall,
    Usage,
)

PACE_S = 0.002
"""How long the tokens of a fast model are let gather; nobody reads faster than that."""
_MAX_PROBLEM_CHARACTERS = 300
_NOT_DECODED = "Failed to load image or audio file"
"""How llama.cpp refuses an image."""
_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "limit": FinishReason.LENGTH,
}


async def stream_answer(
    line: Line,
    request: GenerationRequest,
    *,
    engine: str,
    clock: Clock,
    arrived_s: float,
    manners: Manners,
) -> AsyncGenerator[GenerationEvent, None]:
    """Ask a server and turn what it streams into events.

    Args:
        line: to the server.
        request: what is asked.
        engine: its name in errors.
        clock: for times that the server does not tell.
        arrived_s: when the request reached us, on ``clock``'s monotonic scale.
        manners: how the server differs from the common protocol.

    Raises:
        ContextTooLong: the prompt is longer than the context.
        EngineRefused: the server answered with an error.
        EngineCrashed: the stream ended before its time.
        httpx.TransportError: the connection failed.
    """
    lines = EventLines()
    forced = is_forced(request, manners)
    answer = _Answer(engine=engine, clock=clock, arrived_s=arrived_s, forced=forced)
    pace = _Pace(clock)
    path, body = request_of(request, manners)
    async with line.stream("POST", path, json=body) as reply:
        if reply.status_code != httpx.codes.OK:
            raise refusal(await reply.aread(), status=reply.status_code, engine=engine)
        async for piece in reply.aiter_bytes():
            events = [event for data in lines.feed(piece) for event in answer.read(data)]
            for event in _together(events):
                yield event
            if answer.is_generating:
                await pace.wait()
    for event in answer.close():
        yield event


class _Pace:
    """Lets the tokens of a model that makes more than 500 a second come a few at a time.

    Each read costs the processor that the engine computes on as much as ten tokens do once they are read.
    A slower model is never waited for, and neither is the first token.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read_s = -math.inf

    async def wait(self) -> None:
        """Until it is worth reading again."""
        since_s = self._clock.monotonic_s() - self._read_s
        if since_s < 2 * PACE_S:
            await asyncio.sleep(PACE_S)
        self._read_s = self._clock.monotonic_s()


def _together(events: Sequence[GenerationEvent]) -> Iterator[GenerationEvent]:
    """The same events, with neighbouring pieces of text as one."""
    whole: TokenChunk | None = None
    for event in events:
        if not isinstance(event, TokenChunk) or event.logprobs:
            if whole is not None:
                yield whole
            whole = None
            yield event
        elif whole is None or whole.thinking != event.thinking:
            if whole is not None:
                yield whole
            whole = event
        else:
            text, n_tokens = whole.text + event.text, whole.n_tokens + event.n_tokens
            whole = TokenChunk(text=text, n_tokens=n_tokens, thinking=whole.thinking)
    if whole is not None:
        yield whole


class EventLines:
    """Cuts a byte stream into the data of its server-sent events.

    Lines end with a line feed and nothing else: the other line ends of Unicode may occur inside the JSON.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """The data completed by this piece, in order."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]


def refusal(body: bytes, *, status: int, engine: str) -> GalerneError:
    """The error that an answer with a bad status stands for."""
    try:
        error = json.loads(body)["error"]
        problem = str(error["message"])
    except (ValueError, KeyError, TypeError):
        return EngineRefused(engine=engine, status=status, problem="an answer that is not an error object")
    if problem == _NOT_DECODED:
        return ImageRefused(
            path="messages", problem="an image is damaged, or of a kind the engine cannot read"
        )
    if error.get("type") == "exceed_context_size_error":
        return ContextTooLong(prompt_tokens=int(error["n_prompt_tokens"]), context_tokens=int(error["n_ctx"]))
    return EngineRefused(engine=engine, status=status, problem=problem[:_MAX_PROBLEM_CHARACTERS])


class _Answer:
    """Turns the chunks of one stream into events, and keeps the counts.

    Tool calls come in pieces, and leave whole: a piece of JSON is of use to nobody. Where they were forced
    they come as the text of the answer.
    """

    def __init__(self, *, engine: str, clock: Clock, arrived_s: float, forced: bool) -> None:
        self._engine = engine
        self._clock = clock
        self._arrived_s = arrived_s
        self._forced = forced
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._prompt_read = False
        self._new_tokens = 0
        self._told_tokens = 0
        self._first_s: float | None = None
        self._last_s = arrived_s
        self._prefill_s: float | None = None
        self._decode_s: float | None = None
        self._reason: FinishReason | None = None
        self._calls: dict[int, tuple[str, str]] = {}
        self._held = ""

    def read(self, data: bytes) -> Iterator[GenerationEvent]:
        if data == b"[DONE]":
            return
        try:
            chunk = json.loads(data)
        except ValueError:
            raise EngineCrashed(engine=self._engine, exit_code=None) from None
        if "error" in chunk:
            raise refusal(data, status=int(chunk["error"].get("code", 500)), engine=self._engine)
        self._note_counts(chunk)
        progress = chunk.get("prompt_progress")
        if progress and progress["processed"] >= progress["total"]:
            yield from self._read_prompt()
        # Without choices it is llama.cpp's own shape, which its fill-in-the-middle speaks.
        choices = chunk.get("choices", () if "content" not in chunk else (_own_choice(chunk),))
        text, thought = "", ""
        logprobs: tuple[TokenLogprob, ...] = ()
        for choice in choices:
            delta = choice.get("delta") or {"content": choice.get("text")}
            text += delta.get("content") or ""
            thought += delta.get("reasoning_content") or delta.get("reasoning") or ""
            logprobs += _logprobs(choice.get("logprobs"))
            self._collect(delta.get("tool_calls") or ())
            if choice.get("finish_reason"):
                self._reason = _REASONS.get(choice["finish_reason"], FinishReason.STOP)
        if self._forced:
            self._held, text = self._held + text, ""
        exact = "timings" in chunk
        if thought:
            yield from self._read_tokens(thought, exact=exact, thinking=True, logprobs=logprobs)
            exact, logprobs = True, ()
        yield from self._read_tokens(text, exact=exact, logprobs=logprobs)

    @property
    def is_generating(self) -> bool:
        """Whether a token has come and the last has not."""
        return self._first_s is not None and self._reason is None

    def close(self) -> Iterator[GenerationEvent]:
        if self._reason is None:
            raise EngineCrashed(engine=self._engine, exit_code=None)
        yield from self._read_prompt()
        yield from self._read_tokens("", exact=True)
        calls = [ToolCall(name=name, arguments=arguments) for name, arguments in self._calls.values()]
        calls += read_calls(self._held) if self._forced else ()
        yield from calls
        if calls and self._reason is FinishReason.STOP:
            self._reason = FinishReason.TOOL_CALLS
        first_s = self._last_s if self._first_s is None else self._first_s
        prefill_s = first_s - self._arrived_s if self._prefill_s is None else self._prefill_s
        decode_s = self._last_s - first_s if self._decode_s is None else self._decode_s
        usage = Usage(
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self._cached_tokens,
            new_tokens=self._new_tokens,
            queued_s=max(0.0, first_s - self._arrived_s - prefill_s),
            prefill_s=prefill_s,
            decode_s=decode_s,
        )
        yield Finished(reason=self._reason, usage=usage)

    def _collect(self, pieces: Iterable[Mapping[str, Any]]) -> None:
        for piece in pieces:
            function = piece.get("function") or {}
            name, arguments = self._calls.get(piece.get("index", len(self._calls)), ("", ""))
            self._calls[piece.get("index", len(self._calls))] = (
                name + (function.get("name") or ""),
                arguments + (function.get("arguments") or ""),
            )

    def _note_counts(self, chunk: Mapping[str, Any]) -> None:
        if progress := chunk.get("prompt_progress"):
            self._prompt_tokens, self._cached_tokens = progress["total"], progress["cache"]
        if usage := chunk.get("usage"):
            details = usage.get("prompt_tokens_details") or {}
            self._prompt_tokens = usage["prompt_tokens"]
            self._cached_tokens = details.get("cached_tokens") or self._cached_tokens
            self._told_tokens = max(self._told_tokens, usage["completion_tokens"])
        if timings := chunk.get("timings"):
            self._told_tokens = max(self._told_tokens, timings["predicted_n"])
            self._prefill_s = timings["prompt_ms"] / 1000
            self._decode_s = timings["predicted_ms"] / 1000

    def _read_prompt(self) -> Iterator[GenerationEvent]:
        if not self._prompt_read:
            self._prompt_read = True
            yield PromptRead(prompt_tokens=self._prompt_tokens, cached_tokens=self._cached_tokens)

    def _read_tokens(
        self, text: str, *, exact: bool, thinking: bool = False, logprobs: tuple[TokenLogprob, ...] = ()
    ) -> Iterator[GenerationEvent]:
        n_tokens = self._told_tokens - self._new_tokens if exact else int(bool(text))
        if not text and n_tokens <= 0 and not logprobs:
            return
        yield from self._read_prompt()
        self._last_s = self._clock.monotonic_s()
        self._first_s = self._last_s if self._first_s is None else self._first_s
        self._new_tokens += max(0, n_tokens)
        yield TokenChunk(text=text, n_tokens=max(0, n_tokens), thinking=thinking, logprobs=logprobs)


def _own_choice(chunk: Mapping[str, Any]) -> dict[str, Any]:
    ended = chunk.get("stop_type", "") if chunk.get("stop") else None
    return {"text": chunk["content"], "finish_reason": ended and (ended if ended == "limit" else "stop")}


def _logprobs(told: Mapping[str, Any] | None) -> tuple[TokenLogprob, ...]:
    return tuple(_logprob(token) for token in (told or {}).get("content") or ())


def _logprob(told: Mapping[str, Any]) -> TokenLogprob:
    return TokenLogprob(
        token=told["token"],
        token_id=told.get("id", told.get("token_id", -1)),
        logprob=told["logprob"],
        top=tuple(_logprob(other) for other in told.get("top_logprobs") or ()),
    )
