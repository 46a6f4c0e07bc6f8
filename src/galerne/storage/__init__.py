"""Where things are kept: SQLite files or PostgreSQL, opened by URL and migrated; one daemon per folder.

Front door: ``open_store``, ``reading`` and ``writing`` for a database, ``ReadyStatement`` and
``ReadySelection`` for what it is asked most, ``DataFolderLock`` and ``read_daemon`` for the folder.
"""

from galerne.storage.folder import DaemonInfo, DataFolderLock, read_daemon
from galerne.storage.ready import ReadySelection, ReadyStatement
from galerne.storage.store import open_store, reading, sqlite_url, writing

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
