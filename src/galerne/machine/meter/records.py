"""What a meter says: readings of counters, and the window between two of them.

A counter in joules never goes back. Where a meter could not read, the counter stands still and ``gap_s``
grows by the time that was missed: a gap is visible in the coverage, never a silent zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

METHODS = ("measured", "derived", "modelled")
"""How a number was had, best first."""

Part: TypeAlias = Literal["machine", "host", "engines", "accelerator"]
"""What of the machine a counter covers: all of it, processors and board, what of these works for our engines
alone, or an accelerator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeterReading:
    """One counter of a meter at one instant.

    Attributes:
        domain: part of the machine that the counter covers, such as ``package-0`` or ``machine``.
        counter_j: joules since the meter was opened; never goes back.
        method: ``measured``, ``derived`` or ``modelled``.
        gap_s: seconds since the meter was opened that the counter does not cover; never goes back.
        part: what of the machine it covers. A host is shared with other programs; ``machine`` says that the
            counter knows no parts.
    """

    at: float
    domain: str
    counter_j: float
    method: str
    gap_s: float = 0.0
    part: Part = "machine"


@dataclass(frozen=True, kw_only=True, slots=True)
class EnergyWindow:
    """Energy between two readings of one meter.

    Attributes:
        by_domain_j: joules by domain; a domain that was never covered is absent, not zero.
        coverage_ratio: share of the window, over all domains, in which the counters counted.
        method: the weakest method among the readings.
        host_j: of that, what processors and board drew, where a counter tells.
        accelerator_j: likewise, what the accelerators drew.
        unsplit_j: what was counted without telling the parts apart; where it is zero, all but
            ``accelerator_j`` is the host's.
    """

    started_at: float
    ended_at: float
    by_domain_j: Mapping[str, float]
    coverage_ratio: float
    method: str
    host_j: float = 0.0
    accelerator_j: float = 0.0
    unsplit_j: float = 0.0

    @property
    def total_j(self) -> float:
        """Joules of all domains together."""
        return sum(self.by_domain_j.values())


class Meter(Protocol):
    """Something that counts the energy of this machine.

    ``read`` returns at once, from one thread at a time, and does not fail once the meter is open.
    """

    @property
    def name(self) -> str:
        """Kind of meter: ``rapl``, ``modelled``, ``replay``."""
        ...

    @property
    def method(self) -> str:
        """``measured``, ``derived`` or ``modelled``."""
        ...

    @property
    def covers(self) -> str:
        """The measuring boundary: ``package``, ``package+dram``, ``psys`` or ``machine``."""
        ...

    def read(self) -> tuple[MeterReading, ...]:
        """Every counter now, one reading per domain."""
        ...

    def close(self) -> None:
        """Let go of what the meter holds."""
        ...


def window_between(before: Sequence[MeterReading], after: Sequence[MeterReading]) -> EnergyWindow:
    """The energy between two reads of one meter.

    Args:
        before: what ``read`` gave first.
        after: what it gave later.

    Raises:
        ValueError: nothing was read, or ``after`` is older than ``before``.
    """
    if not before or not after:
        raise ValueError("a window needs a reading at both ends")
    started_at, ended_at = before[0].at, after[0].at
    starts = {reading.domain: reading for reading in before}
    ends = {reading.domain: reading for reading in after}
    domains = sorted(starts.keys() | ends.keys())
    by_domain_j: dict[str, float] = {}
    covered = 0.0
    for domain in domains:
        if domain not in starts or domain not in ends:
            continue
        energy_j = ends[domain].counter_j - starts[domain].counter_j
        missed_s = ends[domain].gap_s - starts[domain].gap_s
        if energy_j < 0 or missed_s < 0:
            raise ValueError(f"the counter of {domain} goes back: the readings are not in order")
        share = _covered_ratio(missed_s, ended_at - started_at)
        covered += share
        if share > 0 or energy_j > 0:
            by_domain_j[domain] = energy_j
    return EnergyWindow(
        started_at=started_at,
        ended_at=ended_at,
        by_domain_j=by_domain_j,
        coverage_ratio=covered / len(domains),
        method=max((reading.method for reading in (*before, *after)), key=METHODS.index),
        host_j=_part_j("host", by_domain_j, ends),
        accelerator_j=_part_j("accelerator", by_domain_j, ends),
        unsplit_j=_part_j("machine", by_domain_j, ends),
    )


def _part_j(part: Part, by_domain_j: Mapping[str, float], readings: Mapping[str, MeterReading]) -> float:
    return sum(energy_j for domain, energy_j in by_domain_j.items() if readings[domain].part == part)


def _covered_ratio(missed_s: float, duration_s: float) -> float:
    if missed_s <= 0:
        return 1.0
    # A clock set back makes the duration useless: then any gap counts as the whole window.
    return max(0.0, 1.0 - missed_s / duration_s) if duration_s > 0 else 0.0
