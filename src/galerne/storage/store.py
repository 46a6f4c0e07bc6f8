"""Opening a store by URL, and the two kinds of transaction.

SQLite runs in WAL mode with ``synchronous=FULL``: a committed row survives a killed process and a power
cut, and readers never wait for the writer. Every failure of the database is ``StoreUnreachable``.

Writers of one process take turns at a lock of ours: SQLite's own wait is a sleep, and unfair.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError

from galerne.errors import StoreUnreachable
from galerne.storage.migration import StoreTooNew, is_current, migrate
from galerne.storage.ready import run_text

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for another writer before it gives up."""


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_store(url: str, *, migrations: str, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Open a database and bring its tables to the newest version.

    Args:
        url: ``sqlite:///FILE`` (made, with its folder, where missing) or ``postgresql://...``.
        migrations: dotted name of the package that holds the store's history, such as
            ``galerne.ledger.migrations``; its last but one part names the store.
        busy_timeout_s: how long to wait for another writer.

    Raises:
        StoreUnreachable: the database does not open, answer or accept our tables.
    """
    store = migrations.split(".")[-2]
    try:
        engine = _make_engine(make_url(url), busy_timeout_s=busy_timeout_s)
    except (ArgumentError, ImportError, OSError, sqlalchemy.exc.NoSuchModuleError) as error:
        raise StoreUnreachable(store=store, problem=_first_line(error)) from error
    turns = _Turns(store, busy_timeout_s) if engine.dialect.name == "sqlite" else nullcontext()
    engine = engine.execution_options(galerne_store=store, galerne_turns=turns)
    try:
        with reading(engine) as connection:
            current = is_current(connection, package=migrations, store=store)
        if not current:
            with writing(engine) as connection:
                migrate(connection, package=migrations, store=store)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, StoreTooNew):
            raise StoreUnreachable(store=store, problem=str(error)) from error
        raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent view of the store, which no writer disturbs.

    Raises:
        StoreUnreachable: the database does not answer.
    """
    with _transaction(engine, {"galerne_write": False}) as connection:
        yield connection


@contextmanager
def writing(engine: Engine, *, survives_power_loss: bool = True) -> Iterator[Connection]:
    """A transaction that writes: all of it is durable when the block ends, or none.

    ``IntegrityError`` and ``DataError`` pass through: what does not fit the tables is the caller's matter.

    Args:
        engine: of an open store.
        survives_power_loss: False does not wait for the disk: the rows survive a killed program, and a power
            cut may take them, whole transactions and the newest first.

    Raises:
        StoreUnreachable: the database does not answer, is locked or its disk is full.
    """
    options = {"galerne_write": True, "galerne_waits": survives_power_loss}
    with engine.get_execution_options()["galerne_turns"], _transaction(engine, options) as connection:
        yield connection


class _Turns:
    """Writers of one process, one at a time, in about the order in which they came."""

    def __init__(self, store: str, longest_wait_s: float) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._longest_wait_s = longest_wait_s

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._longest_wait_s):
            raise StoreUnreachable(store=self._store, problem="locked by a writer of this program")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@contextmanager
def _transaction(engine: Engine, options: dict[str, bool]) -> Iterator[Connection]:
    store = str(engine.get_execution_options().get("galerne_store", "unnamed"))
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection
    except (IntegrityError, DataError):
        raise
    except DBAPIError as error:
        raise StoreUnreachable(store=store, problem=_first_line(error.orig or error)) from error
    except SQLAlchemyError as error:
        raise StoreUnreachable(store=store, problem=_first_line(error)) from error


def _make_engine(url: URL, *, busy_timeout_s: float) -> Engine:
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ArgumentError("a SQLite store needs a file")
        _make_private_file(Path(url.database))
        engine = sqlalchemy.create_engine(url, connect_args={"timeout": busy_timeout_s})
        _prepare_sqlite(engine)
        return engine
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        engine = sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
        _prepare_postgresql(engine)
        return engine
    raise ArgumentError(f"a store is SQLite or PostgreSQL, not {url.get_backend_name()}")


def _make_private_file(path: Path) -> None:
    """Make the file for its owner alone; SQLite gives its companions the same rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver would say it too late
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns writer can fail at once, whatever the timeout: writers queue from the start.
        options = connection.get_execution_options()
        if options.get("galerne_write", False):
            waits = options.get("galerne_waits", True)
            if waits is not connection.info.get("galerne_waits"):
                run_text(connection, f"PRAGMA synchronous={'FULL' if waits else 'NORMAL'}")
                connection.info["galerne_waits"] = waits
            run_text(connection, "BEGIN IMMEDIATE")
        else:
            run_text(connection, "BEGIN")


def _prepare_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("galerne_write", False):  # by default each statement would see another moment
            run_text(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        elif not options.get("galerne_waits", True):
            run_text(connection, "SET LOCAL synchronous_commit TO off")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
