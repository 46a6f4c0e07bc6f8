import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest

from galerne.engines.http_line import HttpLine, gather, line_to

pytestmark = pytest.mark.anyio
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@contextlib.asynccontextmanager
async def serving(pieces: Sequence[bytes], *, asked: list[bytes] | None = None) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        body = await reader.readexactly(int(length.split()[1]))
        if asked is not None:
            asked.extend((head, body))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def read(pieces: Sequence[bytes]) -> tuple[int, bytes]:
    async with (
        serving(pieces) as address,
        HttpLine(address, headers={}).stream("POST", "/", json={}) as reply,
    ):
        return reply.status_code, await reply.aread()


async def test_the_question_arrives_with_its_headers_under_the_path_of_the_address():
    asked: list[bytes] = []
    reply_bytes = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and nothing more"]
    async with serving(reply_bytes, asked=asked) as address:
        line = HttpLine(f"{address}/under/", headers={"Authorization": "Bearer k", "Empty": ""})
        async with line.stream("POST", "/v1/x", json={"é": "\ud83c"}) as reply:
            assert (reply.status_code, await reply.aread()) == (200, b"ok")
    assert asked[0].startswith(b"POST /under/v1/x HTTP/1.1\r\n")
    assert b"Authorization: Bearer k\r\n" in asked[0]
    assert b"Empty" not in asked[0]
    assert asked[1] == '{"é":"?"}'.encode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_a_chunked_body_is_the_same_however_it_is_cut(size):
    chunks = [b"data: a\n\n", b"\r\n", b"0\r\n\r\n", b"x" * 40]
    body = b"".join(b"%X;more=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    wire = CHUNKED + body + b"0\r\n\r\n"
    pieces = [wire[place : place + size] for place in range(0, len(wire), size)]
    assert await read(pieces) == (200, b"".join(chunks))


async def test_a_body_without_a_length_ends_with_its_connection():
    assert await read([b"HTTP/1.1 503 No\r\n\r\nlater", b" on"]) == (503, b"later on")


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"HTTP/1.1 200 OK\r\nContent-"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"],
        [CHUNKED + b"5\r\nab"],
        [CHUNKED + b"5\r\nabcde\r\n"],
        [CHUNKED + b"-5\r\nabcde\r\n"],
        [CHUNKED + b"zz\r\nabcde\r\n0\r\n\r\n"],
        [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n" + b"a" * (1 << 18)],
    ],
)
async def test_an_answer_that_is_broken_or_breaks_off_is_a_failure_of_the_connection(pieces):
    with pytest.raises(httpx.TransportError):
        await read(pieces)


async def test_nobody_there_is_a_failure_of_the_connection():
    with pytest.raises(httpx.ConnectError):
        async with HttpLine("http://127.0.0.1:1", headers={}).stream("POST", "/", json={}):
            pass


async def test_leaving_the_block_ends_the_connection():
    left = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"1\r\na\r\n")
        await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        line = HttpLine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", headers={})
        async with line.stream("POST", "/", json={}) as reply:
            assert await anext(aiter(reply.aiter_bytes())) == b"a"
        async with asyncio.timeout(10):
            await left.wait()


async def test_only_plain_http_is_asked_our_way():
    async with httpx.AsyncClient() as client:
        assert line_to(client, "https://api.example") is client
        assert isinstance(line_to(client, "http://127.0.0.1:1"), HttpLine)


async def test_what_follows_a_piece_is_gathered_and_the_end_is_not_held_back():
    written = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"1\r\na\r\n")
        await written.wait()
        for piece in (b"1\r\nb\r\n", b"1\r\nc\r\n", b"0\r\n\r\n"):
            await asyncio.sleep(0.01)  # each is read before the next is written
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, asyncio.timeout(30):
        line = HttpLine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", headers={})
        async with line.stream("POST", "/", json={}) as reply:
            gather(reply, 3600.0)
            pieces = aiter(reply.aiter_bytes())
            assert await anext(pieces) == b"a"
            written.set()
            assert [piece async for piece in pieces] == [b"bc"]


async def test_a_server_waits_for_a_reader_who_does_not_ask():
    n_written, told = 0, asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            writer.write(bytes(1 << 20))
            n_written += 1
            try:
                async with asyncio.timeout(0.2):
                    await writer.drain()
            except TimeoutError:
                told.set()
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, asyncio.timeout(60):
        line = HttpLine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", headers={})
        async with line.stream("POST", "/", json={}) as reply:
            await told.wait()
            assert n_written < 64
            assert sum([len(piece) async for piece in reply.aiter_bytes()]) == 64 << 20
