"""The stream of an answer as server-sent events: what never changes is serialised once.

This is the hot path: one string concatenation and one JSON string per token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DONE = b"data: [DONE]\n\n"

_quote = json.JSONEncoder(ensure_ascii=False).encode


def event_bytes(data: Mapping[str, Any]) -> bytes:
    """One data-only event."""
    return f"data: {_compact(data)}\n\n".encode()


class ChunkWriter:
    """Writes the chunks of one answer.

    Args:
        completion_id: the id every chunk repeats.
        model: the name of the model that answers.
        created_at: when the answer began.
        usage_apart: usage in a chunk of its own without choices, as OpenAI sends when asked; otherwise in
            the last chunk, as Mistral does.
    """

    def __init__(self, *, completion_id: str, model: str, created_at: float, usage_apart: bool) -> None:
        head = {
            "id": completion_id,
            "object": "chat.completion.chunk",
            "created": int(created_at),
            "model": model,
        }
        self._head = f"data: {_compact(head)[:-1]},"
        self._usage_apart = usage_apart
        self._tail = ',"usage":null}\n\n' if usage_apart else "}\n\n"
        self._before = self._head + '"choices":[{"index":0,"delta":{"content":'
        self._after = '},"finish_reason":null}]' + self._tail

    def role(self) -> bytes:
        """The first chunk: who speaks."""
        delta = '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]'
        return f"{self._head}{delta}{self._tail}".encode()

    def token(self, text: str) -> bytes:
        """A piece of the answer; half a surrogate pair, which UTF-8 cannot hold, becomes a question mark."""
        return f"{self._before}{_quote(text)}{self._after}".encode(errors="replace")

    def last(self, *, finish_reason: str, usage: Mapping[str, Any]) -> bytes:
        """Why the answer ended, what it used, and the end of the stream."""
        choices = [{"index": 0, "delta": {"content": ""}, "finish_reason": finish_reason}]
        end = f'{self._head}"choices":{_compact(choices)}'
        if self._usage_apart:
            end += f'{self._tail}{self._head}"choices":[]'
        return f'{end},"usage":{_compact(usage)}}}\n\n'.encode() + DONE


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
