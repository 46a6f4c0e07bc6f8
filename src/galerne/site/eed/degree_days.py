"""Cooling degree days of a place, as Eurostat counts them."""

from __future__ import annotations

import numpy as np

from galerne.site.building.climate import DAYS_PER_MONTH, Weather

THRESHOLD_C = 24.0
BASE_C = 21.0


def cooling_degree_days(weather: Weather) -> float:
    """Degree days of cooling of a year, in K·d.

        CDD = Σ over days of (mean − 21) where the day's mean is at least 24 °C

    Beside normals a day is the hours of one quantile of its month.

    Sources: eurostat-degree-days
    """
    dry_bulb_c = weather.dry_bulb_c
    if weather.hourly:
        means_c = dry_bulb_c.reshape(-1, 24).mean(axis=1)
        n_days = np.ones_like(means_c)
    else:
        # working days and weekends of normals are the same weather: the first kind stands for both
        per_quantile = dry_bulb_c[: _one_kind(weather)].reshape(12, 24, -1)
        means_c = per_quantile.mean(axis=1).ravel()
        n_days = np.repeat(DAYS_PER_MONTH / per_quantile.shape[2], per_quantile.shape[2])
    return float(np.sum(n_days * np.where(means_c >= THRESHOLD_C, means_c - BASE_C, 0.0)))


def _one_kind(weather: Weather) -> int:
    """Moments of one kind of day."""
    size = weather.dry_bulb_c.size
    return size // 2 if bool(np.any(weather.calendar.weekend)) else size
