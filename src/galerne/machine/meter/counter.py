"""Monotone counters kept over what a sensor shows: raw energy that wraps, or power that is integrated."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class EnergyCounter:
    """Follows a raw counter of joules.

    A wrap is followed where the range is known. A counter that cannot be read, stands still for longer than
    ``stuck_after_s``, went back, jumped by more than ``limit_w`` can draw, or was left so long that it may
    have wrapped unseen, makes a gap.

    Attributes:
        now_s: when it was opened, then when it was last accounted for.
        raw_j: what the sensor showed then.
        limit_w: power that cannot be exceeded.
        range_j: the raw counter starts again from zero here.
        period_s: bound on how late the raw counter may be.
        stuck_after_s: without any change for longer, it is stuck.
    """

    now_s: float
    raw_j: float | None
    limit_w: float
    range_j: float = math.inf
    period_s: float = 0.01
    stuck_after_s: float = 0.5
    counter_j: float = field(default=0.0)
    gap_s: float = field(default=0.0)

    def advance(self, raw_j: float | None, now_s: float) -> None:
        """Take note of what the sensor shows now; None where it shows nothing."""
        elapsed_s = now_s - self.now_s
        if raw_j is None or self.raw_j is None:
            self._miss(raw_j, now_s)
        elif raw_j == self.raw_j:
            if elapsed_s > self.stuck_after_s:
                self._miss(raw_j, now_s)
        else:
            grown_j = raw_j - self.raw_j if raw_j > self.raw_j else raw_j - self.raw_j + self.range_j
            possible_j = self.limit_w * (elapsed_s + self.period_s)
            if grown_j > possible_j or possible_j >= self.range_j:
                self._miss(raw_j, now_s)
                return
            self.counter_j += grown_j
            self.raw_j, self.now_s = raw_j, now_s

    def _miss(self, raw_j: float | None, now_s: float) -> None:
        self.gap_s += now_s - self.now_s
        self.raw_j, self.now_s = raw_j, now_s


@dataclass(slots=True, kw_only=True)
class PowerCounter:
    """Integrates a power sensor, by the mean of neighbouring readings.

        E += (P_before + P_now) / 2 · Δt

    What lies between two readings further apart than ``most_s``, or beside one that failed, is a gap.

    Attributes:
        now_s: when it was last read.
        power_w: what it showed then; None for nothing.
        limit_w: a greater power is a fault of the sensor.
    """

    now_s: float
    power_w: float | None
    limit_w: float
    most_s: float
    counter_j: float = field(default=0.0)
    gap_s: float = field(default=0.0)

    def advance(self, power_w: float | None, now_s: float) -> None:
        """Take note of what the sensor shows now; None where it shows nothing."""
        if power_w is not None and not 0 <= power_w <= self.limit_w:
            power_w = None
        elapsed_s = now_s - self.now_s
        if power_w is None or self.power_w is None or elapsed_s > self.most_s:
            self.gap_s += elapsed_s
        else:
            self.counter_j += 0.5 * (self.power_w + power_w) * elapsed_s
        self.power_w, self.now_s = power_w, now_s
