"""Statements of the hot path: written once with SQLAlchemy, compiled once per database, run by its driver.

To run a statement that it has compiled before, SQLAlchemy takes many times as long as the database does.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

MOST_PLACES = 256
"""Things that one statement names; more of them are asked for in turns."""


@functools.lru_cache(maxsize=64)
def _row_type(*names: str) -> Any:
    return namedtuple("Row", names, rename=True)


def run_text(connection: Connection, sql: str, rows: Sequence[Sequence[Any]] = ((),)) -> list[Any]:
    """Give the driver a statement, once for each row of parameters; what it answers, with columns by name.

    Raises:
        DBAPIError: the driver's error, as SQLAlchemy tells it.
    """
    cursor: Any = connection.connection.cursor()
    dialect: Any = connection.dialect
    try:
        if len(rows) == 1:
            cursor.execute(sql, rows[0])
        else:
            cursor.executemany(sql, rows)
        if cursor.description is None:
            return []
        row_of = _row_type(*(column[0] for column in cursor.description))._make
        return [row_of(row) for row in cursor.fetchall()]
    except dialect.dbapi.Error as error:
        raise DBAPIError.instance(sql, None, error, dialect.dbapi.Error, dialect=dialect) from error
    finally:
        cursor.close()


@dataclass(frozen=True, slots=True)
class _Text:
    sql: str
    names: tuple[str, ...]

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        return run_text(connection, self.sql, [[row[name] for name in self.names] for row in rows])


def _compiled(statement: Any, connection: Connection) -> _Text:
    # Every driver of ours takes parameters by place; by name they would be looked up a second time.
    kind: Any = type(connection.dialect)
    style = "qmark" if connection.dialect.paramstyle == "qmark" else "format"
    compiled = statement.compile(dialect=kind(paramstyle=style))
    return _Text(str(compiled), tuple(compiled.positiontup))


class ReadyStatement:
    """A statement whose parameters are its ``bindparam``s; values go to the driver as they are.

    Args:
        write: the statement, from the name of the database's dialect.
    """

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write
        self._texts: dict[str, _Text] = {}

    def run(self, connection: Connection, *rows: Mapping[str, Any]) -> list[Any]:
        """Execute it, once for each row of parameters; what the database answers, with columns by name."""
        dialect = connection.dialect.name
        text = self._texts.get(dialect)
        if text is None:
            text = self._texts[dialect] = _compiled(self._write(dialect), connection)
        return text.run(connection, rows)


class ReadySelection:
    """A question about several things at once, whose parameters end in the number of a place: ``id_0``.

    It is compiled for one, two, four places and so on; the last thing fills the places that are left.

    Args:
        write: the statement, from the name of the database's dialect and the number of places.
    """

    def __init__(self, write: Callable[[str, int], Any]) -> None:
        self._write = write
        self._texts: dict[tuple[str, int], _Text] = {}

    def rows(self, connection: Connection, things: Sequence[Mapping[str, Any]]) -> list[Any]:
        """What is there of different things; nothing of none."""
        found: list[Any] = []
        for start in range(0, len(things), MOST_PLACES):
            found += self._some(connection, things[start : start + MOST_PLACES])
        return found

    def _some(self, connection: Connection, things: Sequence[Mapping[str, Any]]) -> list[Any]:
        n_places = 1 << (len(things) - 1).bit_length()
        key = connection.dialect.name, n_places
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = _compiled(self._write(*key), connection)
        filled = [*things, *[things[-1]] * (n_places - len(things))]
        named = {
            f"{name}_{place}": value for place, thing in enumerate(filled) for name, value in thing.items()
        }
        return text.run(connection, [named])
