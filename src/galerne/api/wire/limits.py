"""Limits and what was used of them, as clients see it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from galerne.ledger import PARTS, Standing


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
