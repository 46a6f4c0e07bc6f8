"""Writing events: sealed in their writer's chain, and charged to the limits they count against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from galerne.errors import EntryConflict
from galerne.ledger.chain import Seal
from galerne.ledger.days import add_to_days
from galerne.ledger.limits import Unit, amounts_of
from galerne.ledger.quotas import charge_holds, holds_of
from galerne.ledger.receipt import receipt_of
from galerne.ledger.records import AccountEntry, Answer, Settlement
from galerne.ledger.rows import answer_of, answer_row, entry_row, factors_row, settlement_row
from galerne.ledger.schema import ANSWERS, CHAINS, ENTRIES, FACTORS, SETTLEMENTS
from galerne.ledger.statements import insert_into, insert_missing
from galerne.storage import ReadySelection, ReadyStatement


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


def write_new(connection: Connection, events: Events, *, writer_id: str) -> None:
    """The common case: everything is new, but for the factors."""
    factors = {str(row["factors_id"]): row for row in (factors_row(a.factors) for a in events.answers)}
    if factors:
        insert_missing(FACTORS).run(connection, *(factors[name] for name in sorted(factors)))
    _seal_and_insert(connection, events, writer_id=writer_id)
    add_to_days(connection, events)
    _charge(connection, events)


def write_missing(connection: Connection, events: Events, *, writer_id: str) -> None:
    """The rare case: something is there already, and must then be the same."""
    for factors in (factors_row(answer.factors) for answer in events.answers):
        if not _is_there(connection, FACTORS, factors, key=("factors_id",)):
            connection.execute(insert(FACTORS), factors)
    missing = Events(
        answers=_missing(connection, ANSWERS, events.answers, key=("answer_id",)),
        settlements=_missing(connection, SETTLEMENTS, events.settlements, key=("answer_id", "revision")),
        entries=_missing(connection, ENTRIES, events.entries, key=("entry_id",)),
    )
    _seal_and_insert(connection, missing, writer_id=writer_id)
    add_to_days(connection, missing)
    _charge(connection, missing)


def _seal_and_insert(connection: Connection, events: Events, *, writer_id: str) -> None:
    batches = (
        (ANSWERS, "answer", [_row(answer) for answer in events.answers]),
        (SETTLEMENTS, "settlement", [_row(settlement) for settlement in events.settlements]),
        (ENTRIES, "entry", [_row(entry) for entry in events.entries]),
    )
    if not any(rows for _, _, rows in batches):
        return
    seal = _open_chain(connection, writer_id)
    for table, kind, rows in batches:
        if rows:
            insert_into(table).run(connection, *(seal.close(kind, row) for row in rows))
    _CLOSE_CHAIN.run(connection, {"b_writer_id": writer_id, "b_n_events": seal.n_events, "b_head": seal.head})


def _open_chain(connection: Connection, writer_id: str) -> Seal:
    """The end of a writer's chain, locked until the transaction ends."""
    for row in _CHAIN.run(connection, {"writer_id": writer_id}):
        return Seal(writer_id=writer_id, n_events=row.n_events, head=bytes(row.head))
    seal = Seal(writer_id=writer_id)
    connection.execute(insert(CHAINS), {"writer_id": writer_id, "n_events": 0, "head": seal.head})
    return seal


_CHAIN = ReadyStatement(
    lambda _: select(CHAINS).where(CHAINS.c.writer_id == bindparam("writer_id")).with_for_update()
)
_CLOSE_CHAIN = ReadyStatement(
    lambda _: (
        update(CHAINS)
        .where(CHAINS.c.writer_id == bindparam("b_writer_id"))
        .values(n_events=bindparam("b_n_events"), head=bindparam("b_head"))
    )
)


def _row(event: Answer | Settlement | AccountEntry) -> dict[str, Any]:
    if isinstance(event, Answer):
        return answer_row(event, factors_id=str(factors_row(event.factors)["factors_id"]))
    return settlement_row(event) if isinstance(event, Settlement) else entry_row(event)


def _missing(connection: Connection, table: Table, events: Sequence[Any], *, key: Sequence[str]) -> list[Any]:
    found: dict[tuple[Any, ...], Any] = {}
    for event in events:
        row = _row(event)
        if not _is_there(connection, table, row, key=key):
            found[tuple(row[name] for name in key)] = event
    return list(found.values())


def _is_there(connection: Connection, table: Table, row: Mapping[str, Any], *, key: Sequence[str]) -> bool:
    there = connection.execute(select(table).where(*(table.c[name] == row[name] for name in key))).mappings()
    found = there.first()
    if found is None:
        return False
    if any(found[name] != value for name, value in row.items()):
        raise EntryConflict(entry_id="#".join(str(row[name]) for name in key))
    return True


def _charge(connection: Connection, events: Events) -> None:
    """Charge new settlements to what was held for their answers, in the same transaction."""
    latest = {settlement.answer_id: settlement for settlement in events.settlements}  # the last one wins
    if not latest:
        return
    answers = {answer.answer_id: answer for answer in events.answers if answer.answer_id in latest}
    by_request = {answer.request_id: answer.answer_id for answer in answers.values()}
    older = [answer_id for answer_id in latest if answer_id not in answers]
    held = holds_of(connection, request_ids=list(by_request), answer_ids=older)
    if not held:
        return
    for hold in held:
        hold["answer_id"] = by_request.get(hold["request_id"], hold["answer_id"])
        hold["final"] = latest[hold["answer_id"]].final
    answers |= _read_answers(connection, {hold["answer_id"] for hold in held} - set(answers))
    charged = {hold["request_id"]: hold["answer_id"] for hold in held}
    amounts = {request: _amounts(answers[answer], latest[answer]) for request, answer in charged.items()}
    charge_holds(connection, amounts, held)


def _read_answers(connection: Connection, answer_ids: set[str]) -> dict[str, Answer]:
    rows = _ANSWERS_OF.rows(connection, [{"answer_id": answer_id} for answer_id in sorted(answer_ids)])
    return {row.answer_id: answer_of(row._asdict()) for row in rows}


_ANSWERS_OF = ReadySelection(
    lambda _, n_places: (
        select(*ANSWERS.c, FACTORS.c.contents)
        .join(FACTORS, FACTORS.c.factors_id == ANSWERS.c.factors_id)
        .where(ANSWERS.c.answer_id.in_([bindparam(f"answer_id_{place}") for place in range(n_places)]))
    )
)


def _amounts(answer: Answer, settlement: Settlement) -> dict[Unit, int | None]:
    usage = answer.usage
    return amounts_of(
        tokens=usage.prompt_tokens + usage.new_tokens,
        total_uj=settlement.active_uj + settlement.idle_uj,
        impact=receipt_of(answer, settlement).impact,
    )
