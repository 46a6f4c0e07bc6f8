"""The limits of an answer as headers, in Mistral's words."""

from __future__ import annotations

from collections.abc import Iterable

from galerne.api.problems import rate_limit_headers
from galerne.ledger import Standing


def limit_headers(standings: Iterable[Standing]) -> dict[str, str]:
    """One pair of headers per unit and period; of several limits, the one that leaves least."""
    least = {
        (standing.limit.unit, standing.limit.period): standing
        for standing in sorted(standings, key=lambda standing: -standing.remaining)
    }
    headers: dict[str, str] = {}
    for (unit, period), standing in least.items():
        headers |= rate_limit_headers(
            unit, period, limit=standing.limit.in_units, remaining=standing.remaining
        )
    return headers
