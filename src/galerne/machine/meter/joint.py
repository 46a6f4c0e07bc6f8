"""Several meters as one: side by side, one within the other, or one where the other fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from galerne.clock import Clock
from galerne.machine.meter.records import METHODS, Meter, MeterReading, Part

LABEL_S = 2.0
"""A label of the weaker meter stays this long, so that no window that used it misses it."""


class JointMeter:
    """Meters of different parts, side by side.

    Args:
        meters: whose domains have different names.
        method: what the weaker ones are called beside the others: with a measured part, a modelled one makes
            a derived sum.
    """

    def __init__(self, meters: Sequence[Meter], *, method: str | None = None) -> None:
        self._meters = tuple(meters)
        self._method = method

    @property
    def name(self) -> str:
        """All of theirs."""
        return "+".join(meter.name for meter in self._meters)

    @property
    def method(self) -> str:
        """The weakest of theirs, or the one given."""
        return max((self._label(meter.method) for meter in self._meters), key=METHODS.index)

    @property
    def covers(self) -> str:
        """All of theirs."""
        return "+".join(meter.covers for meter in self._meters)

    def read(self) -> tuple[MeterReading, ...]:
        """Every counter of every meter."""
        readings = (reading for meter in self._meters for reading in meter.read())
        return tuple(replace(reading, method=self._label(reading.method)) for reading in readings)

    def close(self) -> None:
        """Close them all."""
        for meter in self._meters:
            meter.close()

    def _label(self, method: str) -> str:
        return method if self._method is None else min(method, self._method, key=METHODS.index)


class WallMeterWithParts:
    """A wall meter, with the accelerators inside it told apart: the host is what is left.

    The two are not read at the same instant. Where the accelerators seem to draw more than the wall, the host
    stands still until the wall has caught up.

    Args:
        wall: one counter, of the whole machine.
        accelerators: counters of parts of it.
    """

    def __init__(self, wall: Meter, accelerators: Meter) -> None:
        self._wall = wall
        self._accelerators = accelerators
        self._host_j = 0.0

    @property
    def name(self) -> str:
        """Both."""
        return f"{self._wall.name}+{self._accelerators.name}"

    @property
    def method(self) -> str:
        """The weaker of both."""
        return max(self._wall.method, self._accelerators.method, key=METHODS.index)

    @property
    def covers(self) -> str:
        """What the wall meter covers."""
        return self._wall.covers

    def read(self) -> tuple[MeterReading, ...]:
        """The accelerators' counters, and the host's."""
        inside = self._accelerators.read()
        (wall,) = self._wall.read()
        self._host_j = max(self._host_j, wall.counter_j - sum(reading.counter_j for reading in inside))
        host = MeterReading(
            at=wall.at,
            domain="host",
            counter_j=self._host_j,
            method=wall.method,
            gap_s=wall.gap_s,
            part="host",
        )
        return (*inside, host)

    def close(self) -> None:
        """Close both."""
        self._wall.close()
        self._accelerators.close()


class FallbackMeter:
    """A meter, and a weaker one that counts where it cannot.

    Such time is labelled by the weaker method and stays a gap: the coverage shows it. The domains are parts.

    Args:
        meter: the better one.
        fallback: the weaker one.
        clock: time.
    """

    def __init__(self, meter: Meter, fallback: Meter, *, clock: Clock) -> None:
        self._meter = meter
        self._fallback = fallback
        self._clock = clock
        self._last = meter.read(), fallback.read()
        self._counters_j: dict[Part, float] = {
            reading.part: 0.0 for readings in self._last for reading in readings
        }
        self._gap_s = 0.0
        self._weak_until_s = -LABEL_S

    @property
    def name(self) -> str:
        """The better one's."""
        return self._meter.name

    @property
    def method(self) -> str:
        """The better one's; a reading says which one counted."""
        return self._meter.method

    @property
    def covers(self) -> str:
        """What the better one covers."""
        return self._meter.covers

    def read(self) -> tuple[MeterReading, ...]:
        """A counter for each part."""
        now_s, now = self._clock.monotonic_s(), (self._meter.read(), self._fallback.read())
        gap_s = max(_grown(self._last[0], now[0], "gap_s").values(), default=0.0)
        used = 1 if gap_s > 0 else 0
        if used:
            self._gap_s += gap_s
            self._weak_until_s = now_s + LABEL_S
        parts = {reading.domain: reading.part for reading in now[used]}
        for domain, grown_j in _grown(self._last[used], now[used], "counter_j").items():
            self._counters_j[parts[domain]] += grown_j
        self._last = now
        return tuple(
            MeterReading(
                at=now[0][0].at,
                domain=part,
                counter_j=self._counters_j[part],
                method=self._fallback.method if now_s < self._weak_until_s else self._meter.method,
                gap_s=self._gap_s,
                part=part,
            )
            for part in get_args(Part)
            if part in self._counters_j
        )

    def close(self) -> None:
        """Close both."""
        self._meter.close()
        self._fallback.close()


def _grown(before: Sequence[MeterReading], after: Sequence[MeterReading], field: str) -> dict[str, float]:
    starts = {reading.domain: getattr(reading, field) for reading in before}
    return {
        reading.domain: getattr(reading, field) - starts.get(reading.domain, getattr(reading, field))
        for reading in after
    }
