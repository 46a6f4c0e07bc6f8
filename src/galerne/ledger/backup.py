"""Backup and restore. A backup is a SQLite ledger, whatever database it was taken from.

So it can be opened, verified and read like any ledger, and restored into either database: it is also the
way from a file to PostgreSQL.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, func, insert, select

from galerne.errors import LedgerNotEmpty, StoreUnreachable
from galerne.ledger.audit import ChainHead, count_events, verify_ledger
from galerne.ledger.schema import (
    ANSWERS,
    CHAINS,
    COUNTERS,
    DAYS,
    ENTRIES,
    FACTORS,
    HOLDS,
    KEYS,
    LIMITS,
    METER_DAYS,
    SETTLEMENTS,
)
from galerne.storage import open_store, reading, sqlite_url, writing

_TABLES = (FACTORS, ANSWERS, SETTLEMENTS, ENTRIES, CHAINS, KEYS, LIMITS, COUNTERS, HOLDS, DAYS, METER_DAYS)
"""Every table, parents before children."""
_PAGE = 1000


def back_up(engine: Engine, path: Path, *, migrations: str) -> tuple[ChainHead, ...]:
    """Write a consistent copy of a ledger to a new file, beside writers at work, and verify it.

    Args:
        engine: of the open ledger.
        path: must not be there yet; appears only once the copy is whole and verified.
        migrations: history of the ledger's tables.

    Returns:
        The heads of the chains in the copy.

    Raises:
        StoreUnreachable: the file is there already, or cannot be written; or the database does not answer.
        LedgerBroken: the ledger is not what was written.
    """
    if path.exists():
        raise StoreUnreachable(store="backup", problem=f"{path} is there already")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".galerne-backup-") as folder:
            part = Path(folder, path.name)
            heads = _write_copy(engine, part, migrations=migrations)
            part.rename(path)
    except OSError as error:
        raise StoreUnreachable(store="backup", problem=str(error)) from error
    return heads


def _write_copy(engine: Engine, path: Path, *, migrations: str) -> tuple[ChainHead, ...]:
    if engine.dialect.name == "sqlite":
        _copy_sqlite(Path(str(engine.url.database)), path)
    copy = open_store(sqlite_url(path), migrations=migrations)
    try:
        if engine.dialect.name != "sqlite":
            _copy_rows(engine, copy)
        heads = verify_ledger(copy)
        _leave_one_file(copy)
    finally:
        copy.dispose()
    return heads


def restore(path: Path, engine: Engine, *, migrations: str) -> tuple[ChainHead, ...]:
    """Fill an empty ledger from a backup, if that is whole, and verify the result.

    Raises:
        StoreUnreachable: there is no such backup, or it is not a ledger; or the database does not answer.
        LedgerBroken: the backup is not what was written; nothing was restored.
        LedgerNotEmpty: the ledger holds events already.
    """
    if not path.is_file():
        raise StoreUnreachable(store="backup", problem=f"there is no file {path}")
    with reading(engine) as connection:
        n_events = count_events(connection)
    if n_events:
        raise LedgerNotEmpty(n_events=n_events)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".galerne-restore-") as folder:
            part = Path(folder, path.name)  # brought to the newest version there: the backup stays as it is
            _copy_sqlite(path, part)
            copy = open_store(sqlite_url(part), migrations=migrations)
            try:
                verify_ledger(copy)
                _copy_rows(copy, engine)
            finally:
                copy.dispose()
    except OSError as error:
        raise StoreUnreachable(store="backup", problem=str(error)) from error
    return verify_ledger(engine)


def _copy_sqlite(source: Path, destination: Path) -> None:
    """SQLite's own online copy: one moment of the database, while others read and write it."""
    try:
        os.close(os.open(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as read,
            closing(sqlite3.connect(destination)) as written,
        ):
            read.backup(written)
    except sqlite3.Error as error:
        raise StoreUnreachable(store="backup", problem=f"{source.name} cannot be copied: {error}") from error


def _copy_rows(source: Engine, destination: Engine) -> None:
    """Every row of one moment of a ledger, into an empty one, in one transaction."""
    with reading(source) as read, writing(destination) as written:
        for table in _TABLES:
            _copy_table(table, read, written)
            _continue_numbers(table, written)


def _copy_table(table: Table, read: Connection, written: Connection) -> None:
    order = list(table.primary_key.columns)
    rows = read.execution_options(yield_per=_PAGE).execute(select(table).order_by(*order)).mappings()
    for page in rows.partitions():
        written.execute(insert(table), [dict(row) for row in page])


def _continue_numbers(table: Table, connection: Connection) -> None:
    """PostgreSQL numbers rows from a counter of its own, which does not see numbers that we gave."""
    if connection.dialect.name == "postgresql" and "number" in table.c:
        following = select(func.coalesce(func.max(table.c.number), 0) + 1).scalar_subquery()
        sequence = func.pg_get_serial_sequence(table.name, "number")
        connection.execute(select(func.setval(sequence, following, False)))


def _leave_one_file(engine: Engine) -> None:
    """Without the write-ahead log beside it, a file can be moved alone."""
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA journal_mode=DELETE")
