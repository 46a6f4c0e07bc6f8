"""Reads server-sent events as they come."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from galerne.chat.client.refusals import refused


async def event_lines(response: httpx.Response) -> AsyncIterator[str]:
    """The lines of a stream of events.

    They end with a line feed and nothing else: the other line ends of Unicode may occur inside the JSON,
    where ``aiter_lines`` would cut them.
    """
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")


async def event_data(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The objects that a stream of an answer consists of.

    Raises:
        AnswerRefused: one of them says what went wrong.
    """
    async for line in event_lines(response):
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        chunk: dict[str, Any] = json.loads(data)
        if "error" in chunk:
            raise refused(response.status_code, chunk)
        yield chunk
