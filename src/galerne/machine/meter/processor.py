"""Whose processor time it was: the engines', or the rest of the computer's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psutil

from galerne.clock import Clock

FRESH_S = 0.1
"""The kernel is asked no more often: on a large machine its answer is a long text."""
_WORKING = ("user", "nice", "system", "irq", "softirq")
"""Times in which a core works here; ``guest`` is within ``user``, and ``steal`` is another machine's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessorTime:
    """Processor time until one instant.

    Attributes:
        busy_s: of all programs, since the computer started.
        own_s: of our engines and of this process.
    """

    busy_s: float
    own_s: float


class ProcessorClock:
    """Reads processor time: all of it, and ours.

    Args:
        engines_s: CPU-seconds of the engines on this computer; never goes back.
        clock: time.
        busy_s: CPU-seconds of all programs.
    """

    def __init__(
        self, *, engines_s: Callable[[], float], clock: Clock, busy_s: Callable[[], float] | None = None
    ) -> None:
        self._engines_s = engines_s
        self._busy_s = busy_s or system_busy_s
        self._clock = clock
        self._process = psutil.Process()
        self._read_s = clock.monotonic_s()
        self._last = self._read()

    def __call__(self) -> ProcessorTime:
        """Processor time until now, or until a moment ago."""
        now_s = self._clock.monotonic_s()
        if now_s - self._read_s >= FRESH_S:
            self._read_s, self._last = now_s, self._read()
        return self._last

    def _read(self) -> ProcessorTime:
        ours = self._process.cpu_times()
        return ProcessorTime(busy_s=self._busy_s(), own_s=ours.user + ours.system + self._engines_s())


def system_busy_s() -> float:
    """CPU-seconds in which any core worked, since the computer started."""
    times = psutil.cpu_times()
    return float(sum(getattr(times, name, 0.0) for name in _WORKING))
