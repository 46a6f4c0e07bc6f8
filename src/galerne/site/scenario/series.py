"""The user's own hours: weather from an EPW or CSV file, prices and carbon from CSV, checked row by row.

A year has 8,760 hours in local standard time; 29 February is left out. A fault names the file and its row.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from galerne.errors import InvalidScenario
from galerne.site.building.climate import Calendar, Hours, Weather
from galerne.site.building.psychrometrics import wet_bulb_stull2011_c
from galerne.site.scenario.records import Series
from galerne.units import HOUR_S

HOURS_PER_YEAR = 8760
_PER_MWH = 1e-3
_EPW_HEADER_ROWS = 8
_EPW_COLUMNS = {"dry_bulb_c": 6, "humidity_percent": 8}
_LIMITS: Mapping[str, tuple[float, float]] = {
    "dry_bulb_c": (-60.0, 60.0),
    "wet_bulb_c": (-60.0, 40.0),
    "humidity_ratio": (0.0, 1.05),
    "humidity_percent": (0.0, 110.0),
    "eur_per_kwh": (-1.0, 10.0),
    "eur_per_mwh": (-1000.0, 10000.0),
    "g_per_kwh": (0.0, 2000.0),
}
"""What a value can be; outside, it is a fault or another unit."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Hourly:
    """The user's own hours of one year; None where the scenario names no file."""

    weather: Weather | None = None
    price_eur_per_kwh: Hours | None = None
    g_per_kwh: Hours | None = None
    calendar: Calendar | None = None

    @property
    def has_grid(self) -> bool:
        """Whether price or carbon is known by the hour."""
        return self.price_eur_per_kwh is not None or self.g_per_kwh is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class HourRow:
    """One row of a file of hours."""

    number: int
    at: datetime
    cells: Mapping[str, float]


def read_hourly(series: Series | None, *, folder: Path) -> Hourly:
    """Read the files that a scenario names.

    Args:
        series: which files.
        folder: where they are: that of the scenario.

    Raises:
        InvalidScenario: a file cannot be read, or a row of it is not possible; names the row.
    """
    if series is None:
        return Hourly()
    offset = timezone(timedelta(hours=series.standard_offset))
    weather = _read_weather(folder / series.weather, offset) if series.weather else None
    prices = (
        _read_values(folder / series.prices, offset, {"eur_per_kwh": 1.0, "eur_per_mwh": _PER_MWH})
        if series.prices
        else None
    )
    carbon = _read_values(folder / series.carbon, offset, {"g_per_kwh": 1.0}) if series.carbon else None
    years = {rows[0].at.year for rows in (prices and prices[1], carbon and carbon[1]) if rows}
    if len(years) > 1:
        problem = f"prices and carbon are of different years: {sorted(years)}"
        raise InvalidScenario(path="series", problem=problem)
    calendar = weather.calendar if weather else None
    grid = prices or carbon
    if grid is not None:
        calendar = _calendar(grid[1])
        weather = dataclasses.replace(weather, calendar=calendar) if weather else None
    return Hourly(
        weather=weather,
        price_eur_per_kwh=prices[0] if prices else None,
        g_per_kwh=carbon[0] if carbon else None,
        calendar=calendar,
    )


def on_calendar(values: Hours | None, calendar: Calendar | None, weather: Weather) -> Hours | None:
    """Hours of a year on the calendar of the weather.

    Beside hourly weather they are taken hour by hour; beside normals, as the mean of each month, hour and
    kind of day: what price and cooling load share within such a cell is lost.
    """
    if values is None or calendar is None:
        return None
    if weather.hourly:
        return values

    def cell(calendar: Calendar) -> Hours:
        return np.asarray((calendar.weekend * 12 + calendar.month) * 24 + calendar.hour)

    counts = np.maximum(1, np.bincount(cell(calendar), minlength=576))
    means = np.bincount(cell(calendar), weights=values, minlength=576) / counts
    return np.asarray(means[cell(weather.calendar)])


def _read_weather(path: Path, offset: timezone) -> Weather:
    if path.suffix.lower() == ".epw":
        rows = _whole_year(list(_epw_rows(path)), path, same_year=False)
    else:
        rows = _whole_year(list(_csv_rows(path, ("dry_bulb_c",), offset)), path)
    dry_bulb_c = _column(rows, "dry_bulb_c")
    if "wet_bulb_c" in rows[0].cells:
        wet_bulb_c = _column(rows, "wet_bulb_c")
        above = np.flatnonzero(wet_bulb_c > dry_bulb_c + 0.5)
        if above.size:
            raise _fault(
                path, rows[above[0]].number, "the wet bulb is above the dry bulb: columns exchanged?"
            )
    elif "humidity_ratio" in rows[0].cells:
        wet_bulb_c = wet_bulb_stull2011_c(dry_bulb_c, _column(rows, "humidity_ratio"))
    elif "humidity_percent" in rows[0].cells:
        wet_bulb_c = wet_bulb_stull2011_c(dry_bulb_c, _column(rows, "humidity_percent") / 100.0)
    else:
        raise _fault(path, 1, "weather needs wet_bulb_c or humidity_ratio beside dry_bulb_c")
    return Weather(
        dry_bulb_c=dry_bulb_c,
        wet_bulb_c=np.minimum(wet_bulb_c, dry_bulb_c),
        calendar=_calendar(rows),
        source="scenario",
        hourly=True,
    )


def _read_values(path: Path, offset: timezone, units: Mapping[str, float]) -> tuple[Hours, list[HourRow]]:
    rows = _whole_year(list(_csv_rows(path, tuple(units), offset)), path)
    name = next(name for name in units if name in rows[0].cells)
    return _column(rows, name) * units[name], rows


