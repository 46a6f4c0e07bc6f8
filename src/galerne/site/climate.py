"""The weather of a place as month-by-hour distributions: small enough to ship, good for a year's energy.

Each hour of the day in each month is a normal distribution of dry and of wet bulb; formulas are evaluated at
equally likely quantiles of it. Hot hours are taken as humid ones too: both bulbs sit at the same quantile.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from galerne.catalog import ClimatePlace, packaged_text
from galerne.errors import InvalidFact
from galerne.units import Numeric

N_QUANTILES = 15
DAYS_PER_MONTH = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.float64)
_COLUMNS = ("dry_bulb_c", "dry_bulb_spread_k", "wet_bulb_c", "wet_bulb_spread_k")

Hours: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Weather:
    """A year of weather: arrays of shape (12 months, 24 hours of local standard time, quantiles).

    Attributes:
        source: key of the source of the normals.
    """

    dry_bulb_c: Hours
    wet_bulb_c: Hours
    source: str


def read_weather(place: ClimatePlace) -> Weather:
    """The weather of a place from its normals.

    Raises:
        InvalidFact: the file of normals is not twelve months of 24 hours.
    """
    rows = list(csv.DictReader(io.StringIO(packaged_text("climates", place.normals))))
    try:
        order = [(int(row["month"]), int(row["hour"])) for row in rows]
        table = {name: np.array([float(row[name]) for row in rows]) for name in _COLUMNS}
        sources = {row["source"] for row in rows}
    except (KeyError, ValueError) as error:
        raise InvalidFact(path=f"climates/{place.normals}", problem=str(error)) from error
    if order != [(month, hour) for month in range(1, 13) for hour in range(24)] or len(sources) != 1:
        raise InvalidFact(path=f"climates/{place.normals}", problem="needs 12 months of 24 hours in order")
    normals = {name: values.reshape(12, 24, 1) for name, values in table.items()}
    z = np.array([NormalDist().inv_cdf((i + 0.5) / N_QUANTILES) for i in range(N_QUANTILES)])
    dry_bulb_c = normals["dry_bulb_c"] + normals["dry_bulb_spread_k"] * z
    wet_bulb_c = normals["wet_bulb_c"] + normals["wet_bulb_spread_k"] * z
    return Weather(dry_bulb_c=dry_bulb_c, wet_bulb_c=np.minimum(wet_bulb_c, dry_bulb_c), source=sources.pop())


def year_sum(per_hour: Numeric) -> Hours:
    """Sum over the year of what happens in an hour.

    Args:
        per_hour: shape ``(..., 12 or 1, 24 or 1, quantiles or 1)``, or one number for every hour.

    Returns:
        Shape ``(..., 1, 1, 1)``.
    """
    mean_day = day_mean(per_hour)
    return np.asarray((mean_day * DAYS_PER_MONTH[:, None, None]).sum(axis=(-3, -2), keepdims=True))


def month_sum(per_hour: Numeric) -> Hours:
    """Sum of a mean day's hours, by month: shape ``(..., 12)``."""
    return np.asarray(day_mean(per_hour)[..., 0].sum(axis=-1))


def day_mean(per_hour: Numeric) -> Hours:
    """The mean day of each month: quantiles averaged, shape ``(..., 12, 24, 1)``."""
    array = np.asarray(per_hour, dtype=np.float64)
    array = array.reshape((1,) * (3 - array.ndim) + array.shape)
    mean = array.mean(axis=-1, keepdims=True)
    return np.asarray(np.broadcast_to(mean, (*mean.shape[:-3], 12, 24, 1)))
