"""What this installation's own ledger says of load and energy, by the hour."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from galerne.ledger import Ledger
from galerne.units import from_microjoules


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerCount:
    """An answer as far as a load needs it."""

    at: float
    prompt_tokens: int
    cached_tokens: int
    new_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MeteredStretch:
    """A stretch of metered time.

    Attributes:
        it_j: what the meters counted.
        coverage_ratio: time that they really covered.
    """

    started_at: float
    ended_at: float
    it_j: float
    method: str
    coverage_ratio: float


@dataclass(kw_only=True, slots=True)
class History:
    """Answers and metered stretches, in the order of the ledger."""

    answers: list[AnswerCount] = field(default_factory=list)
    stretches: list[MeteredStretch] = field(default_factory=list)


class _Lines:
    """Hands on each line instead of keeping it."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._take(line)
        return len(text)


def read_history(ledger: Ledger, *, since_at: float | None = None, until_at: float | None = None) -> History:
    """Read the ledger's events between two instants.

    Args:
        ledger: to read.
        since_at: first instant counted; None for the beginning.
        until_at: first instant not counted; None for no end.

    Raises:
        StoreUnreachable: the database does not answer.
    """
    history = History()
    first = -math.inf if since_at is None else since_at
    end = math.inf if until_at is None else until_at

    def take(line: str) -> None:
        event = json.loads(line) if line else {}
        at = event.get("at" if event.get("kind") == "answer" else "ended_at")
        if at is None or not first <= at < end:
            return
        if event["kind"] == "answer":
            history.answers.append(_answer(event))
        elif event["kind"] == "entry":
            history.stretches.append(_stretch(event))

    ledger.export_events(_Lines(take))
    return history


def _answer(event: dict[str, Any]) -> AnswerCount:
    names = ("at", "prompt_tokens", "cached_tokens", "new_tokens")
    return AnswerCount(**{name: event[name] for name in names})


def _stretch(event: dict[str, Any]) -> MeteredStretch:
    return MeteredStretch(
        started_at=event["started_at"],
        ended_at=event["ended_at"],
        it_j=from_microjoules(event["meter_uj"]),
        method=event["method"],
        coverage_ratio=event["coverage_ratio"],
    )


def year_limits(year: int, zone: tzinfo = UTC) -> tuple[float, float]:
    """First instant of a calendar year and of the next."""
    return datetime(year, 1, 1, tzinfo=zone).timestamp(), datetime(year + 1, 1, 1, tzinfo=zone).timestamp()