def _column(rows: list[HourRow], name: str) -> Hours:
    return np.array([row.cells[name] for row in rows])


def _csv_rows(path: Path, one_of: tuple[str, ...], offset: timezone) -> Iterator[HourRow]:
    reader = csv.DictReader(io.StringIO(_text(path)))
    columns = reader.fieldnames or []
    if "at" not in columns or not set(one_of) & set(columns):
        wanted = " or ".join(one_of)
        raise _fault(path, 1, f"needs the columns at and {wanted}; found {', '.join(columns) or 'none'}")
    known = [name for name in columns if name in _LIMITS]
    for cells in reader:
        number = reader.line_num
        at = _instant(cells["at"], path, number)
        local = at.astimezone(offset).replace(tzinfo=None) if at.tzinfo else at
        yield HourRow(number=number, at=local, cells=_numbers(cells, known, path, number))


def _instant(text: str | None, path: Path, number: int) -> datetime:
    try:
        at = datetime.fromisoformat((text or "").strip())
    except ValueError:
        problem = f"{text!r} is not an instant such as 2025-03-30T14:00 or 2025-03-30T14:00+02:00"
        raise _fault(path, number, problem) from None
    if at.minute or at.second:
        raise _fault(path, number, f"{text} is not a whole hour")
    return at


def _epw_rows(path: Path) -> Iterator[HourRow]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if number <= _EPW_HEADER_ROWS or not line.strip():
            continue
        cells = line.split(",")
        try:
            # an EPW hour runs from 1 to 24 and names its end
            at = datetime(2001, int(cells[1]), int(cells[2])) + timedelta(hours=int(cells[3]) - 1)
        except (IndexError, ValueError):
            if cells[1:3] == ["2", "29"]:
                continue
            raise _fault(path, number, "is not an hour of an EPW file") from None
        named = {name: cells[column] for name, column in _EPW_COLUMNS.items() if column < len(cells)}
        yield HourRow(number=number, at=at, cells=_numbers(named, list(_EPW_COLUMNS), path, number))


def _numbers(cells: Mapping[str, str], names: list[str], path: Path, number: int) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name in names:
        try:
            value = float(cells[name])
        except (KeyError, TypeError, ValueError):
            raise _fault(path, number, f"{name} is not a number: {cells.get(name)!r}") from None
        low, high = _LIMITS[name]
        if not (math.isfinite(value) and low <= value <= high):
            hint = _unit_hint(name, value)
            raise _fault(path, number, f"{name} is {value:g}, not between {low:g} and {high:g}{hint}")
        numbers[name] = value
    return numbers


def _unit_hint(name: str, value: float) -> str:
    hints: Mapping[str, Callable[[], str]] = {
        "eur_per_kwh": lambda: "; if it is EUR/MWh, call the column eur_per_mwh",
        "humidity_ratio": lambda: "; humidity is a ratio, 0 to 1",
        "dry_bulb_c": lambda: "; kelvin?" if value > 200 else "; Fahrenheit?",
    }
    return hints[name]() if name in hints else ""


def _whole_year(rows: list[HourRow], path: Path, *, same_year: bool = True) -> list[HourRow]:
    """Every hour of a year once and in order, without 29 February."""
    rows = [row for row in rows if (row.at.month, row.at.day) != (2, 29)]
    if not rows:
        raise _fault(path, 1, "has no hours")
    if same_year and rows[0].at.year != rows[-1].at.year:
        # hours told in UTC begin or end in a neighbouring year of local time
        year = rows[len(rows) // 2].at.year
        rows = sorted((_moved(row, year) for row in rows), key=lambda row: row.at)
    for before, row in itertools.pairwise(rows):
        step = row.at - before.at
        if (before.at.month, before.at.day, before.at.hour) == (2, 28, 23) and step > timedelta(hours=1):
            step -= timedelta(days=1)
        if step == timedelta(hours=1):
            continue
        raise _fault(path, row.number, _why(before, row, step))
    first, last = rows[0].at, rows[-1].at
    if (first.month, first.day, first.hour) != (1, 1, 0) or (last.month, last.day, last.hour) != (12, 31, 23):
        problem = f"the hours run from {first:%d %B %H:00} to {last:%d %B %H:00}, not over a whole year"
        raise _fault(path, rows[0].number, f"{problem} of {HOURS_PER_YEAR} hours")
    return rows


def _moved(row: HourRow, year: int) -> HourRow:
    return HourRow(number=row.number, at=row.at.replace(year=year), cells=row.cells)


def _why(before: HourRow, row: HourRow, step: timedelta) -> str:
    n_hours = step.total_seconds() / HOUR_S
    summer = before.at.month in (3, 4, 9, 10, 11) and abs(n_hours) in (0.0, 2.0)
    advice = (
        "; this looks like summer time: give instants with their offset, such as +02:00" if summer else ""
    )
    if n_hours == 0:
        return f"the hour {row.at:%d %B %H:00} is there twice (also in row {before.number}){advice}"
    if n_hours < 0:
        return f"{row.at:%d %B %H:00} comes after {before.at:%d %B %H:00} (row {before.number})"
    return f"{n_hours - 1:.0f} hours are missing before {row.at:%d %B %H:00}{advice}"


def _calendar(rows: list[HourRow]) -> Calendar:
    return Calendar(
        month=np.array([row.at.month - 1 for row in rows]),
        hour=np.array([row.at.hour for row in rows]),
        weekend=np.array([row.at.replace(tzinfo=UTC).weekday() >= 5 for row in rows]),
        duration_s=np.full(len(rows), HOUR_S),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidScenario(path=str(path), problem=str(error)) from error


def _fault(path: Path, row: int, problem: str) -> InvalidScenario:
    return InvalidScenario(path=f"{path.name}:{row}", problem=problem)
