"""The page over a model that writes at a fixed pace: what is measured is the page.

Run as ``python -m benchmarks.chat_page FOLDER``; prints its address and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import uvicorn

from galerne.chat.client.api import ApiClient
from galerne.chat.history.store import open_conversations
from galerne.chat.web import create_web
from galerne.clock import SystemClock
from galerne.storage import sqlite_url

MODEL = "paced"
TOKENS_PER_S = 30.0
N_TOKENS = 300
TEXT = "The north wind turns the mill, and **the mill** turns `the wheel` of the town.\n\n"
SENTENCE = TEXT.split(" ")


def token(n: int) -> str:
    """The nth piece of every answer: words, with a new paragraph now and then."""
    return SENTENCE[n % len(SENTENCE)] + ("" if (n + 1) % len(SENTENCE) == 0 else " ")


class _Words(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for n in range(N_TOKENS):
            await asyncio.sleep(max(0.0, began_s + n / TOKENS_PER_S - loop.time()))
            choice = {"index": 0, "delta": {"content": token(n)}, "finish_reason": None}
            yield f"data: {json.dumps({'model': MODEL, 'choices': [choice]})}\n\n".encode()
        yield b"data: [DONE]\n\n"


class Paced(httpx.AsyncBaseTransport):
    """An API with one model that writes so many tokens a second."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or say what there is."""
        if request.url.path == "/v1/chat/completions":
            return httpx.Response(200, stream=_Words())
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": MODEL}]})
        return httpx.Response(404, json={})


def main(folder: Path) -> None:
    """Serve until nobody listens any more."""
    store = open_conversations(sqlite_url(folder / "chat.db"), clock=SystemClock())
    web = create_web(ApiClient("http://paced", transport=Paced()), store=store)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(web, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
