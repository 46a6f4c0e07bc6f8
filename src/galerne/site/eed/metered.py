"""A year of meters from a file: a row per period and quantity, checked row by row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from galerne.errors import InvalidScenario
from galerne.units import HOUR_S

QUANTITIES: Mapping[str, tuple[str, float]] = {
    "e_dc_kwh": ("E_DC", 1.0),
    "e_dc_bg_kwh": ("E_DC_BG", 1.0),
    "e_it_kwh": ("E_IT", 1.0),
    "e_cool_kwh": ("E_COOL", 1.0),
    "q_cool_kwh": ("Q_COOL", 1.0),
    "w_in_m3": ("W_IN", 1.0),
    "w_in_pot_m3": ("W_IN_POT", 1.0),
    "w_in_fre_m3": ("W_IN_FRE", 1.0),
    "e_reuse_kwh": ("E_REUSE", 1.0),
    "e_res_os_kwh": ("E_RES_OS", 1.0),
}
"""Columns of a file of meters: what each is and what makes it the indicator's unit."""
_KWH_PER_KWH = 1.02  # rounding of two meters against each other


@dataclass(frozen=True, kw_only=True, slots=True)
class MeteredQuantity:
    """A year's total in the unit of its indicator."""

    value: float
    method: str
    completeness_ratio: float
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Metered:
    """What is known of a year, by symbol."""

    year: int
    basis: str
    quantities: Mapping[str, MeteredQuantity]


def read_metered(path: Path, *, year: int) -> Metered:
    """Read a file of meters: ``from`` and ``to`` of each period (ISO instants) and columns of ``QUANTITIES``.

    Raises:
        InvalidScenario: the file cannot be read, or a row of it is not possible; names the row.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidScenario(path=str(path), problem=str(error)) from error
    reader = csv.DictReader(io.StringIO(text))
    columns = [name for name in reader.fieldnames or [] if name in QUANTITIES]
    if not columns or not {"from", "to"} <= set(reader.fieldnames or []):
        problem = f"needs the columns from, to and some of {', '.join(QUANTITIES)}"
        raise _fault(path, 1, problem)
    totals = dict.fromkeys(columns, 0.0)
    covered_s = dict.fromkeys(columns, 0.0)
    end: datetime | None = None
    for row in reader:
        start, stop = (_instant(row[name], path, reader.line_num) for name in ("from", "to"))
        if not start < stop:
            raise _fault(path, reader.line_num, f"the period ends at {stop} and begins at {start}")
        if end is not None and start < end:
            raise _fault(path, reader.line_num, f"the period begins at {start}, within the one before")
        if start.year != year or (stop - timedelta(seconds=1)).year != year:
            raise _fault(path, reader.line_num, f"the period is not within {year}")
        end = stop
        for name in columns:
            if row[name] in ("", None):
                continue
            totals[name] += _number(row[name], name, path, reader.line_num)
            covered_s[name] += (stop - start).total_seconds()
        _check_row(row, path, reader.line_num)
    n_hours = 8784 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 8760
    return Metered(
        year=year,
        basis="metered",
        quantities={
            QUANTITIES[name][0]: MeteredQuantity(
                value=totals[name] * QUANTITIES[name][1],
                method="measured",
                completeness_ratio=min(1.0, covered_s[name] / (n_hours * HOUR_S)),
                note=f"column {name}",
            )
            for name in columns
            if covered_s[name]
        },
    )


def _check_row(row: Mapping[str, str], path: Path, number: int) -> None:
    """What two meters of one period cannot say together."""
    if row.get("e_dc_kwh") and row.get("e_it_kwh"):
        whole, it = float(row["e_dc_kwh"]), float(row["e_it_kwh"])
        if it > whole * _KWH_PER_KWH:
            problem = f"e_it_kwh {it:g} is more than e_dc_kwh {whole:g}: columns exchanged?"
            raise _fault(path, number, problem)


def _instant(text: str | None, path: Path, number: int) -> datetime:
    try:
        return datetime.fromisoformat((text or "").strip()).replace(tzinfo=None)
    except ValueError:
        raise _fault(path, number, f"{text!r} is not an instant such as 2025-03-01T00:00") from None


def _number(text: str, name: str, path: Path, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _fault(path, number, f"{name} is not a number: {text!r}") from None
    if not (math.isfinite(value) and value >= 0):
        raise _fault(path, number, f"{name} is {text}, below 0 or not finite")
    return value


def _fault(path: Path, row: int, problem: str) -> InvalidScenario:
    return InvalidScenario(path=f"{path.name}:{row}", problem=problem)
