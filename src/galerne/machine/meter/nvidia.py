"""NVIDIA accelerators, by their driver's own counters.

The energy counter of a device (Volta and later) is read in millijoules; where there is none, its
instantaneous power is integrated, and only where there is none of that either, its average over a second.
A partitioned device (MIG) is counted whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from galerne.clock import Clock
from galerne.errors import MeterUnavailable
from galerne.machine.meter.counter import EnergyCounter, PowerCounter
from galerne.machine.meter.records import MeterReading

MILLI = 1e-3
COUNTER_PERIOD_S = 0.2
"""Generous bound on how late the counter may be; it moves about every tenth of a second."""
STUCK_AFTER_S = 3.0
MOST_BETWEEN_S = 2.0
"""Power readings further apart do not say what was between them."""
DEFAULT_LIMIT_W = 3000.0
BURST_RATIO = 4.0
"""Bursts exceed the sustained limit; only the order of magnitude matters here."""


class NvidiaMeter:
    """Every NVIDIA device of this machine, measured. A device that is lost, reset or stuck makes a gap.

    Args:
        nvml: the module ``pynvml``, initialised.
        clock: time.

    Raises:
        MeterUnavailable: there is no device, or none that shows energy or power.
    """

    name = "nvidia"
    method = "measured"
    covers = "gpu"

    def __init__(self, nvml: Any, *, clock: Clock) -> None:
        self._nvml = nvml
        self._clock = clock
        try:
            handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError as error:
            raise MeterUnavailable(meter=self.name, why=str(error)) from error
        opened = {f"gpu-{index}": self._open(handle) for index, handle in enumerate(handles)}
        self._devices = {domain: device for domain, device in opened.items() if device is not None}
        if not self._devices:
            raise MeterUnavailable(meter=self.name, why="no device shows its energy or its power")

    def read(self) -> tuple[MeterReading, ...]:
        """Every device's counter."""
        now_s, now_at = self._clock.monotonic_s(), self._clock.now_at()
        readings = []
        for domain, (counter, show) in self._devices.items():
            counter.advance(self._try(show), now_s)
            readings.append(
                MeterReading(
                    at=now_at,
                    domain=domain,
                    counter_j=counter.counter_j,
                    method=self.method,
                    gap_s=counter.gap_s,
                    part="accelerator",
                )
            )
        return tuple(readings)

    def close(self) -> None:
        """The library stays open: others may use it."""

    def _open(self, handle: Any) -> tuple[EnergyCounter | PowerCounter, Callable[[], float]] | None:
        now_s, nvml = self._clock.monotonic_s(), self._nvml
        sustained_w = self._try(lambda: nvml.nvmlDeviceGetPowerManagementLimit(handle) * MILLI)
        limit_w = BURST_RATIO * sustained_w if sustained_w else DEFAULT_LIMIT_W

        def show_j() -> float:
            return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) * MILLI

        if (raw_j := self._try(show_j)) is not None:
            counter = EnergyCounter(
                now_s=now_s,
                raw_j=raw_j,
                limit_w=limit_w,
                period_s=COUNTER_PERIOD_S,
                stuck_after_s=STUCK_AFTER_S,
            )
            return counter, show_j
        for show_w in (
            lambda: self._power_now_w(handle),
            lambda: nvml.nvmlDeviceGetPowerUsage(handle) * MILLI,
        ):
            if (power_w := self._try(show_w)) is not None:
                return PowerCounter(
                    now_s=now_s, power_w=power_w, limit_w=limit_w, most_s=MOST_BETWEEN_S
                ), show_w
        return None

    def _power_now_w(self, handle: Any) -> float:
        value = self._nvml.nvmlDeviceGetFieldValues(handle, [self._nvml.NVML_FI_DEV_POWER_INSTANT])[0]
        if value.nvmlReturn != 0:
            raise self._nvml.NVMLError(value.nvmlReturn)
        return float(value.value.uiVal) * MILLI

    def _try(self, ask: Callable[[], float]) -> float | None:
        try:
            return float(ask())
        except (self._nvml.NVMLError, AttributeError):  # an old library lacks the newest functions
            return None
