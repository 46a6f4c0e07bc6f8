"""The stream of an answer as server-sent events: what never changes is serialised once.

This is the hot path: one string concatenation and one JSON string per token.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from galerne.api.wire.answer import call_body, finish_word, logprobs_body, usage_body
from galerne.fleet import Delivered
from galerne.generation import TokenChunk, ToolCall

DONE = b"data: [DONE]\n\n"
COMMENT = b": galerne is still at work\n\n"
"""Keeps a silent connection open; readers of events skip it."""
_PADDING = string.ascii_lowercase + string.digits

_quote = json.JSONEncoder(ensure_ascii=False).encode


def event_bytes(data: Mapping[str, Any]) -> bytes:
    """One data-only event."""
    return f"data: {compact(data)}\n\n".encode(errors="replace")


def compact(data: Any) -> str:
    """JSON without a space too many."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class StreamWriter(Protocol):
    """Writes the stream of an answer in the words of one protocol."""

    def opening(self) -> bytes:
        """What comes before the answer."""
        ...

    def piece(self, event: TokenChunk | ToolCall) -> bytes:
        """A piece of the answer; may be empty."""
        ...

    def between(self, delivered: Delivered) -> bytes:
        """The end of one answer, where another follows."""
        ...

    def closing(self, deliveries: Sequence[Delivered]) -> bytes:
        """The end of the stream."""
        ...

    def failure(self, body: Mapping[str, Any]) -> bytes:
        """What went wrong on the way; nothing follows."""
        ...


class ChunkWriter:
    """Writes chat completion chunks.

    Args:
        completion_id: the id every chunk repeats.
        model: the name of the model that answers.
        created_at: when the answer began.
        usage_apart: usage in a chunk of its own without choices, as OpenAI sends when asked; otherwise in
            the last chunk, as Mistral does.
        shows_thoughts: whether thoughts are part of the answer, as Mistral writes them.
        beginning: the text that the answer goes on with.
        pad: how many characters to add to a chunk, so that its size says nothing of its text; None to add
            none, as OpenAI does.
    """

    def __init__(
        self,
        *,
        completion_id: str,
        model: str,
        created_at: float,
        usage_apart: bool,
        shows_thoughts: bool = False,
        beginning: str = "",
        pad: Callable[[], int] | None = None,
    ) -> None:
        head = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": int(created_at),
            "model": model,
        }
        self._head = f"data: {compact(head)[:-1]},"
        self._usage_apart = usage_apart
        self._tail = ',"usage":null' if usage_apart else ""
        self._shows_thoughts = shows_thoughts
        self._beginning = beginning
        self._pad = pad
        self._thought = False
        self._n_calls = 0
        self._begin_choice(0)

    def _begin_choice(self, index: int) -> None:
        self._index = index
        self._choice = f'{self._head}"choices":[{{"index":{index},"delta":'
        self._before = self._choice + '{"content":'
        self._after = '},"finish_reason":null}]' + self._tail

    def opening(self) -> bytes:
        """The first chunk: who speaks."""
        return self._role()

    def _role(self) -> bytes:
        content = _quote(self._beginning)
        delta = f'{self._choice}{{"role":"assistant","content":{content}'
        return f"{delta}{self._after}{self._end()}".encode(errors="replace")

    def piece(self, event: TokenChunk | ToolCall) -> bytes:
        """A piece of the answer; half a surrogate pair, which UTF-8 cannot hold, becomes a question mark."""
        if isinstance(event, ToolCall):
            return self._call(event)
        if event.thinking:
            if not self._shows_thoughts or not event.text:
                return b""
            self._thought = True
            thought = [
                {"type": "thinking", "thinking": [{"type": "text", "text": event.text}], "closed": True}
            ]
            return f"{self._before}{compact(thought)}{self._after}{self._end()}".encode(errors="replace")
        if not event.text and not event.logprobs:
            return b""
        content = _quote(event.text)
        if self._thought:  # Mistral's first piece after a thought
            self._thought = False
            chunks = [{"type": "thinking", "thinking": []}, {"type": "text", "text": event.text}]
            content = compact(chunks)
        after = self._after
        if event.logprobs:
            logprobs = compact(logprobs_body(event.logprobs).model_dump())
            after = f'}},"logprobs":{logprobs},"finish_reason":null}}]{self._tail}'
        return f"{self._before}{content}{after}{self._end()}".encode(errors="replace")

    def _call(self, call: ToolCall) -> bytes:
        delta = {"tool_calls": [call_body(call, self._n_calls).model_dump()]}
        self._n_calls += 1
        return f"{self._choice}{compact(delta)[:-1]}{self._after}{self._end()}".encode(errors="replace")

    def between(self, delivered: Delivered) -> bytes:
        """Between two answers: why the first ended, and who speaks again."""
        written = f"{self._finish(delivered)}{self._tail}{self._end()}".encode()
        self._begin_choice(self._index + 1)
        self._n_calls, self._thought = 0, False
        return written + self._role()

    def closing(self, deliveries: Sequence[Delivered]) -> bytes:
        """Why the last answer ended, what all used, and the end of the stream."""
        usage = compact(usage_body(deliveries).model_dump())
        end = self._finish(deliveries[-1])
        if self._usage_apart:
            end += f'{self._tail}{self._end()}{self._head}"choices":[]'
        return f'{end},"usage":{usage}{self._end()}'.encode() + DONE

    def failure(self, body: Mapping[str, Any]) -> bytes:
        """What went wrong."""
        return event_bytes(body)

    def _finish(self, delivered: Delivered) -> str:
        reason = _quote(finish_word(delivered.finished.reason))
        return f'{self._choice}{{"content":""}},"finish_reason":{reason}}}]'

    def _end(self) -> str:
        if self._pad is None:
            return "}\n\n"
        return f',"p":"{_PADDING[: self._pad()]}"}}\n\n'
