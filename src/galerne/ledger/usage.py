"""What a stretch of time used: sums in the database, grams, litres and euros by the one place for them.

Impacts are linear in energy and time, so that sums are taken per group and per set of frozen factors first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from galerne.ledger.days import (
    ANSWER_SUMS,
    ENTRY_SUMS,
    answer_sums,
    day_name,
    entry_sums,
    newest_revision,
)
from galerne.ledger.impact import NO_IMPACT, Impact, Tokens, impact_of
from galerne.ledger.limits import PERSON
from galerne.ledger.receipt import energy_split
from galerne.ledger.records import Accounts, Factors
from galerne.ledger.rows import DAY_S, factors_of
from galerne.ledger.schema import ANSWERS, DAYS, ENTRIES, FACTORS, KEYS, METER_DAYS, SETTLEMENTS
from galerne.machine.meter import METHODS
from galerne.units import from_microjoules

GROUPINGS = ("total", "key", "owner", "project", "model", "day")
NOBODY = "-"
"""The group of answers without a key, or whose key has no project."""
_TOKENS = ("prompt_tokens", "cached_tokens", "new_tokens")
_AT_ONCE = 500
_ACCOUNTS = ("answers_uj", "idle_uj", "loading_uj", "foreign_uj", "unattributed_uj", "meter_uj")


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRow:
    """The answers of one group together.

    Attributes:
        group: name of the key, its owner or project, model id, UTC day as ``2026-11-22``, or ``total``.
        n_provisional: answers whose energy is not final yet.
        accelerator_uj: what of it the accelerators drew; None where one of the answers does not tell.
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
    accelerator_uj: int | None = None

    @property
    def active_j(self) -> float:
        """Energy above idle."""
        return from_microjoules(self.active_uj)

    @property
    def full_j(self) -> float:
        """Active energy and the share of idle."""
        return from_microjoules(self.active_uj + self.idle_uj)

    @property
    def accelerator_j(self) -> float | None:
        """What of it the accelerators drew; None where one of the answers does not tell."""
        return None if self.accelerator_uj is None else from_microjoules(self.accelerator_uj)

    @property
    def host_j(self) -> float | None:
        """What of it processors, memory and board drew; None likewise."""
        known_uj = self.accelerator_uj
        return None if known_uj is None else from_microjoules(self.active_uj + self.idle_uj - known_uj)


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
    stretches = _stretches(since_at, until_at)
    sums = [row for part in stretches for row in _sums(connection, group_by, part, owner=owner)]
    frozen = _factors(connection, {row["factors_id"] for row in sums})
    for row_sums in sums:
        row = _usage_row(row_sums, group_by, factors=frozen[row_sums["factors_id"]])
        rows[row.group] = _together(rows[row.group], row) if row.group in rows else row
    accounts, metered = _accounts(connection, stretches)
    open_uj = _open_uj(connection)
    is_part = since_at is not None or until_at is not None
    return UsageReport(
        group_by=group_by,
        since_at=since_at,
        until_at=until_at,
        rows=tuple(rows[name] for name in sorted(rows)),
        accounts=accounts,
        metered=metered,
        open_uj=open_uj,
        adds_up=accounts.adds_up and (is_part or _finals_uj(connection) + open_uj == accounts.answers_uj),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stretch:
    """A stretch of time: whole UTC days, read from their sums, or a part of one, from its events.

    Attributes:
        since: first day or instant counted; None for the beginning.
        until: first day or instant not counted; None for no end.
    """

    whole_days: bool
    since: float | None
    until: float | None

    def limits(self, column: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """What a row must fulfil."""
        since = [] if self.since is None else [column >= self.since]
        return since if self.until is None else [*since, column < self.until]


def _stretches(since_at: float | None, until_at: float | None) -> list[_Stretch]:
    """A stretch of time as the whole days in it and what is left at its ends."""
    first = None if since_at is None else int(-(-since_at // DAY_S))
    last = None if until_at is None else int(until_at // DAY_S)
    if first is not None and last is not None and first >= last:
        return [_Stretch(whole_days=False, since=since_at, until=until_at)]
    parts = [_Stretch(whole_days=True, since=first, until=last)]
    if since_at is not None and first is not None and since_at < first * DAY_S:
        parts.append(_Stretch(whole_days=False, since=since_at, until=first * DAY_S))
    if until_at is not None and last is not None and until_at > last * DAY_S:
        parts.append(_Stretch(whole_days=False, since=last * DAY_S, until=until_at))
    return parts


def _person_in(key_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The person whose page asked, where the pages did; else null."""
    begins = func.substr(key_id, literal_column("1"), literal_column(str(len(PERSON))))
    name = func.substr(key_id, literal_column(str(len(PERSON) + 1)))
    return case((begins == literal_column(f"'{PERSON}'"), name))


def _sums(
    connection: Connection, group_by: str, stretch: _Stretch, *, owner: str | None
) -> Sequence[Mapping[Any, Any]]:
    table = DAYS if stretch.whole_days else ANSWERS
    # A parameter would not be equal to itself in GROUP BY.
    nobody: ColumnElement[str] = literal_column(f"'{NOBODY}'")
    no_key: ColumnElement[str] = literal_column("''")
    groups: dict[str, ColumnElement[Any]] = {
        "total": literal_column("'total'"),
        "key": func.coalesce(KEYS.c.name, func.nullif(table.c.key_id, no_key), nobody),
        "owner": func.coalesce(KEYS.c.owner, _person_in(table.c.key_id), nobody),
        "project": func.coalesce(KEYS.c.project, nobody),
        "model": table.c.model_id,
        "day": table.c.day,
    }
    group = groups[group_by]
    query = select(group.label("name"), table.c.factors_id, *_sum_columns(connection, stretch))
    if stretch.whole_days:
        query = query.where(*stretch.limits(DAYS.c.day))
    else:
        query = query.join(SETTLEMENTS, SETTLEMENTS.c.answer_id == ANSWERS.c.answer_id)
        query = query.where(newest_revision(), *stretch.limits(ANSWERS.c.at))
    if group_by in ("key", "owner", "project"):
        query = query.outerjoin(KEYS, KEYS.c.key_id == table.c.key_id)
    if owner is not None:
        keys = table.c.key_id.in_(select(KEYS.c.key_id).where(KEYS.c.owner == owner))
        query = query.where(or_(keys, table.c.key_id == f"{PERSON}{owner}"))
    grouped = query.group_by(table.c.factors_id, *(() if group_by == "total" else (group,)))
    return connection.execute(grouped).mappings().all()


def _sum_columns(connection: Connection, stretch: _Stretch) -> list[ColumnElement[Any]]:
    if stretch.whole_days:
        return [func.sum(DAYS.c[name]).label(name) for name in ANSWER_SUMS]
    return [column.label(name) for name, column in answer_sums(connection.dialect.name).items()]


def _factors(connection: Connection, wanted: set[str]) -> dict[str, Factors]:
    found: dict[str, Factors] = {}
    names = sorted(wanted)
    for start in range(0, len(names), _AT_ONCE):
        chunk = names[start : start + _AT_ONCE]
        rows = connection.execute(select(FACTORS).where(FACTORS.c.factors_id.in_(chunk)))
        found |= {row.factors_id: factors_of(row.contents) for row in rows}
    return found


def _usage_row(sums: Mapping[Any, Any], group_by: str, *, factors: Factors) -> UsageRow:
    active_uj, idle_uj = int(sums["active_uj"]), int(sums["idle_uj"])
    return UsageRow(
        group=day_name(sums["name"]) if group_by == "day" else sums["name"],
        n_answers=int(sums["n_answers"]),
        n_provisional=int(sums["n_provisional"]),
        prompt_tokens=int(sums["prompt_tokens"]),
        cached_tokens=int(sums["cached_tokens"]),
        new_tokens=int(sums["new_tokens"]),
        active_uj=active_uj,
        idle_uj=idle_uj,
        accelerator_uj=int(sums["accelerator_uj"]) if sums["n_split"] == sums["n_answers"] else None,
        impact=impact_of(
            energy_split(active_uj + idle_uj, int(sums["accelerator_uj"])),
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
        accelerator_uj=_both(one.accelerator_uj, other.accelerator_uj),
        impact=one.impact + other.impact,
    )


def _both(one: int | None, other: int | None) -> int | None:
    """The sum; unknown where either is."""
    return None if one is None or other is None else one + other


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
        accelerator_uj=0 if report.rows else None,
    )
    for row in report.rows:
        total = _together(total, row)
    return total


def _accounts(connection: Connection, stretches: Sequence[_Stretch]) -> tuple[Accounts, Metered]:
    """Where the metered energy went, and how it was counted."""
    by_method: dict[str, dict[str, Any]] = {}
    for stretch in stretches:
        if stretch.whole_days:
            sums = [func.sum(METER_DAYS.c[name]).label(name) for name in ENTRY_SUMS]
            query = select(METER_DAYS.c.method, *sums).where(*stretch.limits(METER_DAYS.c.day))
            query = query.group_by(METER_DAYS.c.method)
        else:
            sums = [column.label(name) for name, column in entry_sums(connection.dialect.name).items()]
            query = select(ENTRIES.c.method, *sums).where(*stretch.limits(ENTRIES.c.ended_at))
            query = query.group_by(ENTRIES.c.method)
        for row in connection.execute(query).mappings():
            known = by_method.setdefault(row["method"], dict.fromkeys(ENTRY_SUMS, 0))
            for name in ENTRY_SUMS:
                known[name] += row[name] if name.endswith("_s") else int(row[name])
    whole_s = sum(sums["duration_s"] for sums in by_method.values())
    covered_s = sum(sums["covered_s"] for sums in by_method.values())
    accounts = Accounts(
        **{name: sum(sums[name] for sums in by_method.values()) for name in _ACCOUNTS},
    )
    metered = Metered(
        by_method_uj={method: by_method[method]["meter_uj"] for method in METHODS if method in by_method},
        coverage_ratio=min(1.0, covered_s / whole_s) if whole_s > 0 else None,
    )
    return accounts, metered


def _finals_uj(connection: Connection) -> int:
    """Energy of all final settlements."""
    return int(connection.scalar(select(func.coalesce(func.sum(DAYS.c.final_uj), 0))) or 0)


def _open_uj(connection: Connection) -> int:
    """What the newest entry of each node says is not in a final settlement."""
    nodes = select(METER_DAYS.c.node_id).distinct().subquery()
    newest = select(func.max(ENTRIES.c.number)).where(ENTRIES.c.node_id == nodes.c.node_id)
    numbers = select(newest.scalar_subquery()).select_from(nodes)
    query = select(func.coalesce(func.sum(ENTRIES.c.open_uj), 0)).where(ENTRIES.c.number.in_(numbers))
    return int(connection.scalar(query) or 0)
