"""The response that streams an answer as it is generated, and stops the engine when nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from galerne.api.connection import while_connected
from galerne.api.failures import failure_body
from galerne.api.wire.chunks import COMMENT, StreamWriter
from galerne.fleet import Delivered, GatewayEvent
from galerne.generation import TokenChunk, ToolCall
from galerne.language import Language


class AnswerStream(Response):
    """Server-sent events of an answer.

    The status is sent when the prompt has been read, or when that takes long: until then a refusal still
    has a status of its own. After that a failure is an event, and the stream ends without ``[DONE]``.
    A long silence is broken by comments.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[GatewayEvent, None],
        *,
        writer: StreamWriter,
        headers: Callable[[], Mapping[str, str]],
        language: Language,
        heartbeat_s: float,
    ) -> None:
        self._events = events
        self._writer = writer
        self._language = language
        self._heartbeat_s = heartbeat_s
        self._started = False
        self._n_sent = 0
        self.status_code = 200
        self.background = None
        self._late_headers = headers
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the end or until the client leaves."""
        heart = asyncio.create_task(self._beat(send))
        try:
            await while_connected(self._pump(scope, send), receive)
        except ClientDisconnect:
            return  # the engine has been stopped; there is nobody to tell
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)

    async def _pump(self, scope: Scope, send: Send) -> None:
        async with aclosing(self._events) as events:
            try:
                await self._answer(events, send)
            except Exception as error:
                if not self._started:
                    raise
                _, body, _ = failure_body(error, scope=scope, language=self._language)
                await self._send(send, self._writer.failure(body))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer(self, events: AsyncGenerator[GatewayEvent, None], send: Send) -> None:
        event = await anext(events)
        await self._start(send)
        await self._send(send, self._writer.opening())
        deliveries: list[Delivered] = []
        while True:
            if isinstance(event, TokenChunk | ToolCall):
                if part := self._writer.piece(event):
                    await self._send(send, part)
            elif isinstance(event, Delivered):
                deliveries.append(event)
            elif deliveries:  # the prompt of a further answer
                await self._send(send, self._writer.between(deliveries[-1]))
            try:
                event = await anext(events)
            except StopAsyncIteration:
                break
        await self._send(send, self._writer.closing(deliveries))

    async def _start(self, send: Send) -> None:
        if self._started:
            return
        self._started = True
        self.headers.update(self._late_headers())
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _send(self, send: Send, part: bytes) -> None:
        self._n_sent += 1
        await send({"type": "http.response.body", "body": part, "more_body": True})

    async def _beat(self, send: Send) -> None:
        """Break every silence; begins the response where the prompt takes longer than that."""
        while True:
            n_sent = self._n_sent
            await asyncio.sleep(self._heartbeat_s)
            if self._n_sent == n_sent:
                await self._start(send)
                await self._send(send, COMMENT)
