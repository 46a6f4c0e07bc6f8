"""Reads the meter of a node, window by window, in whole microjoules.

    idle    = min(E, P_idle · T)                      of host and accelerators apart
    foreign = (E − idle) · (1 − ours / busy)          of each, by processor and by accelerator time
    active  = E − idle − foreign

Where a meter knows no parts, nothing is foreign: it counts only ours, or cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from galerne.clock import Clock
from galerne.ledger.attribution import apportion
from galerne.ledger.windows import AcceleratorEnergy, WindowEnergy
from galerne.machine.meter import EnergyWindow, IdleTracker, Meter, ProcessorTime, window_between
from galerne.units import MICROJOULES_PER_J, to_microjoules

WorkingTime = Callable[[], ProcessorTime]


class Metering:
    """The open window of a meter.

    Args:
        meter: read here and nowhere else.
        idle: what the machine draws at rest; told of every window, so that it learns.
        clock: time.
        processor: processor time, all of it and ours; None where nobody else is there.
        accelerators: accelerator time, likewise.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        idle: IdleTracker,
        clock: Clock,
        processor: WorkingTime | None = None,
        accelerators: WorkingTime | None = None,
    ) -> None:
        self._meter = meter
        self._idle = idle
        self._clock = clock
        self._processor = _Shared(processor)
        self._accelerators = _Shared(accelerators)
        self._reading = meter.read()
        self._opened_s = clock.monotonic_s()
        # Of all and of the accelerators: fractions of a microjoule that the last window's rounding left.
        self._rests_uj = (0.0, 0.0)

    @property
    def opened_s(self) -> float:
        """When the window opened, on the monotonic clock."""
        return self._opened_s

    def peek(self) -> WindowEnergy:
        """Energy of the open window until now."""
        window = window_between(self._reading, self._meter.read())
        parts = self._processor.part(), self._accelerators.part()
        energy, _ = self._split(window, parts, self._clock.monotonic_s() - self._opened_s)
        return energy

    def turn(self, *, quiet: bool = False) -> WindowEnergy:
        """Energy of the window that ends here; the next one begins.

        Args:
            quiet: whether nothing of ours was at work in it.
        """
        now_s, reading = self._clock.monotonic_s(), self._meter.read()
        window, duration_s = window_between(self._reading, reading), now_s - self._opened_s
        parts = self._processor.turn(), self._accelerators.turn()
        energy, self._rests_uj = self._split(window, parts, duration_s)
        if duration_s > 0:
            self._idle.note(
                window,
                duration_s=duration_s,
                quiet=quiet,
                foreign_cores=parts[0].busy_s / duration_s,
                accelerator_ratio=parts[1].busy_s / duration_s,
            )
        self._reading, self._opened_s = reading, now_s
        return energy

    def _split(
        self, window: EnergyWindow, parts: tuple[_Part, _Part], duration_s: float
    ) -> tuple[WindowEnergy, tuple[float, float]]:
        exact_uj = window.total_j * MICROJOULES_PER_J + self._rests_uj[0]
        exact_accelerator_uj = window.accelerator_j * MICROJOULES_PER_J + self._rests_uj[1]
        total_uj = max(0, round(exact_uj))
        accelerator_uj = min(total_uj, max(0, round(exact_accelerator_uj)))
        host_uj = min(total_uj - accelerator_uj, to_microjoules(window.host_j))
        other_uj = total_uj - accelerator_uj
        idle = self._idle.power
        accelerator_idle_uj = min(accelerator_uj, to_microjoules(idle.accelerator_w * duration_s))
        idle_w = idle.host_w if accelerator_uj else idle.total_w
        idle_uj = min(other_uj, to_microjoules(idle_w * duration_s))
        shared_uj = max(0, min(host_uj, other_uj - idle_uj))
        accelerator_foreign_uj = parts[1].of_others(accelerator_uj - accelerator_idle_uj)
        foreign_uj = parts[0].of_others(shared_uj) + accelerator_foreign_uj
        accelerator = AcceleratorEnergy(
            active_uj=accelerator_uj - accelerator_idle_uj - accelerator_foreign_uj,
            idle_uj=accelerator_idle_uj,
            foreign_uj=accelerator_foreign_uj,
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


@dataclass(frozen=True, slots=True)
class _Part:
    """How much a part of the machine worked in a window, and how much of that for us."""

    busy_s: float = 0.0
    own_ratio: float = 1.0

    def of_others(self, shared_uj: int) -> int:
        """What of some energy other programs caused."""
        return apportion(shared_uj, {"ours": self.own_ratio, "others": 1.0 - self.own_ratio})["others"]


class _Shared:
    """Working time that is ours and other programs', since the window opened."""

    def __init__(self, working: WorkingTime | None) -> None:
        self._working = working
        self._opened = working() if working else None
        self._own_ratio = 1.0

    def part(self) -> _Part:
        """Until now; the last window's where no time has passed."""
        return self._until(self._working()) if self._working else _Part()

    def turn(self) -> _Part:
        """Of the window that ends here."""
        if self._working is None:
            return _Part()
        now = self._working()
        part = self._until(now)
        self._own_ratio, self._opened = part.own_ratio, now
        return part

    def _until(self, now: ProcessorTime) -> _Part:
        before = self._opened or now
        busy_s, own_s = now.busy_s - before.busy_s, max(0.0, now.own_s - before.own_s)
        if max(busy_s, own_s) <= 0:
            return _Part(own_ratio=self._own_ratio)
        # Counted in ticks, so that ours can seem the longer.
        return _Part(busy_s=busy_s, own_ratio=min(1.0, own_s / max(busy_s, own_s)))
