"""Brings a store's tables to the newest version, from the scripts inside the package.

No ini file and no command: Alembic's history is read from the installed package and run in the caller's
transaction. Each store keeps its own version table, so that several share one PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

_MIGRATION_LOCK = 0x67616C65726E65
"""Key of PostgreSQL's advisory lock: two programs that open a new store at once take turns."""


class StoreTooNew(Exception):
    """The tables were made by a newer version of the program."""


def is_current(connection: Connection, *, package: str, store: str) -> bool:
    """Whether the tables are those of the newest version."""
    context = MigrationContext.configure(connection, opts={"version_table": _version_table(store)})
    with _history(package) as script:
        return set(context.get_current_heads()) == set(script.get_heads())


def migrate(connection: Connection, *, package: str, store: str) -> None:
    """Run every migration that this database has not seen, in the open transaction.

    Args:
        connection: in a writing transaction.
        package: dotted name of the package of migration scripts.
        store: whose version table.

    Raises:
        StoreTooNew: the database knows a version that this program does not.
    """
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
    with resources.as_file(resources.files(package)) as folder:
        yield ScriptDirectory(str(folder), version_locations=[str(folder)])


def _version_table(store: str) -> str:
    return f"{store}_version"
