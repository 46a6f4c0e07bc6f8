"""What is known of a place: its climate, how long cooling is free, its grid, what building costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galerne.catalog import Catalog, ClimatePlace, Source, ZoneFactor
from galerne.grid import direct_profile
from galerne.site.building.climate import DAYS_PER_MONTH, Hours, Weather, month_hour_mean, read_weather
from galerne.site.building.connection import find_lead
from galerne.spread import Spread
from galerne.units import HOUR_S

SUPPLIES_C = (17.0, 27.0, 32.0, 40.0, 45.0)
"""Supply temperatures that dry coolers are tried at: the liquid classes of the trade."""
APPROACH_K = 8.0
"""By how much the outside must be colder for a dry cooler to carry all heat."""
_RARE_RATIO = 0.004  # of the year, for the design temperatures


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PlaceProfile:
    """A place as a planner sees it.

    Attributes:
        monthly_dry_bulb_c: mean of each month, January first; ``monthly_wet_bulb_c`` likewise.
        design_dry_bulb_c: exceeded in 0.4 % of the year; ``design_wet_bulb_c`` likewise.
        free_cooling_s: time in a year in which a dry cooler carries all heat, by its supply temperature.
        direct_air_s: time in a year in which outside air of at most 27 °C does.
        direct_g_per_kwh: mean of the year at the chimneys; None where it is not known by hour.
        build_usd_per_w: build cost of its market, or of the nearest one.
        lead_years: from the order of a connection in its country to its power; None where nothing is known.
        sources: by what they tell.
    """

    place: ClimatePlace
    zone: ZoneFactor
    monthly_dry_bulb_c: tuple[float, ...]
    monthly_wet_bulb_c: tuple[float, ...]
    mean_dry_bulb_c: float
    mean_wet_bulb_c: float
    design_dry_bulb_c: float
    design_wet_bulb_c: float
    free_cooling_s: Mapping[float, float]
    direct_air_s: float
    direct_g_per_kwh: float | None
    build_usd_per_w: float
    lead_years: Spread | None
    sources: Mapping[str, Source]


def profile_place(catalog: Catalog, place_id: str) -> PlaceProfile:
    """The profile of a place.

    Raises:
        UnknownId: there is no such place.
    """
    place = catalog.places[place_id]
    zone = catalog.zones[place.zone_id]
    weather = read_weather(place)
    build_cost = catalog.facts[place.build_cost_id]
    direct = direct_profile(zone.id)
    dry, wet = (_months(weather, bulb_c) for bulb_c in (weather.dry_bulb_c, weather.wet_bulb_c))
    sources = {
        "climate": catalog.source_of(place, "normals"),
        **{field: catalog.source_of(zone, field) for field in ("g_per_kwh", "l_per_kwh", "eur_per_kwh")},
        "build_usd_per_w": catalog.source_of(build_cost, "value"),
    }
    lead = find_lead(catalog, zone)
    if lead is not None:
        sources["lead_years"] = catalog.source_of(lead, "value")
    if direct is not None:
        sources["direct_g_per_kwh"] = catalog.sources[direct.source]
    return PlaceProfile(
        place=place,
        zone=zone,
        monthly_dry_bulb_c=tuple(dry.tolist()),
        monthly_wet_bulb_c=tuple(wet.tolist()),
        mean_dry_bulb_c=_year_mean(dry),
        mean_wet_bulb_c=_year_mean(wet),
        design_dry_bulb_c=_exceeded(weather, weather.dry_bulb_c),
        design_wet_bulb_c=_exceeded(weather, weather.wet_bulb_c),
        free_cooling_s={
            supply_c: _time_s(weather, weather.dry_bulb_c + APPROACH_K <= supply_c) for supply_c in SUPPLIES_C
        },
        direct_air_s=_time_s(weather, weather.dry_bulb_c <= 27.0),
        direct_g_per_kwh=None if direct is None else _direct_mean(direct.g_per_kwh_by_hour),
        build_usd_per_w=build_cost.value,
        lead_years=None if lead is None else lead.spread.get("value"),
        sources=sources,
    )


def profile_to_json(profile: PlaceProfile) -> dict[str, Any]:
    """The profile as plain values; times in seconds."""
    plain = {
        f.name: getattr(profile, f.name)
        for f in dataclasses.fields(profile)
        if f.name not in ("place", "zone", "sources", "free_cooling_s")
    }
    return {
        "place": profile.place.id,
        "name": profile.place.name,
        "altitude_m": profile.place.altitude_m,
        "zone": profile.zone.id,
        "g_per_kwh": profile.zone.g_per_kwh,
        "l_per_kwh": profile.zone.l_per_kwh,
        "eur_per_kwh": profile.zone.eur_per_kwh,
        **plain,
        "lead_years": None if profile.lead_years is None else dataclasses.asdict(profile.lead_years),
        "free_cooling_s": {f"{supply_c:g}": time_s for supply_c, time_s in profile.free_cooling_s.items()},
        "sources": {name: dataclasses.asdict(source) for name, source in profile.sources.items()},
    }


def _months(weather: Weather, values: Hours) -> Hours:
    return np.asarray(month_hour_mean(values, weather.calendar).mean(axis=1))


def _year_mean(months: Hours) -> float:
    return float(months @ DAYS_PER_MONTH / DAYS_PER_MONTH.sum())


def _time_s(weather: Weather, is_so: npt.NDArray[np.bool_]) -> float:
    return float(weather.calendar.duration_s[is_so].sum())


def _exceeded(weather: Weather, values: Hours) -> float:
    """What is exceeded in a rare share of the year."""
    order = np.argsort(values)[::-1]
    above_s = np.cumsum(weather.calendar.duration_s[order])
    return float(values[order][np.searchsorted(above_s, _RARE_RATIO * 8760 * HOUR_S)])


def _direct_mean(by_hour: Mapping[tuple[int, int], float]) -> float:
    months = np.array([np.mean([by_hour[month, hour] for hour in range(24)]) for month in range(1, 13)])
    return _year_mean(months)
