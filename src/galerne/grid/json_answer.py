"""Reads what services answer, and turns whatever they get wrong into a missing signal."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from galerne.errors import NoSignal


@contextlib.contextmanager
def refusing_nonsense(zone: str, source: str) -> Iterator[Callable[[bytes], Any]]:
    """Gives a parser of JSON; anything unexpected inside the block is a signal that cannot be had.

    Raises:
        NoSignal: the answer is not what its documentation says.
    """
    try:
        yield json.loads
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        why = f"the answer of {source} cannot be read ({type(error).__name__})"
        raise NoSignal(zone=zone, what="live signal", why=why) from None


def number_of(value: Any) -> float:
    """A finite number; a text is none, nor is true."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)


def instant_of(text: Any) -> float:
    """An instant in ISO 8601; without an offset it is UTC."""
    date = datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
