"""The ledger on disk: events are appended, never changed, and durable when ``append`` returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, Select, and_, func, select
from sqlalchemy.exc import IntegrityError

from galerne.errors import UnknownReceipt
from galerne.ledger.audit import ChainHead, verify_ledger
from galerne.ledger.backup import back_up, restore
from galerne.ledger.days import rebuild_days
from galerne.ledger.events import Events, write_missing, write_new
from galerne.ledger.export import Written, export_events, export_receipts
from galerne.ledger.keys import Keys
from galerne.ledger.quotas import Quotas
from galerne.ledger.receipt import Receipt, receipt_of
from galerne.ledger.records import AccountEntry, Settlement
from galerne.ledger.rows import answer_of, entry_of, settlement_of
from galerne.ledger.schema import ANSWERS, ENTRIES, FACTORS, SETTLEMENTS
from galerne.ledger.usage import UsageReport, report_usage
from galerne.storage import open_store, reading, writing

MIGRATIONS = "galerne.ledger.migrations"


DEFAULT_WRITER = "galerne"


class Ledger:
    """The accounts of a machine or a fleet, in SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._quotas = Quotas(engine)

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

    @property
    def keys(self) -> Keys:
        """Who may ask."""
        return Keys(self._engine)

    @property
    def quotas(self) -> Quotas:
        """Who may still use how much."""
        return self._quotas

    def verify(self) -> tuple[ChainHead, ...]:
        """Check every event against its writer's chain; the heads of the chains.

        Raises:
            LedgerBroken: names the first event that is not what was written.
            LedgerSumsBroken: a day's sums are not those of its events; ``rebuild`` makes them anew.
        """
        return verify_ledger(self._engine)

    def rebuild(self) -> None:
        """Make the daily sums anew from the events; writers wait meanwhile.

        Raises:
            StoreUnreachable: the database does not answer.
        """
        with writing(self._engine) as connection:
            rebuild_days(connection)

    def back_up(self, path: Path) -> tuple[ChainHead, ...]:
        """Write a verified copy to a new SQLite file, beside writers at work.

        Raises:
            StoreUnreachable: the file is there already or cannot be written.
            LedgerBroken: the ledger is not what was written.
        """
        return back_up(self._engine, path, migrations=MIGRATIONS)

    def restore(self, path: Path) -> tuple[ChainHead, ...]:
        """Fill this empty ledger from a backup.

        Raises:
            StoreUnreachable: that is no backup.
            LedgerBroken: the backup is not what was written.
            LedgerNotEmpty: there are events here.
        """
        return restore(path, self._engine, migrations=MIGRATIONS)

    def export_events(self, out: Written) -> int:
        """Write every event as JSON lines; returns how many."""
        return export_events(self._engine, out)

    def export_receipts(
        self, out: Written, *, since_at: float | None = None, until_at: float | None = None
    ) -> int:
        """Write a line of comma-separated values per answer; returns how many."""
        return export_receipts(self._engine, out, since_at=since_at, until_at=until_at)

    def append(self, events: Events, *, writer_id: str = DEFAULT_WRITER) -> None:
        """Write events in one transaction, sealed in their writer's chain and charged to limits.

        Writing the same event again changes nothing.

        Raises:
            EntryConflict: an event with one of these ids is there and differs; nothing was written.
            StoreUnreachable: the database does not answer; nothing was written.
        """
        try:
            with writing(self._engine) as connection:
                write_new(connection, events, writer_id=writer_id)
        except IntegrityError:
            with writing(self._engine) as connection:
                write_missing(connection, events, writer_id=writer_id)

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
        self,
        group_by: str = "total",
        *,
        since_at: float | None = None,
        until_at: float | None = None,
        owner: str | None = None,
    ) -> UsageReport:
        """What the answers of a stretch of time used, and where all metered energy went.

        Args:
            group_by: one of ``key``, ``owner``, ``project``, ``model``, ``day``, ``total``.
            since_at: first instant counted; None for the beginning.
            until_at: first instant not counted; None for no end.
            owner: whose keys' answers alone are counted; None for all. The accounts are the machine's.

        Raises:
            StoreUnreachable: the database does not answer.
        """
        with reading(self._engine) as connection:
            return report_usage(connection, group_by, since_at=since_at, until_at=until_at, owner=owner)

    def last_entry(self, node_id: str) -> AccountEntry | None:
        """The newest account entry of a node."""
        query = select(ENTRIES).where(ENTRIES.c.node_id == node_id).order_by(ENTRIES.c.number.desc())
        with reading(self._engine) as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        return entry_of(row) if row else None

    @property
    def is_shared(self) -> bool:
        """Whether several daemons may write it."""
        return self._engine.dialect.name != "sqlite"

    def open_nodes(self) -> dict[str, float]:
        """The nodes that left something open, each with the last instant it was heard of."""
        newest = select(func.max(ENTRIES.c.number)).group_by(ENTRIES.c.node_id)
        entries = select(ENTRIES.c.node_id, ENTRIES.c.ended_at).where(
            ENTRIES.c.number.in_(newest), ENTRIES.c.open_uj != 0
        )
        finals = SETTLEMENTS.alias()
        answers = (
            select(ANSWERS.c.node_id, func.max(ANSWERS.c.at))
            .join(SETTLEMENTS, SETTLEMENTS.c.answer_id == ANSWERS.c.answer_id)
            .outerjoin(finals, and_(finals.c.answer_id == ANSWERS.c.answer_id, finals.c.final))
            .where(finals.c.number.is_(None))
            .group_by(ANSWERS.c.node_id)
        )
        seen: dict[str, float] = {}
        with reading(self._engine) as connection:
            for query in (entries, answers):
                for node_id, at in connection.execute(query):
                    seen[node_id] = max(at, seen.get(node_id, at))
        return seen

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
