"""Limits in the database: held before an answer begins, charged with its receipt, never overspent.

Requests that come together are held for in one transaction.

All counters that a transaction touches are locked first, always in the same order, and then judged; so two
programs that race for one budget take turns, on SQLite as on PostgreSQL.

What a crash leaves held is given back when its node starts again: an answer without a receipt was not
delivered, and is not charged. The energy it used is in the meter's accounts, as unattributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from galerne.ledger.limits import Limit, Period, Standing, Unit, period_start, refusal
from galerne.ledger.schema import COUNTERS, HOLDS, LIMITS
from galerne.ledger.statements import add_to, insert_into, insert_missing
from galerne.storage import ReadySelection, ReadyStatement, reading, writing
from galerne.units import HOUR_S

FRESH_S = 1.0
"""For how long it is remembered who has limits: one that another program sets holds within this."""
HOLD_LIFE_S = 24 * HOUR_S
"""After this a hold of a node that never came back is given back."""
_KEPT_MINUTES_S = 24 * HOUR_S
_KEY = ("subject", "unit", "period", "started_at")
_HOLD_KEY = ("request_id", "subject", "unit", "period")

CounterKey: TypeAlias = tuple[str, str, str, int]
"""Subject, unit, period and its beginning."""


class Quotas:
    """Who may still use how much. Safe to call from any thread and any program."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._limited: frozenset[str] = frozenset()
        self._limited_at: float | None = None

    def set_limit(self, limit: Limit) -> None:
        """Set a limit, or change its amount; what was used of it meanwhile stays."""
        row = {"subject": limit.subject, "unit": limit.unit.value, "period": limit.period.value}
        with writing(self._engine) as connection:
            connection.execute(delete(LIMITS).where(*(LIMITS.c[name] == row[name] for name in row)))
            connection.execute(insert(LIMITS), {**row, "amount": limit.amount})
        self._limited_at = None

    def clear_limit(self, subject: str, unit: Unit, period: Period) -> bool:
        """Remove a limit; returns whether there was one."""
        row = {"subject": subject, "unit": unit.value, "period": period.value}
        with writing(self._engine) as connection:
            gone = connection.execute(delete(LIMITS).where(*(LIMITS.c[name] == row[name] for name in row)))
        self._limited_at = None
        return gone.rowcount > 0

    def standings(self, subjects: Iterable[str] | None = None, *, at: float) -> list[Standing]:
        """Every limit of these subjects, or of all, and what was used of it in the period of ``at``."""
        with reading(self._engine) as connection:
            limits = _limits(connection, subjects)
            keys = [_counter_key(limit, at) for limit in limits]
            counters = _counters(connection, keys)
        return [_standing(limit, key, counters) for limit, key in zip(limits, keys, strict=True)]

    def none_limited(self, subjects: Iterable[str], *, at: float) -> bool:
        """Whether it is known, without asking the database, that none of these subjects has a limit."""
        return self._is_fresh(at) and self._limited.isdisjoint(subjects)

    def any_limited(self, subjects: Iterable[str], *, at: float) -> bool:
        """Whether any of these subjects has a limit; one that another program set may show a second later."""
        if not self._is_fresh(at):
            with reading(self._engine) as connection:
                self._limited = frozenset(connection.scalars(select(LIMITS.c.subject).distinct()))
            self._limited_at = at
        return not self._limited.isdisjoint(subjects)

    def hold(self, asked: Hold) -> list[Standing]:
        """Hold a request's worst case of every limit of its subjects, or of none.

        Returns:
            The limits as they stand with this request; none where nobody has one.

        Raises:
            QuotaExhausted: a limit does not leave as much; nothing was held.
            StoreUnreachable: the database does not answer.
        """
        (outcome,) = self.hold_all([asked])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def hold_all(self, asked: Sequence[Hold]) -> list[list[Standing] | Exception]:
        """Decide on these in their order, in one transaction: what ``hold`` returns or raises for each."""
        limited = [self.any_limited(one.subjects, at=one.at) for one in asked]
        outcomes = iter(self._hold_limited(list(compress(asked, limited))))
        return [next(outcomes) if is_limited else [] for is_limited in limited]

    def _hold_limited(self, asked: Sequence[Hold]) -> list[list[Standing] | Exception]:
        if not asked:
            return []
        try:
            return self._hold_together(asked)
        except IntegrityError as error:
            if len(asked) == 1:
                return [error]
            # One is at fault: the others are not refused for it.
            return [outcome for one in asked for outcome in self._hold_limited([one])]
        except Exception as error:  # noqa: BLE001  # each is told, where it waits
            return [error for _ in asked]

    def _hold_together(self, together: Sequence[Hold]) -> list[list[Standing] | Exception]:
        outcomes: list[list[Standing] | Exception] = []
        with writing(self._engine, survives_power_loss=False) as connection:
            everybody = {subject for asked in together for subject in asked.subjects}
            limits = _limits(connection, everybody)
            keys = {
                (limit, asked.at): _counter_key(limit, asked.at) for limit in limits for asked in together
            }
            counters = _locked_counters(connection, set(keys.values()))
            changes: dict[CounterKey, tuple[int, int]] = {}
            held: list[dict[str, Any]] = []
            for asked in together:
                mine = {limit: keys[limit, asked.at] for limit in limits if limit.subject in asked.subjects}
                outcomes.append(_decide(asked, mine, counters))
                if isinstance(outcomes[-1], list):
                    held += asked.rows(mine)
                    for limit, key in mine.items():
                        changes[key] = (0, changes.get(key, (0, 0))[1] + asked.amount(limit))
            _change_counters(connection, changes)
            if held:
                insert_into(HOLDS).run(connection, *held)
        return outcomes

    def release(self, request_id: str) -> None:
        """Give back what a request holds that will not be answered."""
        with writing(self._engine, survives_power_loss=False) as connection:
            _release(connection, HOLDS.c.request_id == request_id)

    def recover(self, node_id: str, *, at: float) -> None:
        """Give back what a node's last life left held, and what nodes that never came back do.

        To be called before the node serves, and after its answers of that life are settled.
        """
        with reading(self._engine) as connection:
            if connection.scalar(select(HOLDS.c.request_id).limit(1)) is None:
                return
        with writing(self._engine) as connection:
            _release(connection, or_(HOLDS.c.node_id == node_id, HOLDS.c.at < at - HOLD_LIFE_S))

    def _is_fresh(self, at: float) -> bool:
        return self._limited_at is not None and 0.0 <= at - self._limited_at < FRESH_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """What a request may come to, held until its receipt is written.

    Attributes:
        request_id: by which its answer will be charged.
        subjects: whose limits it counts against.
        need: the worst case by unit; None where it cannot be known, as without a price.
        node_id: who serves it.
        at: when it came.
    """

    request_id: str
    subjects: Sequence[str]
    need: Mapping[Unit, int | None]
    node_id: str
    at: float

    def amount(self, limit: Limit) -> int:
        """What it may come to against this limit."""
        return _known(self.need[limit.unit], limit.unit)

    def rows(self, keys: Mapping[Limit, CounterKey]) -> list[dict[str, Any]]:
        """What is kept until its receipt is written."""
        return [
            {
                **dict(zip(_KEY, key, strict=True)),
                "request_id": self.request_id,
                "node_id": self.node_id,
                "answer_id": None,
                "held": self.amount(limit),
                "charged": 0,
                "at": self.at,
            }
            for limit, key in keys.items()
        ]


