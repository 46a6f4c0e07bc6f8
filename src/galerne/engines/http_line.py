"""A question over plain HTTP and its answer, piece by piece as it comes.

What an HTTP library does for a piece takes longer than everything else that happens to a token. Here a piece
is what has come since somebody last asked, with no more parsing than its framing needs; where it is told to
gather, what follows within a moment comes as one. Failures are those of ``httpx``, which asks everything that
is not a stream.
"""

from __future__ import annotations

import asyncio
import json as json_text
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx

_CONNECT_S = 5.0
_MOST_WAITING_BYTES = 1 << 16
"""What may have come and not been asked for; then the server has to wait."""
_MAX_HEAD_BYTES = 1 << 16
_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?")
_LAST_CHUNK = b"0\r\n\r\n"


class StreamedReply(Protocol):
    """An answer whose head has come."""

    @property
    def status_code(self) -> int:
        """Of HTTP."""
        ...

    def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Its body, as it comes."""
        ...

    async def aread(self) -> bytes:
        """Its whole body."""
        ...


class Line(Protocol):
    """Asks one server. ``httpx.AsyncClient`` is one, and so is ``HttpLine``."""

    def stream(self, method: str, url: str, *, json: Any) -> AbstractAsyncContextManager[StreamedReply]:
        """Ask, and get the answer as it comes; leaving the block ends the connection.

        Raises:
            httpx.TransportError: the connection failed or broke off.
        """
        ...


def line_to(client: httpx.AsyncClient, address: str) -> Line:
    """The fastest way to ask a server: our own where it speaks plain HTTP, else the client itself."""
    if urlsplit(address).scheme != "http":
        return client
    return HttpLine(address, headers={"Authorization": client.headers.get("Authorization", "")})


def gather(reply: StreamedReply, within_s: float) -> None:
    """From now on let what comes within this time of the last piece come as one; the end is never held back.

    Each piece wakes whoever asks, which costs as much as a dozen tokens do once they are read. ``httpx``
    gives its pieces as it reads them.
    """
    if isinstance(reply, _Reply):
        reply.gathers_s = within_s


class HttpLine:
    """One server at an ``http://`` address. Every question has a connection of its own.

    Args:
        address: host, port, and what comes before the path.
        headers: sent with every question; empty ones are left out.
    """

    def __init__(self, address: str, *, headers: Mapping[str, str]) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._prefix = parts.path.rstrip("/")
        sent = {"Host": parts.netloc.rpartition("@")[2], "Content-Type": "application/json", **headers}
        self._fields = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value)
        self._open: set[_Reply] = set()
        self._hung_up = False

    def hang_up(self) -> None:
        """Break off every answer in flight for good: whoever reads one is told that the connection failed."""
        self._hung_up = True
        for reply in self._open:
            reply.break_off()

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, json: Any) -> AsyncGenerator[_Reply, None]:
        """See ``Line.stream``."""
        body = json_text.dumps(json, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        head = f"{method} {self._prefix}{url} HTTP/1.1\r\n{self._fields}Content-Length: {len(body)}\r\n\r\n"
        reply = await self._connect()
        self._open.add(reply)
        try:
            if self._hung_up:
                raise httpx.ConnectError("this line has been hung up")
            reply.ask(head.encode() + body)
            await reply.read_head()
            yield reply
        finally:
            self._open.discard(reply)
            reply.break_off()

    async def _connect(self) -> _Reply:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, reply = await loop.create_connection(_Reply, self._host, self._port)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {_CONNECT_S:g} s") from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        return reply


class _Reply(asyncio.Protocol):
    """The answer on one connection.

    Attributes:
        gathers_s: how long after a piece what follows is kept back, so that it comes as one.
    """

    def __init__(self) -> None:
        self.status_code = 0
        self.gathers_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._body: _Chunks | _Rest | None = None
        self._first = b""
        self._received: list[bytes] = []
        self._n_waiting_bytes = 0
        self._is_paused = False
        self._is_over = False
        self._problem: Exception | None = None
        self._asker: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._given_s = -math.inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        self._n_waiting_bytes += len(data)
        if self._transport is not None and self._n_waiting_bytes > _MOST_WAITING_BYTES:
            self._is_paused = True
            self._transport.pause_reading()
        if self._asker is not None and (self._timer is None or data.endswith(_LAST_CHUNK)):
            self._tell_or_gather()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over, self._problem = True, exc
        self._tell()

    def ask(self, question: bytes) -> None:
        """Send it."""
        if self._transport is not None:
            self._transport.write(question)

    def break_off(self) -> None:
        """End the connection, whatever is still to come."""
        if self._transport is not None:
            self._transport.abort()

    async def read_head(self) -> None:
        """Read as far as the body."""
        head = b""
        while (end := head.find(b"\r\n\r\n")) < 0:
            if len(head) > _MAX_HEAD_BYTES:
                raise httpx.RemoteProtocolError("the head of the answer does not end")
            head += await self._receive() or _broken_off()
        first, *lines = head[:end].decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
            raise httpx.RemoteProtocolError("that is not an answer in HTTP/1.1")
        self.status_code = int(rest[:3])
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (at.partition(":") for at in lines)
        }
        if "chunked" in fields.get("transfer-encoding", "").lower():
            self._body = _Chunks()
        else:
            length = fields.get("content-length", "")
            self._body = _Rest(int(length) if length.isdecimal() else None)
        self._first = head[end + 4 :]

    async def aiter_bytes(self) -> AsyncGenerator[bytes, None]:
        """See ``StreamedReply.aiter_bytes``."""
        body = self._body
        assert body is not None  # noqa: S101  # nobody gets a reply before its head
        piece = self._first
        while True:
            if piece and (content := body.feed(piece)):
                yield content
            if body.has_ended:
                return
            piece = await self._receive()
            if not piece:
                body.close()

    async def aread(self) -> bytes:
        """See ``StreamedReply.aread``."""
        return b"".join([piece async for piece in self.aiter_bytes()])

    async def _receive(self) -> bytes:
        """What has come; nothing where the connection has ended."""
        if not self._is_over:
            self._asker = self._loop.create_future()
            if self._received:
                self._tell_or_gather()
            try:
                await self._asker
            finally:
                self._asker = None
        piece = b"".join(self._received)
        self._received.clear()
        self._n_waiting_bytes = 0
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        if not piece and self._problem is not None:
            raise httpx.ReadError(str(self._problem)) from self._problem
        self._given_s = self._loop.time()
        return piece

    def _tell_or_gather(self) -> None:
        """Let the one who asks have what has come, now or once its time is over."""
        if self.gathers_s and not self._is_paused and not self._received[-1].endswith(_LAST_CHUNK):
            early_s = self._given_s + self.gathers_s - self._loop.time()
            if early_s > 0:
                self._timer = self._loop.call_later(early_s, self._tell)
                return
        self._tell()

    def _tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._asker is not None and not self._asker.done():
            self._asker.set_result(None)


class _Rest:
    """A body of a known length, or one that ends with its connection."""

    def __init__(self, n_bytes: int | None) -> None:
        self._left = n_bytes
        self.has_ended = n_bytes == 0

    def feed(self, piece: bytes) -> bytes:
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
            self.has_ended = self._left == 0
        return piece

    def close(self) -> None:
        if self._left is not None:
            _broken_off()
        self.has_ended = True


class _Chunks:
    """A body in chunks, each after a line with its size."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0  # of the present chunk, with the line end that follows it
        self.has_ended = False

    def feed(self, piece: bytes) -> bytes:
        came, at = self._rest + piece, 0
        content = []
        while at < len(came) and not self.has_ended:
            if self._left == 0:
                end = came.find(b"\r\n", at)
                if end < 0:
                    break
                self._begin(came, at, end)
                at = end + 2
                continue
            taken = came[at : at + self._left]
            at += len(taken)
            content.append(taken[: max(0, self._left - 2)])
            self._left -= len(taken)
        self._rest = came[at:]
        return b"".join(content)

    def _begin(self, came: bytes, at: int, end: int) -> None:
        size = _SIZE.fullmatch(came, at, end)
        if size is None:
            raise httpx.RemoteProtocolError("a chunk of the answer has no size")
        n_bytes = int(size[1], 16)
        self.has_ended = n_bytes == 0
        self._left = n_bytes + 2

    def close(self) -> None:
        _broken_off()


def _broken_off() -> bytes:
    raise httpx.RemoteProtocolError("the answer broke off")
