"""A year of hours as a file: what a plan would take of a place, for a user to put measured columns in."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

from galerne.catalog import Catalog
from galerne.site.building.climate import read_weather
from galerne.site.scenario.series import HOURS_PER_YEAR

_DIGITS = {"dry_bulb_c": 2, "wet_bulb_c": 2, "eur_per_kwh": 4, "g_per_kwh": 1}


def hours_to_csv(catalog: Catalog, place_id: str, *, year: int) -> str:
    """Every hour of a year in local standard time, as ``[series]`` reads it; 29 February is left out.

    Weather is the normal of the hour and month; price and carbon are the zone's of the year, the same in
    every hour until somebody puts their own in. A zone without a price has no column of prices.

    Args:
        catalog: where the place is.
        place_id: of a place.
        year: calendar year of the instants.

    Raises:
        UnknownId: there is no such place.
    """
    place = catalog.places[place_id]
    zone = catalog.zones[place.zone_id]
    weather = read_weather(place, n_quantiles=1)
    dry_c, wet_c = (values.reshape(12, 24) for values in (weather.dry_bulb_c, weather.wet_bulb_c))
    known = {"eur_per_kwh": zone.eur_per_kwh, "g_per_kwh": zone.g_per_kwh}
    grid = {name: value for name, value in known.items() if value is not None}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["at", "dry_bulb_c", "wet_bulb_c", *grid])
    at = datetime(year, 1, 1)
    for _ in range(HOURS_PER_YEAR):
        if (at.month, at.day) == (2, 29):
            at += timedelta(days=1)
        values = {
            "dry_bulb_c": dry_c[at.month - 1, at.hour],
            "wet_bulb_c": wet_c[at.month - 1, at.hour],
            **grid,
        }
        cells = [f"{value:.{_DIGITS[name]}f}" for name, value in values.items()]
        writer.writerow([at.isoformat(timespec="minutes"), *cells])
        at += timedelta(hours=1)
    return text.getvalue()
