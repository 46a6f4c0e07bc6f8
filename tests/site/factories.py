import functools
from pathlib import Path

import numpy as np

from galerne.catalog import default_catalog
from galerne.site import SitePlan, plan_site, read_scenario
from galerne.site.building.climate import Weather, normal_calendar
from galerne.site.building.cooling import CoolingPractice
from galerne.site.building.facility import GridFactors, Plant

EXAMPLE = (Path(__file__).parents[2] / "examples" / "essonne.toml").read_text(encoding="utf-8")
ESSONNE = EXAMPLE.replace("n_samples = 400", "n_samples = 60")
STAGES = ("busway", "ups-eco", "mv-transformer", "hv-transformer")
PRACTICE = CoolingPractice(
    fan_turndown_ratio=0.3,
    air_rise_k=12.0,
    chiller_slope_per_k=0.025,
    chiller_lift_k=15.0,
    cycles_of_concentration=5.0,
    vaporisation_j_per_l=2.45e6,
)
GRID = GridFactors(g_per_kwh=41.4, l_per_kwh=3.67, eur_per_kwh=0.08)


def changed(**lines: str) -> str:
    """The Essonne scenario with the values of some keys replaced, by key."""
    text = ESSONNE
    for key, value in lines.items():
        before = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
        text = text.replace(before, f"{key} = {value}", 1)
    return text


@functools.cache
def plan_of(text: str = ESSONNE) -> SitePlan:
    return plan_site(read_scenario(text), catalog=default_catalog())


def plant(cooling: str = "direct-to-chip-dry") -> Plant:
    catalog = default_catalog()
    return Plant(
        stages=tuple(catalog.power_stages[name] for name in STAGES),
        installed_ratio=1.25,
        cooling=catalog.cooling_plants[cooling],
        practice=PRACTICE,
        auxiliary_ratio=0.0075,
    )


def steady_weather(dry_bulb_c: float, wet_bulb_c: float | None = None) -> Weather:
    wet_bulb_c = dry_bulb_c - 3.0 if wet_bulb_c is None else wet_bulb_c
    calendar = normal_calendar(1)
    shape = calendar.duration_s.shape
    return Weather(
        dry_bulb_c=np.full(shape, dry_bulb_c),
        wet_bulb_c=np.full(shape, wet_bulb_c),
        calendar=calendar,
        source="rt2012-climate",
    )
