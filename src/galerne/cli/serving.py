"""Serving a data folder: the socket, the house behind it, and the end of both."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import uvicorn

from galerne.cli.foundation import lay_foundation
from galerne.cli.house import open_house
from galerne.cli.settings import Settings
from galerne.clock import SystemClock
from galerne.errors import PortInUse
from galerne.storage import DataFolderLock

SHUTDOWN_S = 5
"""How long answers in flight may take to end when the daemon is told to stop."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to call those by from here
_OUTWARD = {  # addresses for documentation (RFC 5737, RFC 3849): reached over the way out, and by nobody
    socket.AddressFamily.AF_INET: ("192.0.2.1", "127.0.0.1"),
    socket.AddressFamily.AF_INET6: ("2001:db8::1", "::1"),
}


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None],
    stopping: asyncio.Event,
    simulate: str | None = None,
    has_pages: bool = True,
) -> None:
    """Open the house and serve it until ``stopping`` is set.

    Args:
        settings: what the user chose.
        ready: called with the address once requests are answered.
        stopping: set by whoever wants it to end.
        simulate: id of a catalogue system to simulate.
        has_pages: False makes the pages when the first is asked for.
    """
    is_ready = False

    def note_ready(address: str) -> None:
        nonlocal is_ready
        is_ready = True
        ready(address)

    serving = asyncio.create_task(
        _open_and_serve(settings, note_ready, stopping, simulate=simulate, has_pages=has_pages)
    )
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not is_ready and not serving.done():
        serving.cancel()
        await asyncio.wait({serving})
        return
    await serving


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn sends them again once it has ended, and so kills what is left to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _open_and_serve(
    settings: Settings,
    ready: Callable[[str], None],
    stopping: asyncio.Event,
    *,
    simulate: str | None,
    has_pages: bool,
) -> None:
    with DataFolderLock(settings.home) as lock, _listen(settings.host, settings.port) as listener:
        address = _address_of(listener, settings.host)
        own_key = secrets.token_urlsafe(32)
        foundation = replace(lay_foundation(settings, clock=SystemClock()), is_hurried=not has_pages)
        house = open_house(
            foundation,
            base_url=_own_address(listener),
            own_key=own_key,
            simulate=simulate,
            has_pages=has_pages,
        )
        async with house as app:
            server = _Server(
                uvicorn.Config(
                    app,
                    log_level="warning",
                    access_log=False,
                    lifespan="off",
                    timeout_graceful_shutdown=SHUTDOWN_S,
                    server_header=False,
                    http="httptools",
                )
            )
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started and not serving.done():
                await asyncio.sleep(0.005)
            lock.announce(_own_address(listener), key=own_key)
            gc.freeze()  # what was made by now stays: no later collection looks through it
            ready(address)
            told = asyncio.create_task(stopping.wait())
            await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            server.should_exit = True
            await serving


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything heavy is loaded.

    Raises:
        PortInUse: something else has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
            raise PortInUse(host=host, port=port) from error
        raise
    return listener


def _address_of(listener: socket.socket, host: str) -> str:
    """Where a person opens the page; of a daemon that listens everywhere, where others reach this machine."""
    bound, port = listener.getsockname()[:2]
    return _url(_outward_host(listener.family) if bound in _EVERYWHERE else host, port)


def _own_address(listener: socket.socket) -> str:
    """How we reach ourselves, whatever the address others use."""
    host, port = listener.getsockname()[:2]
    return _url(_EVERYWHERE.get(host, host), port)


def _url(host: str, port: int) -> str:
    return f"http://[{host.strip('[]')}]:{port}" if ":" in host else f"http://{host}:{port}"


def _outward_host(family: socket.AddressFamily) -> str:
    """This machine's address towards the rest; loopback where it has none. Nothing is sent to find it."""
    somewhere, own = _OUTWARD[family]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((somewhere, 9))
        except OSError:
            return own
        return str(probe.getsockname()[0])
