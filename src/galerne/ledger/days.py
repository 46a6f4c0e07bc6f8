"""Sums by day, kept in the transaction that writes the events: a month's report reads few rows.

A day's row is exactly the sum over the latest revisions of its answers, whatever came late, twice or from two
writers at once: a new revision adds what it changes. Energy is in whole microjoules, and times are cut to
2**-26 s, so that no sum depends on its order. The rows hold nothing that the events do not: ``rebuild_days``
makes them anew, and ``check_days`` compares.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Select,
    Table,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.sql.elements import ColumnElement

from galerne.errors import LedgerSumsBroken
from galerne.ledger.records import AccountEntry, Answer, Settlement
from galerne.ledger.rows import DAY_S, factors_row
from galerne.ledger.schema import ANSWERS, DAYS, ENTRIES, METER_DAYS, SETTLEMENTS
from galerne.ledger.statements import add_to
from galerne.storage import ReadySelection

if TYPE_CHECKING:
    from galerne.ledger.events import Events

_TICKS_PER_S = float(1 << 26)
_KEYS: Mapping[Table, tuple[str, ...]] = {
    table: tuple(column.name for column in table.primary_key.columns) for table in (DAYS, METER_DAYS)
}
ANSWER_SUMS = tuple(name for name in DAYS.c.keys() if name not in _KEYS[DAYS])  # noqa: SIM118  # columns
ENTRY_SUMS = tuple(name for name in METER_DAYS.c.keys() if name not in _KEYS[METER_DAYS])  # noqa: SIM118
_ACCOUNTS = ENTRY_SUMS[:-2]
_TOKENS = ("prompt_tokens", "cached_tokens", "new_tokens")
_SHARES = ("final", "accelerator_uj", "active_uj", "idle_uj", "device_s")

Sums: TypeAlias = dict[tuple[Any, ...], list[Any]]
"""By the key of a row, in the order of its table's columns."""


def cut_s(time_s: float) -> float:
    """A time in whole ticks of 2**-26 s: sums of these are exact in any order."""
    return int(time_s * _TICKS_PER_S) / _TICKS_PER_S


def add_to_days(connection: Connection, events: Events) -> None:
    """Count events that have just been written, in their transaction."""
    _add(connection, DAYS, _answer_changes(connection, events))
    _add(connection, METER_DAYS, _entry_changes(events.entries))


def _answer_changes(connection: Connection, events: Events) -> Sums:
    latest: dict[str, Settlement] = {}
    for settlement in events.settlements:
        known = latest.get(settlement.answer_id)
        if known is None or settlement.revision > known.revision:
            latest[settlement.answer_id] = settlement
    changes: Sums = defaultdict(lambda: [0] * len(ANSWER_SUMS))
    for answer in events.answers:
        if answer.answer_id in latest:
            settlement = latest.pop(answer.answer_id)
            _count(changes, _answer_key(answer), _tokens(answer), None, _shares(settlement))
    if latest:
        _count_later(connection, changes, latest, events.settlements)
    return changes


def _count_later(
    connection: Connection, changes: Sums, latest: Mapping[str, Settlement], written: Sequence[Settlement]
) -> None:
    """Revisions of answers that were there: the difference from the revision before."""
    answers = [{"answer_id": answer_id} for answer_id in sorted(latest)]
    rows = _ANSWERS_OF.rows(connection, answers)
    now = {(settlement.answer_id, settlement.revision) for settlement in written}
    before: dict[str, Any] = {}
    for share in _SETTLEMENTS_OF.rows(connection, answers):
        if (share.answer_id, share.revision) not in now:
            before[share.answer_id] = share
    for row in rows:
        settlement, earlier = latest[row.answer_id], before.get(row.answer_id)
        if earlier is None or earlier.revision < settlement.revision:
            key = (row.day, row.node_id, row.model_id, row.key_id or "", row.factors_id)
            tokens = [row.prompt_tokens, row.cached_tokens, row.new_tokens]
            old = None if earlier is None else _shares(earlier)
            _count(changes, key, tokens, old, _shares(settlement))


