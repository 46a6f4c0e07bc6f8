"""Brings a store's tables to the newest version, from the scripts inside the package.

No ini file and no command: Alembic's history is read from the installed package and run in the caller's
transaction. Each store keeps its own version table, so that several share one PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

_REVISION = re.compile(r'^(down_)?revision\b[^=\n]*= *"([^"]+)"', re.MULTILINE)
_MIGRATION_LOCK = 0x67616C65726E65
"""Key of PostgreSQL's advisory lock: two programs that open a new store at once take turns."""


class StoreTooNew(Exception):
    """The tables were made by a newer version of the program."""


def is_current(connection: Connection, *, package: str, store: str) -> bool:
    """Whether the tables are those of the newest version."""
    table = _version_table(store)
    there: set[str] = set()
    if inspect(connection).has_table(table):
        there = set(connection.scalars(text(f"SELECT version_num FROM {table}")))  # noqa: S608  # ours
    return there == _newest(package)


def _newest(package: str) -> set[str]:
    """The versions on which no other builds, read without Alembic: loading it slows every start."""
    versions: dict[bool, set[str]] = {False: set(), True: set()}
    for file in resources.files(package).iterdir():
        if file.name.endswith(".py"):
            for below, version in _REVISION.findall(file.read_text("utf-8")):
                versions[bool(below)].add(version)
    return versions[False] - versions[True]


def migrate(connection: Connection, *, package: str, store: str) -> None:
    """Run every migration that this database has not seen, in the open transaction.

    Args:
        connection: in a writing transaction.
        package: dotted name of the package of migration scripts.
        store: whose version table.

    Raises:
        StoreTooNew: the database knows a version that this program does not.
    """
    from alembic.operations import Operations  # noqa: PLC0415  # needed once in the life of a version
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    with _history(package) as script:

        def pending(heads: tuple[str, ...], _context: MigrationContext) -> Iterable[Any]:
            return script._upgrade_revs("head", heads)  # type: ignore[arg-type]

        context = MigrationContext.configure(
            connection, opts={"fn": pending, "version_table": _version_table(store)}
        )
        try:
            with Operations.context(context):
                context.run_migrations()
        except CommandError as error:
            raise StoreTooNew("its tables were made by a newer Galerne; upgrade this one") from error


@contextmanager
def _history(package: str) -> Iterator[ScriptDirectory]:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    with resources.as_file(resources.files(package)) as folder:
        yield ScriptDirectory(str(folder), version_locations=[str(folder)])


def _version_table(store: str) -> str:
    return f"{store}_version"
