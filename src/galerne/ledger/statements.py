"""The statements by which rows come into the ledger's tables, ready to run."""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import Table, bindparam
from sqlalchemy.dialects import sqlite

from galerne.storage import ReadyStatement


@functools.cache
def insert_into(table: Table) -> ReadyStatement:
    """New rows, which must not be there."""
    return ReadyStatement(lambda dialect: _insert(table, dialect))


@functools.cache
def insert_missing(table: Table) -> ReadyStatement:
    """Rows that may be there, and then stay as they are."""
    return ReadyStatement(lambda dialect: _insert(table, dialect).on_conflict_do_nothing())


@functools.cache
def add_to(table: Table) -> ReadyStatement:
    """Amounts for a table of sums, whose rows are made where missing.

    Rows come in the order of their keys: writers that meet then never wait in a ring.
    """

    def adding(dialect: str) -> Any:
        statement = _insert(table, dialect)
        sums = {
            column.name: column + statement.excluded[column.name]
            for column in table.c
            if not column.primary_key
        }
        return statement.on_conflict_do_update(index_elements=table.primary_key.columns.keys(), set_=sums)

    return ReadyStatement(adding)


def _insert(table: Table, dialect: str) -> Any:
    given = [column.name for column in table.c if column.name != "number"]  # the database's own count
    values: dict[str, Any] = {name: bindparam(name) for name in given}
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415  # a tenth of a second, for few

        return postgresql.insert(table).values(values).inline()
    return sqlite.insert(table).values(values).inline()
