"""A process we own: told its settings on standard input, watched, measured, and ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

from galerne.engines.protocol import EngineMemory

TAIL_BYTES = 4096
"""How much of its error stream is kept, for the error that reports its death."""


class Child:
    """One run of a child process; a restart makes a new one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._probe: psutil.Process | None = None
        with contextlib.suppress(psutil.NoSuchProcess):  # it may have died already
            self._probe = psutil.Process(process.pid)
        self._processor_s = 0.0
        self._tail = b""
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def spawn(cls, command: Sequence[str], *, settings: Mapping[str, Any]) -> Child:
        """Start it and tell it its settings, secrets included, where no other process can see them."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C in the terminal is for us; we end the child ourselves.
            start_new_session=True,
        )
        child = cls(process)
        if process.stdin is not None:
            process.stdin.write(json.dumps(settings).encode() + b"\n")
        return child

    @property
    def process_id(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative for the signal that ended it."""
        return self._process.returncode

    @property
    def tail(self) -> str:
        """The end of what it wrote on its error stream."""
        return self._tail.decode("utf-8", errors="replace")

    async def report(self) -> dict[str, Any] | None:
        """Its line on standard output; None if it died without one."""
        assert self._process.stdout is not None  # noqa: S101  # asked for in spawn
        line = await self._process.stdout.readline()
        return dict(json.loads(line)) if line.endswith(b"\n") else None

    async def wait(self) -> None:
        """Until it has ended, and what it wrote has been read."""
        await self._process.wait()
        await asyncio.wait({self._listener})

    async def end(self, *, grace_s: float) -> None:
        """End it: politely, then for certain. A stopped process cannot keep us waiting."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self.processor_s()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self.wait()

    def processor_s(self) -> float:
        """CPU-seconds it has used; after its death, the last reading."""
        if self._probe is None:
            return self._processor_s
        with contextlib.suppress(psutil.Error):
            times = self._probe.cpu_times()
            self._processor_s = max(self._processor_s, times.user + times.system)
        return self._processor_s

    def memory(self) -> EngineMemory:
        """What it holds now; nothing once it has ended."""
        if self._probe is not None and self.exit_code is None:
            with contextlib.suppress(psutil.Error):
                held = self._probe.memory_info()
                # Where the system does not tell the pages of files apart, all counts as its own.
                return EngineMemory(
                    resident_bytes=held.rss, private_bytes=held.rss - getattr(held, "shared", 0)
                )
        return EngineMemory()

    async def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  # asked for in spawn
        while piece := await self._process.stderr.read(TAIL_BYTES):
            self._tail = (self._tail + piece)[-TAIL_BYTES:]
