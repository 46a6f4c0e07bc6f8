"""Month and hour in the electricity of a zone: direct emissions, month by hour UTC."""

from __future__ import annotations

import calendar
import csv
import functools
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from galerne.catalog import Catalog, packaged_text
from galerne.errors import InvalidFact

_TABLES = {"FR": (2025, "fr_direct_month_hour_2025.csv")}


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectProfile:
    """Mean direct emissions of the electricity consumed in a zone, by month and hour of one year.

    Attributes:
        g_per_kwh_by_hour: by month (1 to 12) and hour UTC (0 to 23).
        source: key of the source.
    """

    zone: str
    year: int
    g_per_kwh_by_hour: Mapping[tuple[int, int], float]
    source: str

    def direct_g_per_kwh(self, at: float) -> float:
        """The mean of that month and hour; the instant is UTC, whatever its year."""
        instant = datetime.fromtimestamp(at, tz=UTC)
        return self.g_per_kwh_by_hour[instant.month, instant.hour]

    @property
    def mean_g_per_kwh(self) -> float:
        """The mean of the year: each month weighs as many days as it has."""
        n_days = {month: calendar.monthrange(self.year, month)[1] for month in range(1, 13)}
        weighed = sum(value * n_days[month] for (month, _), value in self.g_per_kwh_by_hour.items())
        return weighed / (24 * sum(n_days.values()))


def read_profile(text: str, *, zone: str, year: int, origin: str) -> DirectProfile:
    """Read a month-by-hour table: CSV with ``month, hour_utc, direct_g_per_kwh, source``.

    Raises:
        InvalidFact: a cell is not a number, an hour is missing, or the sources differ.
    """
    cells: dict[tuple[int, int], float] = {}
    sources: set[str] = set()
    for line, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        try:
            value = float(row["direct_g_per_kwh"])
            cells[int(row["month"]), int(row["hour_utc"])] = value
            sources.add(row["source"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidFact(path=f"{origin}:{line}", problem=f"not a row of a profile: {error}") from error
        if not (math.isfinite(value) and value >= 0):
            raise InvalidFact(path=f"{origin}:{line}", problem=f"not an intensity: {value}")
    missing = {(month, hour) for month in range(1, 13) for hour in range(24)} ^ cells.keys()
    if missing:
        raise InvalidFact(path=origin, problem=f"{len(missing)} hours missing or in excess: {min(missing)}")
    if len(sources) != 1 or not all(sources):
        raise InvalidFact(path=origin, problem="a profile has one source for all its cells")
    return DirectProfile(zone=zone, year=year, g_per_kwh_by_hour=cells, source=sources.pop())


@functools.cache
def direct_profile(zone: str) -> DirectProfile | None:
    """The packaged profile of a zone, by its id; ``None`` where there is none."""
    if zone not in _TABLES:
        return None
    year, filename = _TABLES[zone]
    return read_profile(packaged_text(filename), zone=zone, year=year, origin=filename)


def direct_profile_g_per_kwh(zone: str, at: float) -> float | None:
    """Direct emissions of a zone's electricity at that month and hour, from a past year.

    Args:
        zone: id of the zone.
        at: instant, UTC.

    Valid for: showing the shape of the day; receipts use the life-cycle figure.
    Sources: rte-odre-hourly
    """
    profile = direct_profile(zone)
    return profile.direct_g_per_kwh(at) if profile else None


PROFILE_SOURCE = "galerne-lifecycle-profile"
"""Source key of a life-cycle figure shaped by the hour."""


def lifecycle_profile_g_per_kwh(catalog: Catalog, zone: str, at: float) -> float | None:
    """The yearly life-cycle figure of a zone, shaped by month and hour; None where no shape is known.

        g(t) = direct(t) + (lifecycle of the year - mean direct of the year)

    What mining, building and dismantling add is taken as the same at every hour, so that the mean over the
    year stays the yearly figure.

    Args:
        catalog: has the yearly figure.
        zone: id of the zone.
        at: instant, UTC.

    Sources: galerne-lifecycle-profile
    """
    profile = direct_profile(zone)
    if profile is None:
        return None
    upstream_g_per_kwh = max(0.0, catalog.zones[zone].g_per_kwh - profile.mean_g_per_kwh)
    return profile.direct_g_per_kwh(at) + upstream_g_per_kwh
