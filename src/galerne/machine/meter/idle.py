"""What this machine draws at rest, learnt from its own meter in quiet moments.

Quiet is a window without any answer or load, in which other programs hardly worked. Such windows are put
together to samples of ten seconds; a low quantile of the last hour of them is the power at rest, so that what
stirred unseen in some of them does not count. It moves with the machine, and begins anew where the last
samples say that the level is another one: a fan, a driver, a model that now stays loaded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, log10

from galerne.machine.meter.records import EnergyWindow

IDLE_SOURCE = "galerne-idle"
"""Source key of a power at rest that was measured here."""
SAMPLE_S = 10.0
SETTLE_S = 5.0
"""Clocks and fans come down after work: so long after it nothing is quiet yet."""
N_NEEDED = 30
"""Samples before the measured figure takes the place of the catalogue's: five minutes."""
N_KEPT = 360
LOW_QUANTILE_RATIO = 0.1
MOVED_RATIO = 0.2
"""The newest samples apart from all by more: the level is another one."""
STEP_RATIO = 0.02
"""Smaller changes are not taken up: every figure in use is frozen with answers."""
FOREIGN_CORES = 0.1
FOREIGN_CORE_RATIO = 0.02
FOREIGN_ACCELERATOR_RATIO = 0.02
COVERED_RATIO = 0.999

Samples = Mapping[str, Sequence[float]]
"""Watts of quiet samples by component, ``host`` and ``accelerator``, oldest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdlePower:
    """Power at rest, by component.

    Attributes:
        host_w: processors, memory and board, as far as the meter covers them.
        host_method: ``measured`` here, or ``modelled`` after the catalogue; likewise ``accelerator_method``.
    """

    host_w: float
    accelerator_w: float = 0.0
    host_method: str = "modelled"
    accelerator_method: str = "modelled"

    @property
    def total_w(self) -> float:
        """Of the machine."""
        return self.host_w + self.accelerator_w

    @property
    def method(self) -> str:
        """``measured`` where all that draws anything is; ``derived`` where a part is; else modelled."""
        methods = {self.host_method} | ({self.accelerator_method} if self.accelerator_w > 0 else set())
        return "derived" if len(methods) > 1 else methods.pop()


@dataclass(slots=True)
class _Level:
    """A component's samples, and the power in use."""

    samples: deque[float]
    measured_w: float | None = None

    def add(self, power_w: float) -> None:
        """Take a sample in."""
        self.samples.append(power_w)
        self.settle()

    def settle(self) -> None:
        """Decide what is in use."""
        if len(self.samples) < N_NEEDED:
            return
        newest = list(self.samples)[-N_NEEDED:]
        newest_w, level_w = _low(newest), _low(self.samples)
        if abs(newest_w - level_w) > MOVED_RATIO * level_w:
            self.samples.clear()
            self.samples.extend(newest)
            level_w = newest_w
        if self.measured_w is None or abs(level_w - self.measured_w) > STEP_RATIO * self.measured_w:
            self.measured_w = _rounded(level_w)


class IdleTracker:
    """The power at rest to use now: the catalogue's until enough quiet samples are there, then the machine's.

    Args:
        host_w: of the catalogue.
        accelerator_w: of the catalogue.
        n_cores: cores of this machine; a share of them may stir in a quiet window.
        remembered: samples of an earlier life under the same meter.
        keep: where samples go, so that the next life has them; called by ``remember`` alone.
    """

    def __init__(
        self,
        *,
        host_w: float,
        accelerator_w: float = 0.0,
        n_cores: int = 1,
        remembered: Samples | None = None,
        keep: Callable[[Samples], None] = lambda _: None,
    ) -> None:
        self._catalogue = IdlePower(host_w=host_w, accelerator_w=accelerator_w)
        self._most_foreign_cores = FOREIGN_CORES + FOREIGN_CORE_RATIO * n_cores
        self._keep = keep
        self._levels = {
            name: _Level(deque(_plausible((remembered or {}).get(name, ())), maxlen=N_KEPT))
            for name in ("host", "accelerator")
        }
        for level in self._levels.values():
            level.settle()
        self._pending = _Pending()
        self._quiet_s = 0.0
        self._n_new = 0
        self._power = self._now()

    @property
    def power(self) -> IdlePower:
        """What is in use."""
        return self._power

    def note(
        self,
        window: EnergyWindow,
        *,
        duration_s: float,
        quiet: bool,
        foreign_cores: float,
        accelerator_ratio: float = 0.0,
    ) -> None:
        """Take note of a window.

        Args:
            window: what the meter counted.
            duration_s: on the monotonic clock.
            quiet: whether nothing of ours was at work in it.
            foreign_cores: how many cores worked all the same, on the mean.
            accelerator_ratio: part of the time in which the accelerators worked.
        """
        stirred = foreign_cores > self._most_foreign_cores or accelerator_ratio > FOREIGN_ACCELERATOR_RATIO
        covered = window.coverage_ratio >= COVERED_RATIO and window.unsplit_j == 0.0
        if not quiet or stirred or not covered:
            self._quiet_s, self._pending = 0.0, _Pending()
            return
        self._quiet_s += duration_s
        if self._quiet_s - duration_s < SETTLE_S:
            return
        self._pending.add(window, duration_s)
        if self._pending.duration_s >= SAMPLE_S:
            self._take(self._pending)
            self._pending = _Pending()

    def remember(self) -> None:
        """Hand over the samples, where five minutes of new ones are there."""
        if self._n_new >= N_NEEDED:
            self._n_new = 0
            self._keep({name: tuple(level.samples) for name, level in self._levels.items()})

    def _take(self, pending: _Pending) -> None:
        for name, energy_j in (("host", pending.host_j), ("accelerator", pending.accelerator_j)):
            if energy_j > 0:
                self._levels[name].add(energy_j / pending.duration_s)
        self._n_new += 1
        self._power = self._now()

    def _now(self) -> IdlePower:
        known = self._catalogue
        host_w, accelerator_w = (self._levels[name].measured_w for name in ("host", "accelerator"))
        return IdlePower(
            host_w=known.host_w if host_w is None else host_w,
            accelerator_w=known.accelerator_w if accelerator_w is None else accelerator_w,
            host_method=known.host_method if host_w is None else "measured",
            accelerator_method=known.accelerator_method if accelerator_w is None else "measured",
        )


@dataclass(slots=True)
class _Pending:
    """Quiet time that does not make a sample yet."""

    duration_s: float = field(default=0.0)
    host_j: float = field(default=0.0)
    accelerator_j: float = field(default=0.0)

    def add(self, window: EnergyWindow, duration_s: float) -> None:
        """Count a window; a host that is only modelled is not measured."""
        self.duration_s += duration_s
        self.host_j += window.host_j if window.method == "measured" else 0.0
        self.accelerator_j += window.accelerator_j


def _low(samples: Sequence[float] | deque[float]) -> float:
    return sorted(samples)[int(LOW_QUANTILE_RATIO * (len(samples) - 1))]


def _rounded(power_w: float) -> float:
    """Three digits: more are not known."""
    return round(power_w, 2 - floor(log10(power_w)))


def _plausible(samples: Sequence[float]) -> list[float]:
    """What a damaged file may hold is left out."""
    return [float(power_w) for power_w in samples if isinstance(power_w, int | float) and 0 < power_w < 1e5]