def _answer_key(answer: Answer) -> tuple[Any, ...]:
    factors_id = factors_row(answer.factors)["factors_id"]
    return (int(answer.at // DAY_S), answer.node_id, answer.model_id, answer.key_id or "", factors_id)


def _tokens(answer: Answer) -> list[int]:
    return [answer.usage.prompt_tokens, answer.usage.cached_tokens, answer.usage.new_tokens]


def _shares(settlement: Any) -> list[Any]:
    """Of a settlement or its row, in the order of the columns after the tokens; before them its standing."""
    return [
        int(not settlement.final),
        int(settlement.accelerator_uj is not None),
        settlement.active_uj,
        settlement.idle_uj,
        settlement.accelerator_uj or 0,
        settlement.active_uj + settlement.idle_uj if settlement.final else 0,
        cut_s(settlement.device_s),
    ]


def _count(
    changes: Sums, key: tuple[Any, ...], tokens: Sequence[int], old: Sequence[Any] | None, new: Sequence[Any]
) -> None:
    if old is None:
        amounts = [1, *new[:2], *tokens, *new[2:]]
    else:
        differences = [after - before for before, after in zip(old, new, strict=True)]
        amounts = [0, *differences[:2], 0, 0, 0, *differences[2:]]
    changes[key] = [known + amount for known, amount in zip(changes[key], amounts, strict=True)]


def _entry_changes(entries: Iterable[AccountEntry]) -> Sums:
    changes: Sums = defaultdict(lambda: [0] * len(ENTRY_SUMS))
    for entry in entries:
        length_s = max(0.0, entry.ended_at - entry.started_at)  # the computer's clock may be set back
        times_s = [cut_s(length_s), cut_s(length_s * entry.coverage_ratio)]
        amounts = [*(getattr(entry, name) for name in _ACCOUNTS), *times_s]
        key = (int(entry.ended_at // DAY_S), entry.node_id, entry.method)
        changes[key] = [known + amount for known, amount in zip(changes[key], amounts, strict=True)]
    return changes


def _add(connection: Connection, table: Table, changes: Sums) -> None:
    if changes:
        names = tuple(table.c.keys())
        rows = [dict(zip(names, (*key, *changes[key]), strict=True)) for key in sorted(changes)]
        add_to(table).run(connection, *rows)


def _ids(n_places: int) -> list[Any]:
    return [bindparam(f"answer_id_{place}") for place in range(n_places)]


_ANSWERS_OF = ReadySelection(
    lambda _, n_places: (
        select(*(ANSWERS.c[name] for name in ("answer_id", *_KEYS[DAYS], *_TOKENS)))
        .where(ANSWERS.c.answer_id.in_(_ids(n_places)))
        .order_by(ANSWERS.c.answer_id)
        .with_for_update(key_share=True)  # two writers of one answer take turns
    )
)
_SETTLEMENTS_OF = ReadySelection(
    lambda _, n_places: (
        select(*(SETTLEMENTS.c[name] for name in ("answer_id", "revision", *_SHARES)))
        .where(SETTLEMENTS.c.answer_id.in_(_ids(n_places)))
        .order_by(SETTLEMENTS.c.revision)
    )
)


def answer_sums(dialect: str) -> dict[str, ColumnElement[Any]]:
    """The sums of a day, over answers joined with their settlements."""
    final = SETTLEMENTS.c.final
    known_uj = SETTLEMENTS.c.accelerator_uj
    total_uj = SETTLEMENTS.c.active_uj + SETTLEMENTS.c.idle_uj
    amounts: dict[str, ColumnElement[Any]] = {
        "n_provisional": case((final, 0), else_=1),
        "n_split": case((known_uj.is_(None), 0), else_=1),
        **{name: ANSWERS.c[name] for name in _TOKENS},
        "active_uj": SETTLEMENTS.c.active_uj,
        "idle_uj": SETTLEMENTS.c.idle_uj,
        "accelerator_uj": func.coalesce(known_uj, 0),
        "final_uj": case((final, total_uj), else_=0),
    }
    return {
        "n_answers": func.count(),
        **{name: cast(func.sum(amount), BigInteger) for name, amount in amounts.items()},
        "device_s": func.sum(_cut_s(SETTLEMENTS.c.device_s, dialect)),
    }


def entry_sums(dialect: str) -> dict[str, ColumnElement[Any]]:
    """The sums of a day, over account entries."""
    length_s = ENTRIES.c.ended_at - ENTRIES.c.started_at
    forward = ENTRIES.c.ended_at > ENTRIES.c.started_at

    def forward_s(time_s: ColumnElement[float]) -> ColumnElement[float]:
        return func.sum(case((forward, _cut_s(time_s, dialect)), else_=literal(0.0)))

    return {
        **{name: cast(func.sum(ENTRIES.c[name]), BigInteger) for name in _ACCOUNTS},
        "duration_s": forward_s(length_s),
        "covered_s": forward_s(length_s * ENTRIES.c.coverage_ratio),
    }


def newest_revision() -> ColumnElement[bool]:
    """That no later revision of the same answer is there."""
    later = SETTLEMENTS.alias()
    follows = select(later.c.number).where(
        later.c.answer_id == SETTLEMENTS.c.answer_id, later.c.revision > SETTLEMENTS.c.revision
    )
    return ~follows.correlate(SETTLEMENTS).exists()


def _cut_s(time_s: ColumnElement[float], dialect: str) -> ColumnElement[float]:
    ticks: ColumnElement[Any] = time_s * _TICKS_PER_S
    whole = func.trunc(ticks) if dialect == "postgresql" else cast(ticks, BigInteger)
    return cast(whole, Float(53)) / _TICKS_PER_S


def _day_of(at: ColumnElement[float], dialect: str) -> ColumnElement[int]:
    whole_s = func.trunc(at) if dialect == "postgresql" else at
    # A parameter would not be equal to itself in GROUP BY.
    return cast(whole_s, BigInteger).op("/")(literal_column(str(int(DAY_S))))


def _computed(table: Table, dialect: str) -> Select[Any]:
    """What a table of sums must hold, from the events."""
    if table is METER_DAYS:
        day = _day_of(ENTRIES.c.ended_at, dialect)
        return select(
            cast(day, BigInteger).label("day"),
            ENTRIES.c.node_id,
            ENTRIES.c.method,
            *entry_sums(dialect).values(),
        ).group_by(day, ENTRIES.c.node_id, ENTRIES.c.method)
    nobody: ColumnElement[str] = literal_column("''")
    key: list[ColumnElement[Any]] = [ANSWERS.c[name] for name in ("day", "node_id", "model_id")]
    key += [func.coalesce(ANSWERS.c.key_id, nobody), ANSWERS.c.factors_id]
    sums = answer_sums(dialect)
    return (
        select(*key, *(sums[name] for name in ANSWER_SUMS))
        .join(SETTLEMENTS, SETTLEMENTS.c.answer_id == ANSWERS.c.answer_id)
        .where(newest_revision())
        .group_by(*key)
    )


def rebuild_days(connection: Connection) -> None:
    """Make the sums anew from the events; other writers wait."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        names = f"{DAYS.name}, {METER_DAYS.name}"
        connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))
    for table in (DAYS, METER_DAYS):
        connection.execute(delete(table))
        connection.execute(insert(table).from_select(table.c.keys(), _computed(table, dialect)))


def check_days(connection: Connection) -> None:
    """Compare the sums with the events.

    Raises:
        LedgerSumsBroken: names the first day whose sums are not those of its events.
    """
    for table in (DAYS, METER_DAYS):
        # A row that is right stands there twice: once computed, once kept.
        both = _computed(table, connection.dialect.name).union_all(select(table)).subquery()
        day_of, *others = both.c
        alone = select(day_of).group_by(day_of, *others).having(func.count() != 2).subquery()
        day = connection.scalar(select(func.min(next(iter(alone.c)))))
        if day is not None:
            raise LedgerSumsBroken(day=day_name(day))


def day_name(number: int) -> str:
    """A UTC day, such as ``2026-11-22``."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=number)).isoformat()
