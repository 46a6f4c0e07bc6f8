"""Reads files in a process of its own, one that is killed when it takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import galerne.errors
from galerne.chat.documents.child import command_line
from galerne.chat.documents.limits import LARGEST_DOCUMENT_BYTES, Limits
from galerne.chat.documents.records import DocumentKind, Piece, Position, Reading
from galerne.errors import ChatError, DocumentTooLarge, DocumentUnreadable, ExtractionOverrun

_CHILD = Path(__file__).with_name("child.py")
_INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
_AT_ONCE = 2
_ANSWER_BYTES = 80_000_000


class DocumentReader:
    """Reads a few files at a time.

    Args:
        limits: of each reading.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def read(self, content: bytes, *, name: str) -> Reading:
        """The text of a file.

        Args:
            content: all of it.
            name: as its owner calls it; only the ending is looked at.

        Raises:
            ChatError: the leaf says why it is not read.
        """
        if len(content) > LARGEST_DOCUMENT_BYTES:
            raise DocumentTooLarge(what="bytes", found=len(content), limit=LARGEST_DOCUMENT_BYTES)
        async with self._places:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", str(_CHILD)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(self._limits.wall_s):
                    answer = await self._talk(process, content, name=name)
            except TimeoutError as error:
                raise ExtractionOverrun(resource="seconds", limit=self._limits.wall_s) from error
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return self._reading(answer, exit_code=process.returncode)

    async def _talk(self, process: asyncio.subprocess.Process, content: bytes, *, name: str) -> bytes:
        assert process.stdin is not None  # noqa: S101  # asked for above
        assert process.stdout is not None  # noqa: S101
        ending = "." + name.rpartition(".")[2][-12:]
        reading = asyncio.create_task(_read_all(process.stdout))
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended early; it says why
                process.stdin.write(command_line(name=ending, limits=self._limits) + content)
                await process.stdin.drain()
                process.stdin.close()
            answer = await reading
        finally:
            reading.cancel()
        await process.wait()
        return answer

    def _reading(self, answer: bytes, *, exit_code: int | None) -> Reading:
        try:
            facts: dict[str, Any] = json.loads(answer)
        except ValueError:
            facts = {}
        if "pieces" in facts:
            pieces = (Piece(text=text, position=Position(**where)) for text, where in facts["pieces"])
            kind = DocumentKind(facts["kind"])
            return Reading(kind=kind, pieces=tuple(pieces), n_pages=int(facts["n_pages"]))
        if "problem" in facts:
            leaf = getattr(galerne.errors, facts["problem"])
            raise leaf(**facts["facts"]) if issubclass(leaf, ChatError) else DocumentUnreadable(problem="…")
        if exit_code in {-signal.SIGXCPU, -signal.SIGKILL}:
            raise ExtractionOverrun(resource="seconds of processor time", limit=self._limits.processor_s)
        if "overrun" in facts:
            raise ExtractionOverrun(resource="bytes of memory", limit=self._limits.memory_bytes)
        raise DocumentUnreadable(problem=f"its reader ended with {exit_code}")


async def _read_all(stream: asyncio.StreamReader) -> bytes:
    data = bytearray()
    while chunk := await stream.read(1 << 20):
        data += chunk
        if len(data) > _ANSWER_BYTES:
            raise DocumentTooLarge(what="bytes of text", found=len(data), limit=_ANSWER_BYTES)
    return bytes(data)


def _environment() -> dict[str, str]:
    """What Python needs to start and nothing else: no key, no setting, no home."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **kept,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1",  # each thread of it would take a part of the memory that is allowed
        "OMP_NUM_THREADS": "1",
    }
