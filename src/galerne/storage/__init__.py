"""Where things are kept: SQLite files or PostgreSQL, opened by URL and migrated; one daemon per folder.

Front door: ``open_store``, ``reading`` and ``writing`` for a database, ``DataFolderLock`` and
``read_daemon`` for the folder.
"""

from galerne.storage.folder import DaemonInfo, DataFolderLock, read_daemon
from galerne.storage.store import open_store, reading, sqlite_url, writing

__all__ = [
    "DaemonInfo",
    "DataFolderLock",
    "open_store",
    "read_daemon",
    "reading",
    "sqlite_url",
    "writing",
]
