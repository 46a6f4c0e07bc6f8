"""The processor's own energy counters (RAPL), through Linux's powercap tree.

Counted are the packages and, where the processor has them apart, their memory (``dram``); a platform counter
(``psys``) only where there is no package, because it contains them. Cores and graphics lie inside a package
and are never added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from galerne.clock import Clock
from galerne.errors import MeterUnavailable
from galerne.machine.meter.counter import EnergyCounter
from galerne.machine.meter.records import MeterReading
from galerne.units import MICROJOULES_PER_J

POWERCAP = Path("sys/class/powercap")
COUNTER_PERIOD_S = 0.01
"""Generous bound on how late the raw counter may be; it moves about every millisecond."""

GRANT = "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"


@dataclass(frozen=True, kw_only=True, slots=True)
class RaplZone:
    """One counter of the powercap tree.

    Attributes:
        domain: ``package-0``, ``dram-0``, ``psys``.
        range_j: the counter starts again from zero here.
        limit_w: power that this zone cannot exceed.
        readable: whether this process may read the counter.
    """

    domain: str
    folder: Path
    range_j: float
    limit_w: float
    readable: bool


def find_zones(root: Path, *, default_limit_w: float = 2000.0) -> tuple[RaplZone, ...]:
    """The counters to add up: packages and their memory, else the platform.

    Args:
        root: root of the file system.
        default_limit_w: taken for a zone that does not say its greatest power; only tells a counter that
            wrapped from one that was reset.
    """
    tops = sorted((root / POWERCAP).glob("intel-rapl:*"), key=lambda folder: folder.name)
    tops = [folder for folder in tops if folder.name.count(":") == 1]
    named = [(folder, _read_text(folder / "name")) for folder in tops]
    packages = [(folder, name) for folder, name in named if name.startswith("package")]
    if packages:
        zones = [
            _zone(folder, domain, default_limit_w)
            for top, name in packages
            for folder, domain in ((top, name), *_memory_of(top, name))
        ]
    else:
        zones = [_zone(folder, name, default_limit_w) for folder, name in named if name == "psys"]
    return tuple(zone for zone in zones if zone.range_j > 0)


def _memory_of(package: Path, name: str) -> Iterator[tuple[Path, str]]:
    children = sorted({*package.parent.glob(f"{package.name}:*"), *package.glob(f"{package.name}:*")})
    seen: set[str] = set()
    for folder in children:
        if folder.name not in seen and _read_text(folder / "name") == "dram":
            seen.add(folder.name)
            yield folder, name.replace("package", "dram", 1)


def _zone(folder: Path, domain: str, default_limit_w: float) -> RaplZone:
    limits_uw = [_read_int(path) or 0 for path in folder.glob("constraint_*_max_power_uw")]
    return RaplZone(
        domain=domain,
        folder=folder,
        range_j=(_read_int(folder / "max_energy_range_uj") or 0) / MICROJOULES_PER_J,
        # Bursts exceed the sustained limit; only the order of magnitude matters here.
        limit_w=4 * max(limits_uw, default=0) / 1e6 or default_limit_w,
        readable=_read_int(folder / "energy_uj") is not None,
    )


class RaplMeter:
    """Processor packages and their memory, measured.

    A counter that wraps is followed through ``max_energy_range_uj``. One that cannot be read, stands still
    (a processor always draws something), jumps by more than its zone can draw, or was left so long that it
    may have wrapped unseen, makes a gap.

    Args:
        root: root of the file system.
        clock: time.
        stuck_after_s: a counter that does not move for longer is stuck.

    Raises:
        MeterUnavailable: there is no counter here, or none that this process may read.
    """

    name = "rapl"
    method = "measured"

    def __init__(self, root: Path, *, clock: Clock, stuck_after_s: float = 0.5) -> None:
        zones = find_zones(root)
        if not zones:
            raise MeterUnavailable(meter=self.name, why="this machine shows no processor energy counter")
        if not any(zone.readable for zone in zones):
            raise MeterUnavailable(
                meter=self.name, why="its counters may be read by the administrator only", how_to_grant=GRANT
            )
        self._clock = clock
        now_s = clock.monotonic_s()
        self._counters = {
            zone: EnergyCounter(
                now_s=now_s,
                raw_j=_read_raw_j(zone),
                limit_w=zone.limit_w,
                range_j=zone.range_j,
                period_s=COUNTER_PERIOD_S,
                stuck_after_s=stuck_after_s,
            )
            for zone in zones
        }

    @property
    def covers(self) -> str:
        """``package``, ``package+dram`` or ``psys``."""
        kinds = {zone.domain.split("-")[0] for zone in self._counters}
        return "+".join(sorted(kinds, reverse=True))

    def read(self) -> tuple[MeterReading, ...]:
        """Every zone's counter."""
        now_s, now_at = self._clock.monotonic_s(), self._clock.now_at()
        for zone, counter in self._counters.items():
            counter.advance(_read_raw_j(zone), now_s)
        return tuple(
            MeterReading(
                at=now_at,
                domain=zone.domain,
                counter_j=counter.counter_j,
                method=self.method,
                gap_s=counter.gap_s,
                part="host",
            )
            for zone, counter in self._counters.items()
        )

    def close(self) -> None:
        """Nothing is held: the counters are opened for each reading."""


def _read_raw_j(zone: RaplZone) -> float | None:
    raw_uj = _read_int(zone.folder / "energy_uj")
    return None if raw_uj is None else raw_uj / MICROJOULES_PER_J


def _read_int(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