def _decide(
    asked: Hold, keys: Mapping[Limit, CounterKey], counters: dict[CounterKey, tuple[int, int]]
) -> list[Standing] | Exception:
    """The standings with this request, which is then counted; or why it cannot be let in."""
    try:
        known = {limit.unit: asked.amount(limit) for limit in keys}
    except ValueError as error:
        return error
    standings = [_standing(limit, key, counters) for limit, key in keys.items()]
    if refused := refusal(standings, known, at=asked.at):
        return refused
    for limit, key in keys.items():
        spent, held = counters.get(key, (0, 0))
        counters[key] = (spent, held + known[limit.unit])
    return [_held_too(standing, known[standing.limit.unit]) for standing in standings]


def charge_holds(
    connection: Connection,
    amounts: Mapping[str, Mapping[Unit, int | None]],
    held: Sequence[Mapping[Any, Any]],
) -> None:
    """Charge answers to what was held for them, and release the rest.

    Args:
        connection: of the transaction that writes their settlements.
        amounts: what each answer comes to, by request.
        held: their rows, as ``holds_of`` gave them; with ``answer_id``, and ``final`` where no settlement
            will follow.
    """
    changes: dict[CounterKey, tuple[int, int]] = {}
    for hold in held:
        amount = amounts[hold["request_id"]][Unit(hold["unit"])] or 0
        key: CounterKey = (hold["subject"], hold["unit"], hold["period"], hold["started_at"])
        spent, released = changes.get(key, (0, 0))
        changes[key] = (spent + amount - hold["charged"], released - hold["held"])
    _change_counters(connection, changes)
    kept, done = [], []
    for hold in held:
        row = {f"b_{name}": hold[name] for name in _HOLD_KEY}
        if hold["final"]:
            done.append(row)
        else:
            charged = amounts[hold["request_id"]][Unit(hold["unit"])] or 0
            kept.append({**row, "b_answer_id": hold["answer_id"], "b_charged": charged})
    if done:
        _DROP_HOLD.run(connection, *done)
    if kept:
        _CHARGE_HOLD.run(connection, *kept)


