"""Where things are kept: SQLite files or PostgreSQL, opened by URL and migrated; one daemon per folder.

Front door: ``open_store``, ``reading`` and ``writing`` for a database, ``ReadyStatement`` and
``ReadySelection`` for what it is asked most, ``DataFolderLock`` and ``read_daemon`` for the folder. The
database's library is loaded by whoever asks for what is of it: a command that only looks for the daemon
starts without.
"""

import importlib
from typing import TYPE_CHECKING, Any

from galerne.storage.folder import DaemonInfo, DataFolderLock, read_daemon

if TYPE_CHECKING:
    from galerne.storage.ready import ReadySelection, ReadyStatement
    from galerne.storage.store import open_store, reading, sqlite_url, writing

_ROOMS = {
    "ReadySelection": "ready",
    "ReadyStatement": "ready",
    "open_store": "store",
    "reading": "store",
    "sqlite_url": "store",
    "writing": "store",
}

__all__ = [
    "DaemonInfo",
    "DataFolderLock",
    "ReadySelection",
    "ReadyStatement",
    "open_store",
    "read_daemon",
    "reading",
    "sqlite_url",
    "writing",
]


def __getattr__(name: str) -> Any:
    """What is of the database, when it is first asked for."""
    if name not in _ROOMS:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
