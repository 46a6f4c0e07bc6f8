"""One daemon per data folder, and how other commands find it.

The kernel holds the lock (``flock`` on ``daemon.lock``) and drops it when the daemon dies, however it dies:
a stale lock cannot exist. The file's text only tells who holds it and where that daemon answers.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from galerne.errors import DataFolderBusy, StoreUnreachable

LOCK_NAME = "daemon.lock"
_RECORD_BYTES = 512
_PROBES = 20
_PROBE_S = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class DaemonInfo:
    """Who owns a data folder.

    Attributes:
        pid: its process.
        address: where it answers, such as ``http://127.0.0.1:4747``; None while it starts.
        key: what its owner's other commands send it: who can read this folder owns it.
    """

    pid: int
    address: str | None
    key: str | None = field(default=None, repr=False)


class DataFolderLock:
    """Ownership of a data folder for as long as the ``with`` block lasts.

    Children must not inherit the lock: start them with ``exec`` (``subprocess``), never by a bare fork.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the folder, making it where missing.

        Raises:
            DataFolderBusy: another daemon has it.
            StoreUnreachable: the folder cannot be made or written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self.folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreUnreachable(store="data folder", problem=str(error)) from error
        try:
            _lock(file, self.folder)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        _write(file, DaemonInfo(pid=os.getpid(), address=None))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the folder back."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def announce(self, address: str, *, key: str | None = None) -> None:
        """Tell the owner's other commands where this daemon answers, and by which key it knows them."""
        if self._file is None:
            raise ValueError("only the owner of a data folder announces an address")
        _write(self._file, DaemonInfo(pid=os.getpid(), address=address, key=key))


def read_daemon(folder: Path) -> DaemonInfo | None:
    """The daemon that owns this folder now, or None."""
    try:
        file = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read(file)
    else:
        return None
    finally:
        os.close(file)


def _lock(file: int, folder: Path) -> None:
    """Lock, waiting out the instants in which ``read_daemon`` looks at a free lock."""
    for _ in range(_PROBES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PROBE_S)
        except OSError as error:
            raise StoreUnreachable(store="data folder", problem=f"it cannot be locked: {error}") from error
        else:
            return
    raise DataFolderBusy(folder=str(folder), owner_pid=_read(file).pid)


def _write(file: int, info: DaemonInfo) -> None:
    record = json.dumps({"pid": info.pid, "address": info.address, "key": info.key})
    os.pwrite(file, record.ljust(_RECORD_BYTES).encode(), 0)  # one size, one write: never half of each


def _read(file: int) -> DaemonInfo:
    try:
        record = json.loads(os.pread(file, _RECORD_BYTES, 0))
        return DaemonInfo(pid=int(record["pid"]), address=record["address"], key=record.get("key"))
    except (ValueError, KeyError, TypeError):
        return DaemonInfo(pid=0, address=None)  # locked this instant, not yet signed