_THIS_HOLD = tuple(HOLDS.c[name] == bindparam(f"b_{name}") for name in _HOLD_KEY)
_DROP_HOLD = ReadyStatement(lambda _: delete(HOLDS).where(*_THIS_HOLD))
_CHARGE_HOLD = ReadyStatement(
    lambda _: (
        update(HOLDS)
        .where(*_THIS_HOLD)
        .values(held=literal_column("0"), answer_id=bindparam("b_answer_id"), charged=bindparam("b_charged"))
    )
)


def holds_of(
    connection: Connection, *, request_ids: Iterable[str], answer_ids: Iterable[str]
) -> list[dict[str, Any]]:
    """What these requests, and the requests of these answers, hold or have been charged."""
    requests = [{"request_id": request_id} for request_id in sorted(request_ids)]
    answers = [{"answer_id": answer_id} for answer_id in sorted(answer_ids)]
    rows = _HOLDS_OF_REQUESTS.rows(connection, requests) + _HOLDS_OF_ANSWERS.rows(connection, answers)
    return [row._asdict() for row in rows]


def _holds_by(column: Column[Any]) -> ReadySelection:
    def holding(_: str, n_places: int) -> Select[Any]:
        places: list[Any] = [bindparam(f"{column.name}_{place}") for place in range(n_places)]
        return select(HOLDS).where(column.in_(places)).with_for_update()

    return ReadySelection(holding)


_HOLDS_OF_REQUESTS = _holds_by(HOLDS.c.request_id)
_HOLDS_OF_ANSWERS = _holds_by(HOLDS.c.answer_id)


def _release(connection: Connection, condition: Any) -> None:
    rows = connection.execute(select(HOLDS).where(condition).with_for_update()).mappings().all()
    changes: dict[CounterKey, tuple[int, int]] = {}
    for row in rows:
        key: CounterKey = (row["subject"], row["unit"], row["period"], row["started_at"])
        changes[key] = (0, changes.get(key, (0, 0))[1] - row["held"])
    if rows:
        _change_counters(connection, changes)
        connection.execute(delete(HOLDS).where(condition))


def _limits(connection: Connection, subjects: Iterable[str] | None) -> list[Limit]:
    if subjects is None:
        rows: Sequence[Any] = connection.execute(_limits_where(true())).all()
    else:
        rows = _LIMITS_OF.rows(connection, [{"subject": subject} for subject in sorted(set(subjects))])
    return [
        Limit(subject=row.subject, unit=Unit(row.unit), period=Period(row.period), amount=row.amount)
        for row in rows
    ]


