"""A model that is none: an OpenAI-style server that answers at once, so that what is measured is the gateway.

Run as ``python -m benchmarks.mock_upstream``; prints its address and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys

MODEL = "mock-model"
WORDS = ["the", "north", "wind", "turns", "the", "mill", "and", "the", "mill", "turns", "the", "wheel", ""]
PROMPT_TOKENS = 12


class Upstream(asyncio.Protocol):
    """One connection, kept open: questions in, canned answers out."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Part of a question, or several."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            _, found, length = head.partition(b"content-length:")
            n_bytes = int(length.split(b"\r\n")[0]) if found else 0
            body = self._received[end + 4 : end + 4 + n_bytes]
            if len(body) < n_bytes:
                return
            self._received = self._received[end + 4 + n_bytes :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if not body:
            self._whole({"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 8192}]})
            return
        question = json.loads(body)
        n_tokens = question.get("max_tokens") or 16
        if question.get("stream"):
            self._transport.write(_stream(n_tokens))
        else:
            message = {"role": "assistant", "content": " ".join(_words(n_tokens))}
            choice = {"index": 0, "message": message, "finish_reason": "length"}
            self._whole(
                {"id": "mock", "object": "chat.completion", "created": 1, "model": MODEL}
                | {"choices": [choice], "usage": _usage(n_tokens)}
            )

    def _whole(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def _words(n_tokens: int) -> list[str]:
    return [WORDS[n % len(WORDS)] for n in range(n_tokens)]


def _usage(n_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": n_tokens,
        "total_tokens": PROMPT_TOKENS + n_tokens,
    }


def _stream(n_tokens: int) -> bytes:
    head = {"id": "mock", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    deltas = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in _words(n_tokens))]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
    chunks.append({**head, "choices": [], "usage": _usage(n_tokens)})
    events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
    body = b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in map(str.encode, events))
    fields = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    return f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + body + b"0\r\n\r\n"


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(_serve())
