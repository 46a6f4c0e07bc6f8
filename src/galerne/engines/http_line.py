"""A question over plain HTTP and its answer, piece by piece as it comes.

What an HTTP library does for a piece takes longer than everything else that happens to a token. Here a piece
is one read of the socket, made only when somebody asks for it, and no more parsing than its framing needs.
Failures are those of ``httpx``, which asks everything that is not a stream.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json as json_text
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

_CONNECT_S = 5.0
_PIECE_BYTES = 1 << 16
_MAX_HEAD_BYTES = 1 << 16
_HEXADECIMAL = frozenset(b"0123456789abcdef")


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
        self._open: set[socket.socket] = set()
        self._hung_up = False

    def hang_up(self) -> None:
        """Break off every answer in flight for good: whoever reads one is told that the connection failed."""
        self._hung_up = True
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @asynccontextmanager
    async def stream(self, method: str, url: str, *, json: Any) -> AsyncGenerator[_Reply, None]:
        """See ``Line.stream``."""
        body = json_text.dumps(json, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        head = f"{method} {self._prefix}{url} HTTP/1.1\r\n{self._fields}Content-Length: {len(body)}\r\n\r\n"
        connection = await self._connect()
        self._open.add(connection)
        try:
            if self._hung_up:
                raise httpx.ConnectError("this line has been hung up")
            try:
                await asyncio.get_running_loop().sock_sendall(connection, head.encode() + body)
            except OSError as error:
                raise httpx.WriteError(str(error)) from error
            reply = _Reply(connection)
            await reply.read_head()
            yield reply
        finally:
            self._open.discard(connection)
            connection.close()

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        problem: OSError | None = None
        try:
            async with asyncio.timeout(_CONNECT_S):
                for family, place in await self._places():
                    connection = socket.socket(family, socket.SOCK_STREAM)
                    try:
                        connection.setblocking(False)
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        await loop.sock_connect(connection, place)
                    except BaseException as error:
                        connection.close()
                        if not isinstance(error, OSError):
                            raise
                        problem = error
                    else:
                        return connection
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {_CONNECT_S:g} s") from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        raise httpx.ConnectError(str(problem)) from problem

    async def _places(self) -> list[tuple[int, Any]]:
        """Where the host may be found; a literal address needs no asking."""
        try:
            version = ipaddress.ip_address(self._host).version
        except ValueError:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            return [(family, place) for family, _, _, _, place in found]
        return [(socket.AF_INET if version == 4 else socket.AF_INET6, (self._host, self._port))]


class _Reply:
    """The answer on one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._body: _Chunks | _Rest | None = None
        self._first = b""
        self.status_code = 0

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
        try:
            return await asyncio.get_running_loop().sock_recv(self._connection, _PIECE_BYTES)
        except OSError as error:
            raise httpx.ReadError(str(error)) from error


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
        content = []
        self._rest += piece
        while self._rest and not self.has_ended:
            if self._left == 0:
                line, found, rest = self._rest.partition(b"\r\n")
                if not found:
                    break
                self._rest = rest
                self._begin(line)
                continue
            taken = self._rest[: self._left]
            self._rest = self._rest[self._left :]
            content.append(taken[: max(0, self._left - 2)])
            self._left -= len(taken)
        return b"".join(content)

    def _begin(self, line: bytes) -> None:
        size = line.partition(b";")[0].strip()
        if not size or not set(size.lower()) <= _HEXADECIMAL:
            raise httpx.RemoteProtocolError("a chunk of the answer has no size")
        n_bytes = int(size, 16)
        self.has_ended = n_bytes == 0
        self._left = n_bytes + 2

    def close(self) -> None:
        _broken_off()


def _broken_off() -> bytes:
    raise httpx.RemoteProtocolError("the answer broke off")
