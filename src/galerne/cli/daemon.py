"""One daemon per data folder: run it here, host it for as long as a command lasts, or attach to it.

Attaching needs none of what a daemon is made of: that is loaded where one is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from galerne.cli.settings import Settings
from galerne.errors import DataFolderBusy
from galerne.storage import read_daemon

STARTING_S = 20.0
"""How long a command waits for a daemon that is loading its model."""


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
def attach_or_host(settings: Settings, *, has_pages: bool = True) -> Iterator[str]:
    """The address of the folder's daemon; without one, host it on a free port until the block ends.

    Args:
        settings: what the user chose.
        has_pages: False where the pages will hardly be asked for: they are made when they are.
    """
    with contextlib.ExitStack() as stack:
        address = _address_of_daemon(settings.home)
        if address is None:
            try:
                address = stack.enter_context(_host(settings, has_pages=has_pages))
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
def _host(settings: Settings, *, has_pages: bool) -> Iterator[str]:
    hosted = _HostedDaemon(settings, has_pages=has_pages)
    try:
        yield hosted.start()
    finally:
        hosted.stop()


async def _serve_until_told(
    settings: Settings, *, announce: Callable[[str], None], simulate: str | None
) -> None:
    """Serve until the first signal, also one that comes while the model loads; the second ends it at once."""
    from galerne.cli.serving import serve

    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def stop(number: int) -> None:
        stopping.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    await serve(settings, ready=announce, simulate=simulate, stopping=stopping)


class _HostedDaemon:
    """A daemon in a thread of this process, on a free loopback port, for one command's lifetime."""

    def __init__(self, settings: Settings, *, has_pages: bool) -> None:
        self._has_pages = has_pages
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
        from galerne.cli.serving import serve

        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        await serve(
            self._settings, ready=self._note_ready, stopping=self._stopping, has_pages=self._has_pages
        )

    def _note_ready(self, address: str) -> None:
        self._address = address
        self._is_ready.set()
