"""Limits on what a key, a person, a project or a model may use: the rules, without a database.

An answer's worst case is held before it begins; its true cost is charged, and the rest released, in the
transaction that writes its receipt. So what is spent and held together never exceeds a limit when a request
is admitted, however many come at once.

Amounts are whole numbers of the unit's smallest part, so that sums are exact. Periods are those of the UTC
calendar. An answer counts in the period in which it was admitted.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from galerne.errors import QuotaExhausted
from galerne.ledger.impact import Impact
from galerne.units import HOUR_S

IN_FLIGHT_RETRY_S = 2.0
"""When to ask again where only answers in flight are in the way: what they hold comes free as they end."""


class Unit(StrEnum):
    """What is limited."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    ENERGY = "wh"
    CO2E = "g"
    COST = "eur"


PARTS: Mapping[Unit, float] = MappingProxyType(
    {Unit.REQUESTS: 1, Unit.TOKENS: 1, Unit.ENERGY: HOUR_S * 1e6, Unit.CO2E: 1e9, Unit.COST: 1e9}
)
"""Smallest parts in one unit: a microjoule, a nanogram, a billionth of a euro."""


class Period(StrEnum):
    """How long a limit lasts."""

    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Priority(StrEnum):
    """How large a share of the engines a key has while others wait too. Nobody is ever kept out by it."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @property
    def weight(self) -> float:
        """Its share over that of a normal key."""
        return {"low": 0.25, "normal": 1.0, "high": 4.0}[self.value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Payer:
    """On whose account an answer goes.

    Attributes:
        key_id: of the key that asked; None for the owner of the machine.
        owner: the person whose key it is.
        project: what it is for.
        models: the only models the key may use; None for all.
        priority: its share of the engines while others wait.
    """

    key_id: str | None = None
    owner: str | None = None
    project: str | None = None
    models: frozenset[str] | None = None
    priority: Priority = Priority.NORMAL

    def subjects(self, model_id: str) -> tuple[str, ...]:
        """Whose limits an answer of this model counts against."""
        named = (("key", self.key_id), ("user", self.owner), ("project", self.project), ("model", model_id))
        return tuple(f"{kind}:{name}" for kind, name in named if name is not None)


OWNER_OF_MACHINE = Payer()
"""Who asks from this machine while no key was ever made."""
PERSON = "person:"
"""Begins what stands for a key in the answers that the pages ask for a person."""


def payer_of_person(name: str) -> Payer:
    """On whose account the answers go that the pages ask for a person: that of the keys they own too."""
    return Payer(key_id=f"{PERSON}{name}", owner=name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """How much a subject may use in each period.

    Attributes:
        subject: ``key:ID``, ``user:NAME``, ``project:NAME`` or ``model:ID``.
        amount: in smallest parts.
    """

    subject: str
    unit: Unit
    period: Period
    amount: int

    @property
    def in_units(self) -> float:
        """The amount in requests, tokens, watt-hours, grams or euros."""
        return self.amount / PARTS[self.unit]


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A limit, and what has been used of it in the period that began at ``started_at``.

    Attributes:
        spent: by answers with a receipt.
        held: for answers in flight, at their worst case.
    """

    limit: Limit
    started_at: int
    spent: int
    held: int

    @property
    def remaining(self) -> float:
        """What is left, in the limit's unit; never below zero."""
        return max(0, self.limit.amount - self.spent - self.held) / PARTS[self.limit.unit]

    @property
    def resets_at(self) -> float | None:
        """When the next period begins; None where there is none."""
        return period_end(self.limit.period, self.started_at)


def parts_of(unit: Unit, quantity: float) -> int:
    """A quantity in whole smallest parts, to the nearest."""
    return round(quantity * PARTS[unit])


def amounts_of(*, tokens: int, total_uj: int, impact: Impact) -> dict[Unit, int | None]:
    """What one answer counts for, by unit; None where no price is known, nothing where it is below zero."""
    return {
        Unit.REQUESTS: 1,
        Unit.TOKENS: tokens,
        Unit.ENERGY: total_uj,
        Unit.CO2E: parts_of(Unit.CO2E, impact.use_co2_g + impact.embodied_co2_g),
        Unit.COST: None if impact.charged_eur is None else parts_of(Unit.COST, max(0.0, impact.charged_eur)),
    }


def period_start(period: Period, at: float) -> int:
    """The beginning of the period that an instant is in."""
    if period is Period.TOTAL:
        return 0
    if period is Period.MONTH:
        date = datetime.datetime.fromtimestamp(at, datetime.UTC)
        return int(datetime.datetime(date.year, date.month, 1, tzinfo=datetime.UTC).timestamp())
    length_s = 60 if period is Period.MINUTE else 86400
    return math.floor(at / length_s) * length_s


def period_end(period: Period, started_at: int) -> float | None:
    """The beginning of the next period; None for a total."""
    if period is Period.TOTAL:
        return None
    if period is Period.MONTH:
        date = datetime.datetime.fromtimestamp(started_at, datetime.UTC)
        year, month = (date.year + 1, 1) if date.month == 12 else (date.year, date.month + 1)
        return datetime.datetime(year, month, 1, tzinfo=datetime.UTC).timestamp()
    return started_at + (60.0 if period is Period.MINUTE else 86400.0)


def refusal(standings: Iterable[Standing], need: Mapping[Unit, int], *, at: float) -> QuotaExhausted | None:
    """Why a request of this worst case cannot be admitted now: by the limit that keeps it longest."""
    refusals = [
        _refusal_by(standing, need[standing.limit.unit], at=at)
        for standing in standings
        if standing.spent + standing.held + need[standing.limit.unit] > standing.limit.amount
    ]
    return max(
        refusals,
        key=lambda refused: math.inf if refused.retry_after_s is None else refused.retry_after_s,
        default=None,
    )


def _refusal_by(standing: Standing, need: int, *, at: float) -> QuotaExhausted:
    limit, resets_at = standing.limit, standing.resets_at
    until_reset_s = None if resets_at is None else max(0.0, resets_at - at)
    retry_after_s: float | None = until_reset_s
    if need > limit.amount:
        retry_after_s = None  # no period would ever be long enough
    elif standing.spent + need <= limit.amount:
        retry_after_s = IN_FLIGHT_RETRY_S if until_reset_s is None else min(IN_FLIGHT_RETRY_S, until_reset_s)
    return QuotaExhausted(
        limit=limit.in_units,
        unit=limit.unit.value,
        period=limit.period.value,
        subject=limit.subject,
        spent=standing.spent / PARTS[limit.unit],
        held=standing.held / PARTS[limit.unit],
        needed=need / PARTS[limit.unit],
        reset_at=resets_at,
        retry_after_s=retry_after_s,
    )
