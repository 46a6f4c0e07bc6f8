"""New SQLite stores that cost a millisecond: the first of a kind is migrated, the next ones are made like it.

A migration compiles and runs every script of a store's history, some thousand times in a whole run. Only new
files of our own stores are made this way; old versions, other histories and PostgreSQL are migrated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, text

from galerne.storage import store as stores
from galerne.storage.migration import migrate

KINDS = text(
    "SELECT name, sql, rootpage, type FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
    "AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') "
    "ORDER BY type = 'trigger', type = 'index', rowid"
)
"""What a script must make, in an order in which it can: a full-text index makes its own tables."""

Statements = list[tuple[str, list[tuple[Any, ...]]]]


def statements_of(connection: Connection) -> Statements:
    """What makes an empty file one like this: tables with the few rows they begin with, indexes, triggers."""
    made: Statements = []
    for name, sql, page, kind in connection.execute(KINDS):
        made.append((sql, []))
        if kind == "table" and page:
            rows = [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]
            if rows:
                made.append((f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows))
    return made


@contextmanager
def quick_stores() -> Iterator[None]:
    """Within the block every new SQLite store of a kind seen before is made like the first of its kind."""
    seen: dict[str, Statements] = {}

    def make(connection: Connection, *, package: str, store: str) -> None:
        is_ours = package.startswith("galerne.") and connection.dialect.name == "sqlite"
        if not is_ours or connection.execute(KINDS).first():
            migrate(connection, package=package, store=store)
            return
        if package not in seen:
            migrate(connection, package=package, store=store)
            seen[package] = statements_of(connection)
            return
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        for sql, rows in seen[package]:
            driver.executemany(sql, rows) if rows else driver.execute(sql)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "migrate", make)
        yield
