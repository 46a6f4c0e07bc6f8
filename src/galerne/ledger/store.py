"""The ledger on disk: events are appended, never changed, and durable when ``append`` returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Engine, Select, Table, and_, func, insert, select
from sqlalchemy.exc import IntegrityError

from galerne.errors import EntryConflict, UnknownReceipt
from galerne.ledger.receipt import Receipt, receipt_of
from galerne.ledger.records import AccountEntry, Answer, Settlement
from galerne.ledger.rows import (
    answer_of,
    answer_row,
    entry_of,
    entry_row,
    factors_row,
    settlement_of,
    settlement_row,
)
from galerne.ledger.schema import ANSWERS, ENTRIES, FACTORS, SETTLEMENTS
from galerne.ledger.usage import UsageReport, report_usage
from galerne.storage import open_store, reading, writing

MIGRATIONS = "galerne.ledger.migrations"


@dataclass(frozen=True, kw_only=True, slots=True)
class Events:
    """What is written together, or not at all."""

    answers: Sequence[Answer] = ()
    settlements: Sequence[Settlement] = ()
    entries: Sequence[AccountEntry] = ()

    @classmethod
    def joined(cls, parts: Iterable[Events]) -> Self:
        """All of them, in order, to be written together."""
        listed = list(parts)
        return cls(
            answers=[answer for part in listed for answer in part.answers],
            settlements=[settlement for part in listed for settlement in part.settlements],
            entries=[entry for part in listed for entry in part.entries],
        )


class Ledger:
    """The accounts of a machine or a fleet, in SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the ledger at a URL, making it where missing.

        Raises:
            StoreUnreachable: the database does not open.
        """
        return cls(open_store(url, migrations=MIGRATIONS))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def append(self, events: Events) -> None:
        """Write events in one transaction. Writing the same event again changes nothing.

        Raises:
            EntryConflict: an event with one of these ids is there and differs; nothing was written.
            StoreUnreachable: the database does not answer; nothing was written.
        """
        try:
            with writing(self._engine) as connection:
                _insert_all(connection, events)
        except IntegrityError:
            with writing(self._engine) as connection:
                _insert_missing(connection, events)

    def receipt(self, receipt_id: str, *, revision: int | None = None) -> Receipt:
        """The receipt of an answer, at its latest revision or the one asked for.

        Raises:
            UnknownReceipt: there is none.
            StoreUnreachable: the database does not answer.
        """
        query = _receipts().where(ANSWERS.c.answer_id == receipt_id)
        if revision is not None:
            query = query.where(SETTLEMENTS.c.revision == revision)
        receipt = self._first_receipt(query.order_by(SETTLEMENTS.c.revision.desc()))
        if receipt is None:
            raise UnknownReceipt(receipt_id=receipt_id)
        return receipt

    def latest_receipt(self) -> Receipt | None:
        """The receipt of the last answer, at its latest revision; None before the first."""
        last = select(func.max(ANSWERS.c.number)).scalar_subquery()
        query = _receipts().where(ANSWERS.c.number == last)
        return self._first_receipt(query.order_by(SETTLEMENTS.c.revision.desc()))

    def usage(
        self, group_by: str = "total", *, since_at: float | None = None, until_at: float | None = None
    ) -> UsageReport:
        """What the answers of a stretch of time used, and where all metered energy went.

        Args:
            group_by: ``model``, ``day`` or ``total``.
            since_at: first instant counted; None for the beginning.
            until_at: first instant not counted; None for no end.

        Raises:
            StoreUnreachable: the database does not answer.
        """
        with reading(self._engine) as connection:
            return report_usage(connection, group_by, since_at=since_at, until_at=until_at)

    def last_entry(self, node_id: str) -> AccountEntry | None:
        """The newest account entry of a node."""
        query = select(ENTRIES).where(ENTRIES.c.node_id == node_id).order_by(ENTRIES.c.number.desc())
        with reading(self._engine) as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        return entry_of(row) if row else None

    def open_settlements(self, node_id: str) -> list[Settlement]:
        """The latest settlements of a node's answers that have no final one."""
        finals = SETTLEMENTS.alias()
        query = (
            select(SETTLEMENTS)
            .join(ANSWERS, ANSWERS.c.answer_id == SETTLEMENTS.c.answer_id)
            .outerjoin(finals, and_(finals.c.answer_id == SETTLEMENTS.c.answer_id, finals.c.final))
            .where(ANSWERS.c.node_id == node_id, finals.c.number.is_(None))
            .order_by(SETTLEMENTS.c.number)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return list({row["answer_id"]: settlement_of(row) for row in rows}.values())

    def _first_receipt(self, query: Select[Any]) -> Receipt | None:
        with reading(self._engine) as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        if row is None:
            return None
        settlement = {column.name: row[f"settlement_{column.name}"] for column in SETTLEMENTS.c}
        return receipt_of(answer_of(row), settlement_of(settlement))


def _receipts() -> Select[Any]:
    settlement = (column.label(f"settlement_{column.name}") for column in SETTLEMENTS.c)
    return (
        select(*ANSWERS.c, FACTORS.c.contents, *settlement)
        .join(FACTORS, FACTORS.c.factors_id == ANSWERS.c.factors_id)
        .join(SETTLEMENTS, SETTLEMENTS.c.answer_id == ANSWERS.c.answer_id)
    )


def _insert_all(connection: Connection, events: Events) -> None:
    """The common case: everything is new, but for the factors."""
    factors = {row["factors_id"]: row for row in (factors_row(a.factors) for a in events.answers)}
    known = set(connection.scalars(select(FACTORS.c.factors_id).where(FACTORS.c.factors_id.in_(factors))))
    for table, rows in (
        (FACTORS, [row for name, row in factors.items() if name not in known]),
        (ANSWERS, _answer_rows(events.answers)),
        (SETTLEMENTS, [settlement_row(settlement) for settlement in events.settlements]),
        (ENTRIES, [entry_row(entry) for entry in events.entries]),
    ):
        if rows:
            connection.execute(insert(table), rows)


def _insert_missing(connection: Connection, events: Events) -> None:
    """The rare case: something is there already, and must then be the same."""
    for factors in (factors_row(answer.factors) for answer in events.answers):
        _insert_or_compare(connection, FACTORS, factors, key=("factors_id",))
    for row in _answer_rows(events.answers):
        _insert_or_compare(connection, ANSWERS, row, key=("answer_id",))
    for settlement in events.settlements:
        _insert_or_compare(connection, SETTLEMENTS, settlement_row(settlement), key=("answer_id", "revision"))
    for entry in events.entries:
        _insert_or_compare(connection, ENTRIES, entry_row(entry), key=("entry_id",))


def _insert_or_compare(
    connection: Connection, table: Table, row: Mapping[str, Any], *, key: Sequence[str]
) -> None:
    there = connection.execute(select(table).where(*(table.c[name] == row[name] for name in key))).mappings()
    found = there.first()
    if found is None:
        connection.execute(insert(table), dict(row))
    elif any(found[name] != value for name, value in row.items()):
        raise EntryConflict(entry_id="#".join(str(row[name]) for name in key))


def _answer_rows(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    return [
        answer_row(answer, factors_id=str(factors_row(answer.factors)["factors_id"])) for answer in answers
    ]
