"""Reads the chains of hashes again: what was written is there, whole, unchanged and in its order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, select

from galerne.errors import LedgerBroken
from galerne.ledger.chain import GENESIS, link_of
from galerne.ledger.days import check_days
from galerne.ledger.rows import factors_digest
from galerne.ledger.schema import ANSWERS, CHAINS, ENTRIES, FACTORS, SETTLEMENTS
from galerne.storage import reading

EVENT_TABLES: Mapping[str, Table] = {"answer": ANSWERS, "settlement": SETTLEMENTS, "entry": ENTRIES}
"""The table of each kind of event."""
_PAGE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainHead:
    """The end of one writer's chain: note it elsewhere, and no end can be cut off unseen.

    Attributes:
        head: the last link, in hexadecimal.
    """

    writer_id: str
    n_events: int
    head: str


def verify_ledger(engine: Engine) -> tuple[ChainHead, ...]:
    """Check every event against its chain, then the daily sums against the events, in one view of the store.

    Returns:
        The heads of the chains, by writer.

    Raises:
        LedgerBroken: names the first event that is not what was written.
        LedgerSumsBroken: a day's sums are not those of its events.
        StoreUnreachable: the database does not answer.
    """
    with reading(engine) as connection:
        _check_all_are_sealed(connection)
        factors = _whole_factors(connection)
        chains = connection.execute(select(CHAINS).order_by(CHAINS.c.writer_id)).mappings().all()
        heads = tuple(_verify_chain(connection, chain, factors) for chain in chains)
        check_days(connection)
        return heads


def sealed_events(connection: Connection, writer_id: str) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Kind and row of every event of a writer, in the order of its chain."""
    streams = (_stream(connection, kind, table, writer_id) for kind, table in EVENT_TABLES.items())
    for _, kind, row in heapq.merge(*streams, key=lambda entry: entry[0]):
        yield kind, row


def _stream(
    connection: Connection, kind: str, table: Table, writer_id: str
) -> Iterator[tuple[int, str, Mapping[Any, Any]]]:
    """One kind of a writer's events, page by page: a ledger need not fit in memory."""
    after = -1
    query = select(table).where(table.c.writer_id == writer_id).order_by(table.c.number).limit(_PAGE)
    while rows := connection.execute(query.where(table.c.number > after)).mappings().all():
        for row in rows:
            yield row["position"], kind, row
        after = rows[-1]["number"]


def _verify_chain(connection: Connection, chain: Mapping[Any, Any], factors: frozenset[str]) -> ChainHead:
    writer_id, expected, link = chain["writer_id"], 0, GENESIS
    for kind, row in sealed_events(connection, writer_id):
        name, position = event_name(kind, row), row["position"]
        if position != expected:
            problem = "it is missing" if position > expected else "it stands where another event does"
            raise LedgerBroken(writer_id=writer_id, position=expected, event_id=name, problem=problem)
        link = link_of(link, writer_id=writer_id, position=position, kind=kind, row=row)
        if link != bytes(row["link"]):
            raise LedgerBroken(
                writer_id=writer_id, position=position, event_id=name, problem="it was changed"
            )
        if kind == "answer" and row["factors_id"] not in factors:
            problem = "the factors frozen with it were changed"
            raise LedgerBroken(writer_id=writer_id, position=position, event_id=name, problem=problem)
        expected += 1
    if (expected, link) != (chain["n_events"], bytes(chain["head"])):
        problem = f"the chain has {chain['n_events']} events, and {expected} are here"
        raise LedgerBroken(writer_id=writer_id, position=expected, event_id="the last", problem=problem)
    return ChainHead(writer_id=writer_id, n_events=expected, head=link.hex())


def event_name(kind: str, row: Mapping[Any, Any]) -> str:
    """The id of an event; a settlement's is its answer's with the revision."""
    if kind == "settlement":
        return f"{row['answer_id']}#{row['revision']}"
    return str(row["entry_id"] if kind == "entry" else row["answer_id"])


def _check_all_are_sealed(connection: Connection) -> None:
    """An event outside every chain was not written by us."""
    for kind, table in EVENT_TABLES.items():
        writers = select(CHAINS.c.writer_id)
        stray = table.c.link.is_(None) | table.c.writer_id.is_(None) | table.c.writer_id.not_in(writers)
        row = (
            connection.execute(select(table).where(stray).order_by(table.c.number).limit(1))
            .mappings()
            .first()
        )
        if row is not None:
            raise LedgerBroken(
                writer_id=row["writer_id"] or "nobody",
                position=row["position"] or 0,
                event_id=event_name(kind, row),
                problem="it is in no chain",
            )


def _whole_factors(connection: Connection) -> frozenset[str]:
    """Frozen factors whose contents are those of their hash."""
    return frozenset(
        row.factors_id
        for row in connection.execute(select(FACTORS))
        if factors_digest(row.contents) == row.factors_id
    )


def count_events(connection: Connection) -> int:
    """How many events the ledger holds."""
    counts = (select(func.count()).select_from(table) for table in EVENT_TABLES.values())
    return sum(connection.scalar(count) or 0 for count in counts)
