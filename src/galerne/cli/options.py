"""Options that many commands share, and how their texts are read."""

from __future__ import annotations

import datetime
import re
from typing import Annotated

import typer

from galerne.errors import InvalidRequest

LoadAnyway = Annotated[
    bool, typer.Option("--load-anyway", help="Load the model even if it does not fit in memory.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of a table.")]

_LENGTHS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def read_duration_s(text: str, *, name: str) -> float:
    """Read ``90m``, ``12h`` or ``30d``.

    Raises:
        InvalidRequest: it is none of these.
    """
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd])", text.strip())
    if match is None:
        raise InvalidRequest(path=name, problem=f"{text!r} is not a length of time such as 90m, 12h or 30d")
    return float(match[1]) * _LENGTHS_S[match[2]]


def read_instant_at(text: str, *, name: str) -> float:
    """Read an ISO 8601 date or instant; without an offset it is UTC.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        date = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        problem = f"{text!r} is not a date such as 2027-06-30"
        raise InvalidRequest(path=name, problem=problem) from None
    return (date if date.tzinfo else date.replace(tzinfo=datetime.UTC)).timestamp()


def written_date(at: float | None) -> str:
    """An instant for people, in UTC; a dash where there is none."""
    if at is None:
        return "–"
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M")
