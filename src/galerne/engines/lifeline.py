"""Runs a command that knows nothing of us and ends it when we end. Started by path: it needs no other module.

Reads one JSON line on standard input (``command``, ``environment``), answers with one on standard output, and
ends the command with everything it has started when standard input closes: it cannot outlive its parent, even
one killed by ``kill -9``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

PR_SET_PDEATHSIG = 1
GRACE_S = 10.0
"""How long the command may take to end when asked politely."""


def main() -> None:
    """Run the command until it ends, or until the parent goes."""
    settings = json.loads(sys.stdin.buffer.readline())
    report, process = _start(settings)
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
    if process is None:
        return
    # What happens is told over a pipe: a signal handler may not wait for what the main thread waits for.
    told, tell = os.pipe()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: os.write(tell, b"."))
    for work in (_note_end, _note_parent):
        threading.Thread(target=work, args=(process, ended, tell), daemon=True).start()
    os.read(told, 1)
    if not ended.is_set():
        _end(process, ended)
    os._exit(process.returncode & 0xFF)


def _start(settings: dict[str, Any]) -> tuple[dict[str, Any], subprocess.Popen[bytes] | None]:
    try:
        process = subprocess.Popen(  # noqa: S603  # what the owner's own file names
            settings["command"],
            env={**os.environ, **settings["environment"]},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  # no threads yet
        )
    except OSError as error:
        return {"state": "missing", "problem": error.strerror or str(error)}, None
    return {"state": "started", "process_id": process.pid}, process


def _die_with_parent() -> None:
    """On Linux the kernel ends the command also when this very process is killed outright."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _note_end(process: subprocess.Popen[bytes], ended: threading.Event, tell: int) -> None:
    process.wait()
    ended.set()
    os.write(tell, b".")


def _note_parent(_: subprocess.Popen[bytes], __: threading.Event, tell: int) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os.write(tell, b".")


def _end(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    """End it and all it has started: politely, then for certain."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if ended.wait(GRACE_S):
            return


if __name__ == "__main__":
    main()
