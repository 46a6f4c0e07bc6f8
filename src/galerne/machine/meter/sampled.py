"""A slow meter, read in a thread of its own, so that nobody waits for it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping

from galerne.clock import Clock
from galerne.machine.meter.records import Meter, MeterReading


@dataclasses.dataclass(frozen=True, slots=True)
class _Sample:
    reading: MeterReading
    read_s: float
    power_w: float


class SampledMeter:
    """What a slow meter showed last, carried on at its last power until it is read again.

    What was carried on too far is held back from the next readings, so that in the long run the counter is
    the meter's own. When the last sample is older than ``stale_after_s``, the rest is a gap.

    Args:
        meter: the slow one; read by the thread alone.
        period_s: between two samples.
        clock: time.
        thread: whether to start the thread; without it, ``sample`` is to be called.
    """

    def __init__(self, meter: Meter, *, period_s: float, clock: Clock, thread: bool = True) -> None:
        self._meter = meter
        self._period_s = period_s
        self._stale_after_s = 3 * period_s
        self._clock = clock
        self._samples: Mapping[str, _Sample] = {}
        self._shown: dict[str, tuple[float, float]] = {}
        self._stop = threading.Event()
        self.sample()
        self._thread = threading.Thread(target=self._run, name=f"meter-{meter.name}", daemon=True)
        if thread:
            self._thread.start()

    @property
    def name(self) -> str:
        """The slow meter's."""
        return self._meter.name

    @property
    def method(self) -> str:
        """The slow meter's."""
        return self._meter.method

    @property
    def covers(self) -> str:
        """The slow meter's."""
        return self._meter.covers

    def sample(self) -> None:
        """Read the slow meter now."""
        readings, read_s = self._meter.read(), self._clock.monotonic_s()
        self._samples = {reading.domain: self._sample(reading, read_s) for reading in readings}

    def read(self) -> tuple[MeterReading, ...]:
        """Every counter now, at once."""
        now_s, now_at = self._clock.monotonic_s(), self._clock.now_at()
        return tuple(self._carried(sample, now_s, now_at) for sample in self._samples.values())

    def close(self) -> None:
        """Stop the thread; a reading under way is not waited for."""
        self._stop.set()
        self._meter.close()

    def _sample(self, reading: MeterReading, read_s: float) -> _Sample:
        before = self._samples.get(reading.domain)
        if before is None:
            return _Sample(reading, read_s, 0.0)
        elapsed_s = read_s - before.read_s - (reading.gap_s - before.reading.gap_s)
        grown_j = reading.counter_j - before.reading.counter_j
        return _Sample(reading, read_s, grown_j / elapsed_s if elapsed_s > 0 else 0.0)

    def _carried(self, sample: _Sample, now_s: float, now_at: float) -> MeterReading:
        reading, age_s = sample.reading, max(0.0, now_s - sample.read_s)
        carried_s = min(age_s, self._stale_after_s)
        shown_j, shown_gap_s = self._shown.get(reading.domain, (0.0, 0.0))
        counter_j = max(shown_j, reading.counter_j + sample.power_w * carried_s)
        gap_s = max(shown_gap_s, reading.gap_s + age_s - carried_s)
        self._shown[reading.domain] = counter_j, gap_s
        return dataclasses.replace(reading, at=now_at, counter_j=counter_j, gap_s=gap_s)

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            self.sample()
