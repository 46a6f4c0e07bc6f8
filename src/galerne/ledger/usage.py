"""What a stretch of time used: sums in the database, grams, litres and euros by the one place for them.

Impacts are linear in energy and time, so that sums are taken per group and per set of frozen factors first.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, literal, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from galerne.ledger.impact import NO_IMPACT, Impact, Tokens, impact_of
from galerne.ledger.receipt import energy_split
from galerne.ledger.records import Accounts, Factors
from galerne.ledger.rows import factors_of
from galerne.ledger.schema import ANSWERS, ENTRIES, FACTORS, KEYS, SETTLEMENTS
from galerne.machine.meter import METHODS
from galerne.units import from_microjoules

GROUPINGS = ("total", "key", "owner", "project", "model", "day")
NOBODY = "-"
"""The group of answers without a key, or whose key has no project."""
_TOKENS = ("prompt_tokens", "cached_tokens", "new_tokens")
_ACCOUNTS = ("answers_uj", "idle_uj", "loading_uj", "foreign_uj", "unattributed_uj", "meter_uj")


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRow:
    """The answers of one group together.

    Attributes:
        group: name of the key, its owner or project, model id, UTC day as ``2026-11-22``, or ``total``.
        n_provisional: answers whose energy is not final yet.
    """

    group: str
    n_answers: int
    n_provisional: int
    prompt_tokens: int
    cached_tokens: int
    new_tokens: int
    active_uj: int
    idle_uj: int
    impact: Impact

    @property
    def active_j(self) -> float:
        """Energy above idle."""
        return from_microjoules(self.active_uj)

    @property
    def full_j(self) -> float:
        """Active energy and the share of idle."""
        return from_microjoules(self.active_uj + self.idle_uj)


@dataclass(frozen=True, kw_only=True, slots=True)
class Metered:
    """How the energy of a stretch of time was counted.

    Attributes:
        by_method_uj: what the meter counted by each method, ``measured`` first.
        coverage_ratio: time the meter really covered; None where nothing was metered.
    """

    by_method_uj: Mapping[str, int]
    coverage_ratio: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageReport:
    """What the answers used, and where all metered energy went.

    Attributes:
        rows: one per group, in order of its name.
        accounts: of the windows that ended in this time.
        metered: how these were counted.
        open_uj: of what the windows gave to answers, what no final settlement holds yet: answers in flight
            and those whose receipt is provisional.
        adds_up: the accounts are what the meter counted and, for a report on all time, the final settlements
            with what is still in flight are what the windows gave to answers: to the microjoule.
    """

    group_by: str
    since_at: float | None
    until_at: float | None
    rows: tuple[UsageRow, ...]
    accounts: Accounts
    metered: Metered
    open_uj: int
    adds_up: bool


def report_usage(
    connection: Connection,
    group_by: str,
    *,
    since_at: float | None,
    until_at: float | None,
    owner: str | None = None,
) -> UsageReport:
    """Sum up in one consistent view of the store."""
    if group_by not in GROUPINGS:
        raise ValueError(f"usage is grouped by one of {', '.join(GROUPINGS)}, not {group_by!r}")
    rows: dict[str, UsageRow] = {}
    frozen: dict[str, Factors] = {}
    query = _sums(group_by, since_at=since_at, until_at=until_at)
    if owner is not None:
        query = query.where(ANSWERS.c.key_id.in_(select(KEYS.c.key_id).where(KEYS.c.owner == owner)))
    for sums in connection.execute(query).mappings():
        factors_id = sums["factors_id"]
        if factors_id not in frozen:
            frozen[factors_id] = _factors(connection, factors_id)
        row = _usage_row(sums, group_by, factors=frozen[factors_id])
        rows[row.group] = _together(rows[row.group], row) if row.group in rows else row
    accounts = _accounts(connection, since_at=since_at, until_at=until_at)
    open_uj = _open_uj(connection)
    is_part = since_at is not None or until_at is not None
    return UsageReport(
        group_by=group_by,
        since_at=since_at,
        until_at=until_at,
        rows=tuple(rows[name] for name in sorted(rows)),
        accounts=accounts,
        metered=_metered(connection, since_at=since_at, until_at=until_at),
        open_uj=open_uj,
        adds_up=accounts.adds_up and (is_part or _finals_uj(connection) + open_uj == accounts.answers_uj),
    )


def _sums(group_by: str, *, since_at: float | None, until_at: float | None) -> Select[Any]:
    # A parameter would not be equal to itself in GROUP BY.
    nobody: ColumnElement[str] = literal_column(f"'{NOBODY}'")
    groups: dict[str, ColumnElement[Any]] = {
        "total": literal("total"),
        "key": func.coalesce(KEYS.c.name, ANSWERS.c.key_id, nobody),
        "owner": func.coalesce(KEYS.c.owner, nobody),
        "project": func.coalesce(KEYS.c.project, nobody),
        "model": ANSWERS.c.model_id,
        "day": ANSWERS.c.day,
    }
    group = groups[group_by].label("name")
    later = SETTLEMENTS.alias()
    same_answer = later.c.answer_id == SETTLEMENTS.c.answer_id
    follows = select(later.c.number).where(same_answer, later.c.revision > SETTLEMENTS.c.revision)
    # Nothing follows a final settlement: most are known to be the newest without a look at the others.
    newest = or_(SETTLEMENTS.c.final, ~follows.correlate(SETTLEMENTS).exists())
    totals = (
        *(ANSWERS.c[name] for name in _TOKENS),
        *(SETTLEMENTS.c[name] for name in ("active_uj", "idle_uj", "device_s")),
    )
    query = (
        select(
            group,
            ANSWERS.c.factors_id,
            func.count().label("n_answers"),
            func.count().filter(~SETTLEMENTS.c.final).label("n_provisional"),
            *(func.sum(column).label(column.name) for column in totals),
        )
        .join(SETTLEMENTS, SETTLEMENTS.c.answer_id == ANSWERS.c.answer_id)
        .where(newest, *_between(ANSWERS.c.at, since_at, until_at))
        .group_by(ANSWERS.c.factors_id)
    )
    if group_by in ("key", "owner", "project"):
        query = query.outerjoin(KEYS, KEYS.c.key_id == ANSWERS.c.key_id)
    return query if group_by == "total" else query.group_by(groups[group_by])


def _factors(connection: Connection, factors_id: str) -> Factors:
    query = select(FACTORS.c.contents).where(FACTORS.c.factors_id == factors_id)
    return factors_of(connection.execute(query).scalar_one())


def _usage_row(sums: Mapping[Any, Any], group_by: str, *, factors: Factors) -> UsageRow:
    active_uj, idle_uj = int(sums["active_uj"]), int(sums["idle_uj"])
    return UsageRow(
        group=_day(sums["name"]) if group_by == "day" else sums["name"],
        n_answers=sums["n_answers"],
        n_provisional=sums["n_provisional"],
        prompt_tokens=int(sums["prompt_tokens"]),
        cached_tokens=int(sums["cached_tokens"]),
        new_tokens=int(sums["new_tokens"]),
        active_uj=active_uj,
        idle_uj=idle_uj,
        impact=impact_of(
            energy_split(active_uj + idle_uj),
            device_s=sums["device_s"],
            factors=factors,
            tokens=Tokens(**{name: int(sums[name]) for name in _TOKENS}),
        ),
    )


def _together(one: UsageRow, other: UsageRow) -> UsageRow:
    return UsageRow(
        group=one.group,
        n_answers=one.n_answers + other.n_answers,
        n_provisional=one.n_provisional + other.n_provisional,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        new_tokens=one.new_tokens + other.new_tokens,
        active_uj=one.active_uj + other.active_uj,
        idle_uj=one.idle_uj + other.idle_uj,
        impact=one.impact + other.impact,
    )


def total_row(report: UsageReport) -> UsageRow:
    """All groups of a report together; zeros where there is none."""
    total = UsageRow(
        group="total",
        n_answers=0,
        n_provisional=0,
        prompt_tokens=0,
        cached_tokens=0,
        new_tokens=0,
        active_uj=0,
        idle_uj=0,
        impact=NO_IMPACT,
    )
    for row in report.rows:
        total = _together(total, row)
    return total


def _accounts(connection: Connection, *, since_at: float | None, until_at: float | None) -> Accounts:
    sums = (func.coalesce(func.sum(ENTRIES.c[name]), 0).label(name) for name in _ACCOUNTS)
    query = select(*sums).where(*_between(ENTRIES.c.ended_at, since_at, until_at))
    return Accounts(
        **{name: int(value) for name, value in connection.execute(query).mappings().one().items()}
    )


def _metered(connection: Connection, *, since_at: float | None, until_at: float | None) -> Metered:
    forward = ENTRIES.c.ended_at > ENTRIES.c.started_at  # else the computer's clock was set back
    length_s = ENTRIES.c.ended_at - ENTRIES.c.started_at
    duration_s = func.coalesce(func.sum(length_s).filter(forward), 0.0)
    covered_s = func.coalesce(func.sum(length_s * ENTRIES.c.coverage_ratio).filter(forward), 0.0)
    query = (
        select(ENTRIES.c.method, func.sum(ENTRIES.c.meter_uj), duration_s, covered_s)
        .where(*_between(ENTRIES.c.ended_at, since_at, until_at))
        .group_by(ENTRIES.c.method)
    )
    rows = {method: sums for method, *sums in connection.execute(query)}
    whole_s = sum(sums[1] for sums in rows.values())
    return Metered(
        by_method_uj={method: int(rows[method][0]) for method in METHODS if method in rows},
        coverage_ratio=min(1.0, sum(sums[2] for sums in rows.values()) / whole_s) if whole_s > 0 else None,
    )


def _finals_uj(connection: Connection) -> int:
    """Energy of all final settlements."""
    energy = SETTLEMENTS.c.active_uj + SETTLEMENTS.c.idle_uj
    return int(connection.scalar(select(func.coalesce(func.sum(energy), 0)).where(SETTLEMENTS.c.final)) or 0)


def _open_uj(connection: Connection) -> int:
    """What the newest entry of each node says is not in a final settlement."""
    newest = select(func.max(ENTRIES.c.number)).group_by(ENTRIES.c.node_id)
    query = select(func.coalesce(func.sum(ENTRIES.c.open_uj), 0)).where(ENTRIES.c.number.in_(newest))
    return int(connection.scalar(query) or 0)


def _between(
    column: ColumnElement[float], since_at: float | None, until_at: float | None
) -> list[ColumnElement[bool]]:
    limits = []
    if since_at is not None:
        limits.append(column >= since_at)
    if until_at is not None:
        limits.append(column < until_at)
    return limits


def _day(number: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=number)).isoformat()
