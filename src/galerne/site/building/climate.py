"""The weather of a place over a year, and the calendar that says how long each of its moments lasts.

Packaged places come as month-by-hour normals, small enough to ship and good for a year's energy: each hour
of the day in each month is a normal distribution of dry and of wet bulb, taken at equally likely quantiles.
Hot hours are taken as humid ones too: both bulbs sit at the same quantile. A user's own hours come from
``site.series``.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import io
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from galerne.catalog import ClimatePlace, packaged_text
from galerne.errors import InvalidFact
from galerne.units import HOUR_S, Numeric

N_QUANTILES = 15
DAYS_PER_MONTH = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.float64)
_COLUMNS = ("dry_bulb_c", "dry_bulb_spread_k", "wet_bulb_c", "wet_bulb_spread_k")
_N_WORST = 24
_WEEK = np.array([5.0, 2.0]) / 7.0  # working days and the rest

Hours: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Calendar:
    """The moments of a year, in local standard time: arrays of one shape ``(moments,)``.

    Attributes:
        month: 0 to 11.
        hour: 0 to 23.
        weekend: whether it is a Saturday or a Sunday.
        duration_s: how long each moment stands for; a year in all.
    """

    month: Counts
    hour: Counts
    weekend: npt.NDArray[np.bool_]
    duration_s: Hours


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Weather:
    """A year of weather, one value per moment of its calendar.

    Attributes:
        source: key of its source.
        hourly: whether each moment is one hour of one year, in order.
    """

    dry_bulb_c: Hours
    wet_bulb_c: Hours
    calendar: Calendar
    source: str
    hourly: bool = False


@functools.cache
def normal_calendar(n_quantiles: int = N_QUANTILES, *, week: bool = False) -> Calendar:
    """Months by hours by equally likely quantiles; with ``week``, working days and weekends apart."""
    kinds = len(_WEEK) if week else 1
    shape = (kinds, 12, 24, n_quantiles)
    kind, month, hour, _ = (axis.ravel() for axis in np.indices(shape))
    share = _WEEK[kind] if week else np.ones(kind.size)
    duration_s = DAYS_PER_MONTH[month] * share / n_quantiles * HOUR_S
    return Calendar(month=month, hour=hour, weekend=kind == 1, duration_s=duration_s)


def read_weather(place: ClimatePlace, *, week: bool = False, n_quantiles: int = N_QUANTILES) -> Weather:
    """The weather of a place from its normals.

    Args:
        place: where.
        week: whether working days and weekends are moments apart.
        n_quantiles: moments that each hour of a month stands for.

    Raises:
        InvalidFact: the file of normals is not twelve months of 24 hours.
    """
    normals, source = _read_normals(place.normals)
    z = np.array([NormalDist().inv_cdf((i + 0.5) / n_quantiles) for i in range(n_quantiles)])
    calendar = normal_calendar(n_quantiles, week=week)
    dry_bulb_c, wet_bulb_c = (
        (normals[f"{bulb}_bulb_c"] + normals[f"{bulb}_bulb_spread_k"] * z).ravel() for bulb in ("dry", "wet")
    )
    repeats = calendar.month.size // dry_bulb_c.size
    return Weather(
        dry_bulb_c=np.tile(dry_bulb_c, repeats),
        wet_bulb_c=np.tile(np.minimum(wet_bulb_c, dry_bulb_c), repeats),
        calendar=calendar,
        source=source,
    )


@functools.cache
def _read_normals(filename: str) -> tuple[dict[str, Hours], str]:
    rows = list(csv.DictReader(io.StringIO(packaged_text("climates", filename))))
    try:
        order = [(int(row["month"]), int(row["hour"])) for row in rows]
        table = {name: np.array([float(row[name]) for row in rows]) for name in _COLUMNS}
        sources = {row["source"] for row in rows}
    except (KeyError, ValueError) as error:
        raise InvalidFact(path=f"climates/{filename}", problem=str(error)) from error
    if order != [(month, hour) for month in range(1, 13) for hour in range(24)] or len(sources) != 1:
        raise InvalidFact(path=f"climates/{filename}", problem="needs 12 months of 24 hours in order")
    return {name: values.reshape(12, 24, 1) for name, values in table.items()}, sources.pop()


def worst_hours(weather: Weather) -> Weather:
    """The moments in which cooling may be hardest: the hottest and the dampest ones."""
    hardest = np.union1d(
        np.argsort(weather.dry_bulb_c)[-_N_WORST:], np.argsort(weather.wet_bulb_c)[-_N_WORST:]
    )
    return dataclasses.replace(
        weather, dry_bulb_c=weather.dry_bulb_c[hardest], wet_bulb_c=weather.wet_bulb_c[hardest]
    )


def year_sum(per_hour: Numeric, calendar: Calendar) -> Hours:
    """Sum over the year of what happens in an hour.

    Args:
        per_hour: shape ``(..., moments or 1)``, or one number for every moment.
        calendar: how long each moment stands for.

    Returns:
        Shape ``(..., 1)``.
    """
    values = np.atleast_1d(np.asarray(per_hour, dtype=np.float64))
    n_hours = calendar.duration_s / HOUR_S
    if values.shape[-1] == 1:
        return np.asarray(values * n_hours.sum())
    return np.asarray((values @ n_hours)[..., None])


def month_hour_mean(per_hour: Numeric, calendar: Calendar) -> Hours:
    """The mean day of each month, shape ``(12, 24)``.

    Args:
        per_hour: shape ``(moments or 1,)``.
        calendar: how long each moment stands for.
    """
    values = np.broadcast_to(np.asarray(per_hour, dtype=np.float64), calendar.duration_s.shape)
    cell = calendar.month * 24 + calendar.hour
    total = np.bincount(cell, weights=values * calendar.duration_s, minlength=288)
    return np.asarray((total / np.bincount(cell, weights=calendar.duration_s, minlength=288)).reshape(12, 24))
