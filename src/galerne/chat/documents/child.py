"""The process that reads a stranger's file: it may use little, write nothing, and reach nobody.

Run as a script by ``reader``. Standard input: one line of JSON, then the file. Standard output: one JSON
document, the pieces or the failure.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import resource
import signal
import sys
from typing import Any

from galerne.chat.documents.extract import extract
from galerne.chat.documents.limits import Limits
from galerne.errors import GalerneError

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_REFUSED = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.system",
    "os.kill",
    "ctypes.",
)
_CHANGES = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.truncate",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    """Confine ourselves, then read."""
    facts = json.loads(sys.stdin.buffer.readline())
    limits = Limits(**facts["limits"])
    answer = os.dup(1)
    os.dup2(2, 1)  # what a library prints is not our answer
    confine(limits)
    try:
        content = sys.stdin.buffer.read()
        reply = _read(content, name=facts["name"], limits=limits)
    except MemoryError:
        reply = {"overrun": "memory"}
    data = memoryview(json.dumps(reply, ensure_ascii=False).encode("utf-8", errors="replace"))
    while data:
        data = data[os.write(answer, data) :]


def confine(limits: Limits) -> None:
    """Give up what reading a file does not need. Each layer holds where the one before is not to be had."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.unshare(_NEW_USER | _NEW_NETWORK)  # no network at all, where the kernel lets us have our own
    for kind, most in (
        (resource.RLIMIT_CPU, limits.processor_s),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):  # systems without that limit; the wall clock remains
            resource.setrlimit(kind, (most, most))
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Python's own gate, which cannot be opened again: no connection, no program, no change of any file."""
    if event.startswith(_REFUSED) or event in _CHANGES:
        raise PermissionError(event)
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES:
        raise PermissionError(event)


def _read(content: bytes, *, name: str, limits: Limits) -> dict[str, Any]:
    try:
        reading = extract(content, name=name, limits=limits)
    except GalerneError as error:
        return {"problem": type(error).__name__, "facts": error.facts()}
    pieces = [(piece.text, piece.position.facts()) for piece in reading.pieces]
    return {"kind": reading.kind.value, "n_pages": reading.n_pages, "pieces": pieces}


def command_line(*, name: str, limits: Limits) -> bytes:
    """The first line that this program reads."""
    return json.dumps({"name": name, "limits": dataclasses.asdict(limits)}).encode() + b"\n"


if __name__ == "__main__":
    main()
