"""The response that streams an answer as it is generated, and stops the engine when nobody listens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from galerne.api.connection import while_connected
from galerne.api.failures import failure_body
from galerne.api.wire.answer import finish_word, usage_body
from galerne.api.wire.chunks import ChunkWriter, event_bytes
from galerne.fleet import Delivered, GatewayEvent
from galerne.generation import TokenChunk
from galerne.language import Language


class AnswerStream(Response):
    """Server-sent events of one answer.

    The status is sent when the prompt has been read: until then a refusal still has a status of its own.
    After that a failure is an event, and the stream ends without ``[DONE]``.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[GatewayEvent, None],
        *,
        writer: ChunkWriter,
        headers: Callable[[], Mapping[str, str]],
        language: Language,
    ) -> None:
        self._events = events
        self._writer = writer
        self._language = language
        self.status_code = 200
        self.background = None
        self._headers_in_flight = headers
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the end or until the client leaves."""
        try:
            await while_connected(self._pump(scope, send), receive)
        except ClientDisconnect:
            return  # the engine has been stopped; there is nobody to tell

    async def _pump(self, scope: Scope, send: Send) -> None:
        async with aclosing(self._events) as events:
            event: GatewayEvent = await anext(events)
            self.headers.update(self._headers_in_flight())
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await _send_part(send, self._writer.role())
            try:
                while not isinstance(event, Delivered):
                    if isinstance(event, TokenChunk) and event.text:
                        await _send_part(send, self._writer.token(event.text))
                    event = await anext(events)
                usage = usage_body(event.finished.usage, event.receipt).model_dump()
                reason = finish_word(event.finished.reason)
                await _send_part(send, self._writer.last(finish_reason=reason, usage=usage))
            except Exception as error:  # noqa: BLE001  # the status is sent: only an event can still tell
                _, body, _ = failure_body(error, scope=scope, language=self._language)
                await _send_part(send, event_bytes(body))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_part(send: Send, part: bytes) -> None:
    await send({"type": "http.response.body", "body": part, "more_body": True})