def _limits_where(condition: ColumnElement[bool]) -> Select[Any]:
    return select(LIMITS).where(condition).order_by(LIMITS.c.subject, LIMITS.c.unit, LIMITS.c.period)


_LIMITS_OF = ReadySelection(
    lambda _, n: _limits_where(LIMITS.c.subject.in_([bindparam(f"subject_{place}") for place in range(n)]))
)


def _counter_key(limit: Limit, at: float) -> CounterKey:
    return limit.subject, limit.unit.value, limit.period.value, period_start(limit.period, at)


def _counters(
    connection: Connection, keys: Iterable[CounterKey], *, lock: bool = False
) -> dict[CounterKey, tuple[int, int]]:
    asked = [dict(zip(_KEY, key, strict=True)) for key in sorted(set(keys))]
    rows = (_LOCKED_COUNTERS if lock else _COUNTERS).rows(connection, asked)
    return {(row.subject, row.unit, row.period, row.started_at): (row.spent, row.held) for row in rows}


def _counters_of(dialect: str, n_places: int) -> Select[Any]:
    """In Python's order of texts, in which they are changed too: so nobody ever waits in a ring."""
    columns = [COUNTERS.c[name] for name in _KEY]
    any_of = (
        and_(*(column == bindparam(f"{column.name}_{place}") for column in columns))
        for place in range(n_places)
    )
    by_code = [column.collate("C") for column in columns[:3]] if dialect == "postgresql" else columns[:3]
    return select(COUNTERS).where(or_(*any_of)).order_by(*by_code, columns[3])


_COUNTERS = ReadySelection(_counters_of)
_LOCKED_COUNTERS = ReadySelection(lambda dialect, n_places: _counters_of(dialect, n_places).with_for_update())


def _locked_counters(connection: Connection, keys: set[CounterKey]) -> dict[CounterKey, tuple[int, int]]:
    """The counters, made where missing, locked until the transaction ends."""
    there = _counters(connection, keys, lock=True)
    missing = sorted(keys - set(there))
    if not missing:
        return there
    insert_missing(COUNTERS).run(connection, *(_counter(key, 0, 0) for key in missing))
    for subject, unit, period, started_at in missing:
        if period == Period.MINUTE:
            _forget_minutes(connection, subject, unit, before=started_at - _KEPT_MINUTES_S)
    return _counters(connection, keys, lock=True)


def _forget_minutes(connection: Connection, subject: str, unit: str, *, before: float) -> None:
    old = (
        COUNTERS.c.subject == subject,
        COUNTERS.c.unit == unit,
        COUNTERS.c.period == Period.MINUTE.value,
        COUNTERS.c.started_at < before,
        COUNTERS.c.held == 0,
    )
    connection.execute(delete(COUNTERS).where(*old))


def _change_counters(connection: Connection, changes: Mapping[CounterKey, tuple[int, int]]) -> None:
    """Add to what is spent and held."""
    if changes:
        add_to(COUNTERS).run(connection, *(_counter(key, *changes[key]) for key in sorted(changes)))


def _counter(key: CounterKey, spent: int, held: int) -> dict[str, Any]:
    return {**dict(zip(_KEY, key, strict=True)), "spent": spent, "held": held}


def _standing(limit: Limit, key: CounterKey, counters: Mapping[CounterKey, tuple[int, int]]) -> Standing:
    spent, held = counters.get(key, (0, 0))
    return Standing(limit=limit, started_at=key[3], spent=spent, held=held)


def _held_too(standing: Standing, amount: int) -> Standing:
    return Standing(
        limit=standing.limit,
        started_at=standing.started_at,
        spent=standing.spent,
        held=standing.held + amount,
    )


def _known(amount: int | None, unit: Unit) -> int:
    if amount is None:
        raise ValueError(f"there is a limit in {unit.value}, and what an answer comes to is not known")
    return amount
