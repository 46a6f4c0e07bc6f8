"""Time, injected. Nothing below the roof reads the system clock by itself."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where code gets the time from."""

    def now_at(self) -> float:
        """The instant, in UTC seconds since 1970; may jump when the computer's clock is set."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back. For durations."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now_at(self) -> float:
        """The instant, in UTC seconds since 1970."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        return time.monotonic()


class ManualClock:
    """A clock that moves when told: for simulation and tests."""

    def __init__(self, at: float = 1_767_225_600.0) -> None:
        self._start_at = at
        self._elapsed_s = 0.0

    def now_at(self) -> float:
        """The start instant plus what has been advanced."""
        return self._start_at + self._elapsed_s

    def monotonic_s(self) -> float:
        """What has been advanced, in seconds."""
        return self._elapsed_s

    def advance(self, duration_s: float) -> None:
        """Move forward; refuses to go back, as a monotonic clock would."""
        if duration_s < 0:
            raise ValueError(f"a clock does not go back: {duration_s} s")
        self._elapsed_s += duration_s
