"""Make the month-by-hour climate normals of the catalogue from hourly weather.

Reads a table of hourly dry-bulb temperature and relative humidity (one pair of columns per place, 8,760
hours of local standard time) and `places.csv` beside this file. Writes one small CSV per place and the
catalogue's `places.csv`, and reports how far free-cooling hours from the normals stay from those of the
full hourly year: the price of shipping 288 rows instead of 8,760. With the files of November 2026 that price
was at most 161 hours at one threshold, and a year's PUE within 0.003 and WUE within 0.012 L/kWh of those of
the full year, over all places and all cooling plants of the catalogue.

Run in an environment of its own:

    pip install pandas pyarrow psychrolib
    python recipes/climate/make_normals.py climates_hourly.parquet src/galerne/catalog/data
"""

from __future__ import annotations

import argparse
import csv
import functools
import itertools
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd
import psychrolib

LAPSE_C_PER_M = 0.006  # mean fall of temperature with height, applied where the source gives sea level
DAYS_PER_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
N_QUANTILES = 15  # as galerne.site.building.climate does
THRESHOLDS = (("dry", 9.0), ("dry", 19.0), ("dry", 24.0), ("dry", 32.0), ("wet", 10.0), ("wet", 20.0))

Array = npt.NDArray[np.float64]


@functools.cache
def _wet_bulb_c(dry_c: float, humidity_ratio: float, pressure_pa: float) -> float:
    return float(psychrolib.GetTWetBulbFromRelHum(dry_c, max(humidity_ratio, 0.01), pressure_pa))


def read_year(table: pd.DataFrame, place: dict[str, str]) -> tuple[Array, Array]:
    """Hourly dry and wet bulb at the place's own height, in degrees Celsius, shape (8760,)."""
    rise_m = float(place["altitude_m"]) - float(place["source_altitude_m"])
    dry = table[f"{place['column']}_dry_bulb_c"].to_numpy(float) - LAPSE_C_PER_M * rise_m
    humidity = table[f"{place['column']}_rh_ratio"].to_numpy(float)
    pressure_pa = float(psychrolib.GetStandardAtmPressure(float(place["altitude_m"])))
    pairs = zip(np.round(dry, 1), np.round(humidity, 2), strict=True)
    wet = np.array([_wet_bulb_c(float(d), float(h), pressure_pa) for d, h in pairs])
    return dry, np.minimum(wet, dry)


def normals(series: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each hour of the day in each month, shape (12, 24)."""
    days = series.reshape(365, 24)
    bounds = np.cumsum((0, *DAYS_PER_MONTH))
    months = [days[a:b] for a, b in itertools.pairwise(bounds)]
    return np.stack([m.mean(axis=0) for m in months]), np.stack([m.std(axis=0) for m in months])


def hours_below(mean: Array, spread: Array, threshold_c: float) -> float:
    """Hours of the year at or below a temperature, from the normals."""
    z = [NormalDist().inv_cdf((i + 0.5) / N_QUANTILES) for i in range(N_QUANTILES)]
    values = mean[..., None] + spread[..., None] * np.array(z)
    return float(((values <= threshold_c).mean(axis=-1).sum(axis=1) * np.array(DAYS_PER_MONTH)).sum())


def write_normals(path: Path, dry: tuple[Array, Array], wet: tuple[Array, Array], source: str) -> None:
    """One row per month and hour of local standard time."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ("month", "hour", "dry_bulb_c", "dry_bulb_spread_k", "wet_bulb_c", "wet_bulb_spread_k", "source")
        )
        for month in range(12):
            for hour in range(24):
                cells = (dry[0], dry[1], wet[0], wet[1])
                writer.writerow((month + 1, hour, *(f"{c[month, hour]:.1f}" for c in cells), source))


def main() -> None:
    """Write every place's normals and print the error of each against its hourly year."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("hourly", type=Path)
    parser.add_argument("catalogue_data", type=Path)
    arguments = parser.parse_args()
    psychrolib.SetUnitSystem(psychrolib.SI)
    table = pd.read_parquet(arguments.hourly)
    places = list(csv.DictReader((Path(__file__).parent / "places.csv").open(encoding="utf-8")))
    folder = arguments.catalogue_data / "climates"
    folder.mkdir(exist_ok=True)
    print("hours at or below, full year (normals - full):", THRESHOLDS)
    worst = 0.0
    for place in places:
        dry, wet = read_year(table, place)
        normal = {"dry": normals(dry), "wet": normals(wet)}
        write_normals(folder / f"{place['id']}.csv", normal["dry"], normal["wet"], place["source"])
        full = [float((({"dry": dry, "wet": wet}[kind]) <= limit).sum()) for kind, limit in THRESHOLDS]
        made = [hours_below(*normal[kind], limit) for kind, limit in THRESHOLDS]
        worst = max(worst, *(abs(m - f) for m, f in zip(made, full, strict=True)))
        cells = "  ".join(f"{f:5.0f} ({m - f:+4.0f})" for m, f in zip(made, full, strict=True))
        print(f"{place['id']:14s} {cells}")
    print(f"largest difference: {worst:.0f} h of 8760")
    write_places(arguments.catalogue_data / "places.csv", places)


def write_places(path: Path, places: list[dict[str, str]]) -> None:
    """The catalogue's table of places."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("id", "name", "zone_id", "latitude", "longitude", "altitude_m", "normals", "source"))
        for row in places:
            columns = ("id", "name", "zone_id", "latitude", "longitude", "altitude_m")
            writer.writerow((*(row[name] for name in columns), f"{row['id']}.csv", row["source"]))


if __name__ == "__main__":
    main()
