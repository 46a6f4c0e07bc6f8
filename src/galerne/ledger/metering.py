"""Reads the meter of a node, window by window, in whole microjoules.

    idle    = min(E, P_idle · T)                      of host and accelerator apart
    foreign = (host − idle) · (1 − ours / busy)       by processor time
    active  = E − idle − foreign

A processor is shared with the rest of the computer, an accelerator is the engines' own. Where a meter knows
no parts, nothing is foreign: it counts only ours, or cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable

from galerne.clock import Clock
from galerne.ledger.attribution import apportion
from galerne.ledger.windows import AcceleratorEnergy, WindowEnergy
from galerne.machine.meter import EnergyWindow, Meter, ProcessorTime, window_between
from galerne.units import MICROJOULES_PER_J, to_microjoules


class Metering:
    """The open window of a meter.

    Args:
        meter: read here and nowhere else.
        idle_w: what the machine draws at rest.
        accelerator_idle_w: its accelerators' part of that.
        clock: time.
        processor: processor time, all of it and ours; None where nobody else is there.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        idle_w: float,
        accelerator_idle_w: float = 0.0,
        clock: Clock,
        processor: Callable[[], ProcessorTime] | None = None,
    ) -> None:
        self._meter = meter
        self._accelerator_idle_w = min(accelerator_idle_w, idle_w)
        self._host_idle_w = idle_w - self._accelerator_idle_w
        self._clock = clock
        self._processor = processor
        self._reading = meter.read()
        self._time = processor() if processor else None
        self._opened_s = clock.monotonic_s()
        # Of all and of the accelerators: fractions of a microjoule that the last window's rounding left.
        self._rests_uj = (0.0, 0.0)
        self._own_ratio = 1.0

    @property
    def opened_s(self) -> float:
        """When the window opened, on the monotonic clock."""
        return self._opened_s

    def peek(self) -> WindowEnergy:
        """Energy of the open window until now."""
        window = window_between(self._reading, self._meter.read())
        own_ratio, _ = self._own()
        energy, _ = self._split(window, own_ratio, self._clock.monotonic_s() - self._opened_s)
        return energy

    def turn(self) -> WindowEnergy:
        """Energy of the window that ends here; the next one begins."""
        now_s, reading = self._clock.monotonic_s(), self._meter.read()
        window = window_between(self._reading, reading)
        self._own_ratio, self._time = self._own()
        energy, self._rests_uj = self._split(window, self._own_ratio, now_s - self._opened_s)
        self._reading, self._opened_s = reading, now_s
        return energy

    def _own(self) -> tuple[float, ProcessorTime | None]:
        """Our part of the processor time since the window opened; the last one's where no time has passed."""
        if self._processor is None or self._time is None:
            return 1.0, None
        now = self._processor()
        busy_s, own_s = now.busy_s - self._time.busy_s, max(0.0, now.own_s - self._time.own_s)
        if max(busy_s, own_s) <= 0:
            return self._own_ratio, now
        return min(1.0, own_s / max(busy_s, own_s)), now  # counted in ticks, so that ours can seem the longer

    def _split(
        self, window: EnergyWindow, own_ratio: float, duration_s: float
    ) -> tuple[WindowEnergy, tuple[float, float]]:
        exact_uj = window.total_j * MICROJOULES_PER_J + self._rests_uj[0]
        exact_accelerator_uj = window.accelerator_j * MICROJOULES_PER_J + self._rests_uj[1]
        total_uj = max(0, round(exact_uj))
        accelerator_uj = min(total_uj, max(0, round(exact_accelerator_uj)))
        host_uj = min(total_uj - accelerator_uj, to_microjoules(window.host_j))
        other_uj = total_uj - accelerator_uj
        accelerator_idle_uj = min(accelerator_uj, to_microjoules(self._accelerator_idle_w * duration_s))
        idle_w = self._host_idle_w if accelerator_uj else self._host_idle_w + self._accelerator_idle_w
        idle_uj = min(other_uj, to_microjoules(idle_w * duration_s))
        shared_uj = max(0, min(host_uj, other_uj - idle_uj))
        foreign_uj = apportion(shared_uj, {"ours": own_ratio, "others": 1.0 - own_ratio})["others"]
        accelerator = AcceleratorEnergy(
            active_uj=accelerator_uj - accelerator_idle_uj, idle_uj=accelerator_idle_uj
        )
        energy = WindowEnergy(
            started_at=window.started_at,
            ended_at=window.ended_at,
            duration_s=duration_s,
            active_uj=total_uj - idle_uj - accelerator_idle_uj - foreign_uj,
            idle_uj=idle_uj + accelerator_idle_uj,
            foreign_uj=foreign_uj,
            method=window.method,
            coverage_ratio=window.coverage_ratio,
            accelerator=None if window.unsplit_j > 0 else accelerator,
        )
        return energy, (exact_uj - total_uj, exact_accelerator_uj - accelerator_uj)
