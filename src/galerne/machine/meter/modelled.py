"""The modelled meter: where nothing can be read, idle power over time plus an estimate of activity."""

from __future__ import annotations

from collections.abc import Callable

from galerne.clock import Clock
from galerne.errors import MeterUnavailable
from galerne.machine.meter.records import MeterReading, Part

DOMAIN = "machine"


class ModelledMeter:
    """Idle power over time plus active energy, as given from above.

        counter = idle power · elapsed + active

    Args:
        active_j: joules above idle since some start, from a model such as the engine's processor seconds
            times the watts of a busy core. A value lower than the last means that the count began anew.
            Raise ``MeterUnavailable`` where it cannot be told: that time becomes a gap.
        idle_w: power of the machine at rest.
        clock: time for the idle part.
        domain: what it covers; another name for another machine, beside a meter of this one.
        part: ``engines`` where accelerators have counters of their own.
    """

    name = "modelled"
    method = "modelled"
    covers = "machine"

    def __init__(
        self,
        *,
        active_j: Callable[[], float],
        idle_w: float,
        clock: Clock,
        domain: str = DOMAIN,
        part: Part = "machine",
    ) -> None:
        if idle_w < 0:
            raise ValueError(f"idle power is not negative: {idle_w} W")
        self._active_j = active_j
        self._idle_w = idle_w
        self._domain = domain
        self._part: Part = part
        self._clock = clock
        self._counter_j = 0.0
        self._gap_s = 0.0
        self._last_s = clock.monotonic_s()
        self._last_active_j = self._active_now_j() or 0.0

    def read(self) -> tuple[MeterReading, ...]:
        """The one counter of this meter."""
        now_s = self._clock.monotonic_s()
        elapsed_s, self._last_s = now_s - self._last_s, now_s
        active_j = self._active_now_j()
        if active_j is None:
            self._gap_s += elapsed_s
        else:
            restarted = active_j < self._last_active_j
            grown_j = active_j if restarted else active_j - self._last_active_j
            self._counter_j += self._idle_w * elapsed_s + grown_j
            self._last_active_j = active_j
        return (
            MeterReading(
                at=self._clock.now_at(),
                domain=self._domain,
                counter_j=self._counter_j,
                method=self.method,
                gap_s=self._gap_s,
                part=self._part,
            ),
        )

    def close(self) -> None:
        """Nothing is held."""

    def _active_now_j(self) -> float | None:
        try:
            return self._active_j()
        except MeterUnavailable:
            return None
