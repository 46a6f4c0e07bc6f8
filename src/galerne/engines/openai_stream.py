"""Reads what a server streams in OpenAI's protocol, llama.cpp's among them, as events.

llama.cpp adds ``timings`` and ``prompt_progress`` to its chunks: exact counts and times, used where present.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any

import httpx

from galerne.clock import Clock
from galerne.engines.forced_calls import read_calls
from galerne.engines.http_line import Line, gather
from galerne.engines.openai_body import Manners, is_forced, request_of
from galerne.engines.plain_chunks import PlainChunks
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

PACE_S = 0.03
"""How long tokens after the first are let gather: text that grows thirty times a second flows.

Whoever writes more slowly than that is never waited for, and nobody for the first token or the end.
"""
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
    path, body = request_of(request, manners)
    async with line.stream("POST", path, json=body) as reply:
        if reply.status_code != httpx.codes.OK:
            raise refusal(await reply.aread(), status=reply.status_code, engine=engine)
        async for piece in reply.aiter_bytes():
            for event in answer.read(lines.feed(piece)):
                yield event
            if answer.is_flowing:
                gather(reply, PACE_S)
    for event in answer.close():
        yield event


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
        self._has_said = False
        self._first_s: float | None = None
        self._last_s = arrived_s
        self._prefill_s: float | None = None
        self._decode_s: float | None = None
        self._reason: FinishReason | None = None
        self._calls: dict[int, tuple[str, str]] = {}
        self._held = ""
        self._plain = PlainChunks()
        self._events: list[GenerationEvent] = []

    def read(self, told: Sequence[bytes]) -> list[GenerationEvent]:
        """The events that the data of server-sent events stand for, neighbouring pieces of text as one."""
        self._events = []
        n_read = 0
        while n_read < len(told):
            if texts := self._plain.texts(told, n_read):
                n_read += len(texts)
                self._tell_tokens("".join(texts), n_tokens=len(texts) - texts.count(""))
            else:
                self._read_chunk(told[n_read])
                n_read += 1
        return self._events

    def _read_chunk(self, data: bytes) -> None:
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
            self._tell_prompt()
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
            n_tokens = self._n_untold() if exact else 1
            self._tell_tokens(thought, n_tokens=n_tokens, thinking=True, logprobs=logprobs)
            exact, logprobs = True, ()
        n_tokens = self._n_untold() if exact else int(bool(text))
        self._tell_tokens(text, n_tokens=n_tokens, logprobs=logprobs)
        if text and not self._forced:
            self._plain.learn(data, chunk)

    @property
    def is_flowing(self) -> bool:
        """Whether there is something to see already, and the last has not come.

        A first token may be half a letter: what makes it whole is not to be waited for.
        """
        return (self._has_said or (self._forced and self._new_tokens > 0)) and self._reason is None

    def close(self) -> list[GenerationEvent]:
        """What remains to be told when the stream has ended."""
        if self._reason is None:
            raise EngineCrashed(engine=self._engine, exit_code=None)
        self._events = []
        self._tell_prompt()
        self._tell_tokens("", n_tokens=self._n_untold())
        calls = [ToolCall(name=name, arguments=arguments) for name, arguments in self._calls.values()]
        calls += read_calls(self._held) if self._forced else ()
        self._events += calls
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
        self._events.append(Finished(reason=self._reason, usage=usage))
        return self._events

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

    def _tell_prompt(self) -> None:
        if not self._prompt_read:
            self._prompt_read = True
            prompt = PromptRead(prompt_tokens=self._prompt_tokens, cached_tokens=self._cached_tokens)
            self._events.append(prompt)

    def _n_untold(self) -> int:
        """Tokens that the server has counted and that have not been told of."""
        return max(0, self._told_tokens - self._new_tokens)

    def _tell_tokens(
        self, text: str, *, n_tokens: int, thinking: bool = False, logprobs: tuple[TokenLogprob, ...] = ()
    ) -> None:
        if not text and not n_tokens and not logprobs:
            return
        self._tell_prompt()
        self._last_s = self._clock.monotonic_s()
        if self._first_s is None:
            self._first_s = self._last_s
        self._new_tokens += n_tokens
        self._has_said = self._has_said or bool(text)
        last = self._events[-1] if self._events else None
        if isinstance(last, TokenChunk) and last.thinking == thinking and not last.logprobs and not logprobs:
            text, n_tokens = last.text + text, last.n_tokens + n_tokens
            self._events.pop()
        self._events.append(TokenChunk(text=text, n_tokens=n_tokens, thinking=thinking, logprobs=logprobs))


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
