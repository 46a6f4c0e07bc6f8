"""Limits and what was used of them, as clients see it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from galerne.ledger import PARTS, Limit, Period, Standing, Unit, parts_of

MOST = 1e9
"""Of any unit; smallest parts of more would not fit the database."""


class LimitBody(BaseModel):
    """A limit, and what was used of it in the period that is running."""

    subject: str = Field(description="key:ID, user:NAME, project:NAME or model:ID")
    unit: str = Field(description="requests, tokens, wh, g or eur")
    period: str = Field(description="minute, day, month or total")
    limit: float
    spent: float
    held: float = Field(description="For answers in flight, at their worst case.")
    remaining: float
    resets_at: float | None


class LimitList(BaseModel):
    """The limits that hold for a key; all of them for an administrator."""

    data: list[LimitBody]


class LimitWish(BaseModel):
    """A limit to set."""

    subject: str = Field(
        description="key:ID, user:NAME, project:NAME or model:ID",
        pattern="^(key|user|project|model):.",
        max_length=200,
    )
    unit: Unit
    period: Period
    limit: float | None = Field(
        description="In the unit; null removes it.", ge=0.0, le=MOST, allow_inf_nan=False
    )


def limit_of(wish: LimitWish) -> Limit:
    """The limit that is wished, in smallest parts."""
    amount = parts_of(wish.unit, wish.limit or 0.0)
    return Limit(subject=wish.subject, unit=wish.unit, period=wish.period, amount=amount)


def limit_list(standings: Iterable[Standing]) -> LimitList:
    """Limits for the wire."""
    return LimitList(
        data=[
            LimitBody(
                subject=standing.limit.subject,
                unit=standing.limit.unit.value,
                period=standing.limit.period.value,
                limit=standing.limit.in_units,
                spent=standing.spent / PARTS[standing.limit.unit],
                held=standing.held / PARTS[standing.limit.unit],
                remaining=standing.remaining,
                resets_at=standing.resets_at,
            )
            for standing in standings
        ]
    )
