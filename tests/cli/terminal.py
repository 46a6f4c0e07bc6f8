"""Runs the command line as its users do: in a process of its own, in a pipe or on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

COMMAND = [sys.executable, "-m", "galerne.cli"]
PATIENCE_S = 60.0
ADDRESS = re.compile(r"http://\S+:\d+")


def environment(home: Path, **changes: str) -> dict[str, str]:
    """The environment of a newcomer: nothing set but the data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GALERNE_", "LC_"))}
    fixed = {"LANG": "C.UTF-8", "GALERNE_HOME": str(home), "GALERNE_STORES": "none", "GALERNE_TUNE": "off"}
    return {**kept, **fixed, **changes}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended."""

    exit_code: int
    output: str
    errors: str

    def document(self) -> Any:
        assert self.exit_code == 0, self.errors
        return json.loads(self.output)


def galerne(
    *arguments: str, home: Path, typed: str | bytes | None = None, close_input: bool = False, **settings: str
) -> Outcome:
    """Run a command to its end, with what is piped into it; without, its input is empty."""
    command: Sequence[str] = [*COMMAND, *arguments]
    if close_input:
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    piped = typed.encode() if isinstance(typed, str) else typed
    done = subprocess.run(
        command,
        input=piped if piped is not None else b"",
        capture_output=True,
        env=environment(home, **settings),
        timeout=PATIENCE_S,
        check=False,
    )
    return Outcome(exit_code=done.returncode, output=done.stdout.decode(), errors=done.stderr.decode())


Here = Callable[..., Outcome]
"""Runs a command in this process: the same path, without the second that Python takes to start."""


@dataclass(kw_only=True)
class Daemon:
    """A ``galerne serve`` that runs."""

    process: subprocess.Popen[str]
    address: str
    home: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)


@contextmanager
def starting(home: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A ``galerne serve`` on a free port, from its first moment; killed at the end if it still runs."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home, **settings),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def serving(home: Path, *arguments: str, **settings: str) -> Iterator[Daemon]:
    """Serve until the block ends."""
    with starting(home, *arguments, **settings) as process:
        assert process.stdout
        assert process.stderr
        address = next((found[0] for line in process.stdout if (found := ADDRESS.search(line))), None)
        assert address, process.stderr.read()
        yield Daemon(process=process, address=address, home=home)


class Terminal:
    """A command on a terminal: what it shows is read, and keys are typed."""

    def __init__(self, *arguments: str, home: Path, **settings: str) -> None:
        self._pid, self._screen = pty.fork()
        if self._pid == 0:
            values = environment(home, TERM="xterm", COLUMNS="120", LINES="40", **settings)
            os.execve(COMMAND[0], [*COMMAND, *arguments], values)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._screen)

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def wait_for(self, pattern: str) -> str:
        """Read until the pattern is shown, after what was waited for before; the text up to its end."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < deadline_s, f"{pattern!r} was not shown:\n{self.shown}"
            if not self._read():
                raise AssertionError(f"it ended without showing {pattern!r}:\n{self.shown}")
        text, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return text

    def wait_for_end(self) -> int:
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._screen], [], [], 1.0)
        if not ready:
            return True
        try:
            raw = os.read(self._screen, 65536)
        except OSError:  # how Linux says that the other end has closed
            return False
        text = raw.decode(errors="replace")
        if "\x1b[6n" in text:  # it asks where the cursor is, and waits for an answer
            self.type("\x1b[1;1R")
        self.shown += re.sub(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()].|[=>78])|\r", "", text)
        return bool(raw)


def wait_until(happens: Callable[[], bool], *, of: subprocess.Popen[str] | None = None) -> None:
    """Look until it is so, while the process that is to bring it about runs."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not happens():
        assert of is None or of.poll() is None, "it has ended"
        assert time.monotonic() < deadline_s, "it has not happened"
        time.sleep(0.01)


def owner_of(home: Path) -> Mapping[str, Any] | None:
    """Who is written down as the owner of a data folder."""
    text = (home / "daemon.lock").read_text().strip()
    return json.loads(text) if text else None
