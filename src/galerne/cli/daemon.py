"""One daemon per data folder: run it here, host it for as long as a command lasts, or attach to it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import uvicorn

from galerne.cli.foundation import Foundation, lay_foundation
from galerne.cli.house import open_house
from galerne.cli.settings import Settings
from galerne.clock import SystemClock
from galerne.errors import DataFolderBusy, PortInUse
from galerne.storage import DataFolderLock, read_daemon

SHUTDOWN_S = 5
"""How long answers in flight may take to end when the daemon is told to stop."""
STARTING_S = 20.0
"""How long a command waits for a daemon that is loading its model."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to call those by from here
_OUTWARD = {  # addresses for documentation (RFC 5737, RFC 3849): reached over the way out, and by nobody
    socket.AddressFamily.AF_INET: ("192.0.2.1", "127.0.0.1"),
    socket.AddressFamily.AF_INET6: ("2001:db8::1", "::1"),
}


def run_daemon(settings: Settings, *, announce: Callable[[str], None], simulate: str | None = None) -> None:
    """Serve in the foreground until Ctrl-C or SIGTERM, then end cleanly.

    Args:
        settings: what the user chose.
        announce: called with the address once requests are answered.
        simulate: id of a catalogue system to simulate.
    """
    with contextlib.suppress(KeyboardInterrupt):
        _run(_serve_until_told(settings, announce=announce, simulate=simulate))


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """On the loop that libuv drives, where there is one."""
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        runner.run(serving)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # it is not made for Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@contextlib.contextmanager
def attach_or_host(settings: Settings) -> Iterator[str]:
    """The address of the folder's daemon; without one, host it on a free port until the block ends."""
    with contextlib.ExitStack() as stack:
        address = _address_of_daemon(settings.home)
        if address is None:
            try:
                address = stack.enter_context(_host(settings))
            except DataFolderBusy:  # another command was faster, and hosts it
                address = _address_of_daemon(settings.home)
                if address is None:
                    raise
        yield address


def own_key(settings: Settings) -> str | None:
    """The key by which the folder's daemon knows its owner's commands; else the one that is set."""
    running = read_daemon(settings.home)
    return running.key if running and running.key else settings.api_key


def _address_of_daemon(home: Path) -> str | None:
    """Where the folder's daemon answers; waits for one that is starting."""
    deadline_s = time.monotonic() + STARTING_S
    while (running := read_daemon(home)) and running.address is None and time.monotonic() < deadline_s:
        time.sleep(STARTING_S / 200)
    return running.address if running else None


@contextlib.contextmanager
def _host(settings: Settings) -> Iterator[str]:
    hosted = _HostedDaemon(settings)
    try:
        yield hosted.start()
    finally:
        hosted.stop()


async def _serve_until_told(
    settings: Settings, *, announce: Callable[[str], None], simulate: str | None
) -> None:
    """Serve until the first signal, also one that comes while the model loads; the second ends it at once."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def stop(number: int) -> None:
        stopping.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    await _serve(settings, ready=announce, simulate=simulate, stopping=stopping)


async def _serve(
    settings: Settings,
    *,
    ready: Callable[[str], None],
    stopping: asyncio.Event,
    simulate: str | None = None,
) -> None:
    """Open the house and serve it until ``stopping`` is set."""
    is_ready = False

    def note_ready(address: str) -> None:
        nonlocal is_ready
        is_ready = True
        ready(address)

    serving = asyncio.create_task(_open_and_serve(settings, note_ready, stopping, simulate=simulate))
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
    settings: Settings, ready: Callable[[str], None], stopping: asyncio.Event, *, simulate: str | None
) -> None:
    with DataFolderLock(settings.home) as lock, _listen(settings.host, settings.port) as listener:
        address = _address_of(listener, settings.host)
        own_key = secrets.token_urlsafe(32)
        foundation: Foundation = lay_foundation(settings, clock=SystemClock())
        house = open_house(foundation, base_url=_own_address(listener), own_key=own_key, simulate=simulate)
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


class _HostedDaemon:
    """A daemon in a thread of this process, on a free loopback port, for one command's lifetime."""

    def __init__(self, settings: Settings) -> None:
        self._settings = dataclasses.replace(settings, host="127.0.0.1", port=0)
        self._is_ready = threading.Event()
        self._address = ""
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="galerne-daemon", daemon=True)

    def start(self) -> str:
        """Start and wait; a failure to start is raised here."""
        self._thread.start()
        self._is_ready.wait()
        if self._failure is not None:
            raise self._failure
        return self._address

    def stop(self) -> None:
        """End it and wait until nothing is left behind."""
        if self._loop and self._stopping and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            _run(self._serve())
        except Exception as error:  # noqa: BLE001  # raised again where `start` waits
            self._failure = error
        finally:
            self._is_ready.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        await _serve(self._settings, ready=self._note_ready, stopping=self._stopping)

    def _note_ready(self, address: str) -> None:
        self._address = address
        self._is_ready.set()
