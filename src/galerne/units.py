"""The units every name in Galerne may end with, and the few conversions between them.

Numbers are in SI base units and say so in their name. This table is read by the test that checks every
record field and parameter, and by the generated glossary: there is no second list.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Numeric: TypeAlias = float | npt.NDArray[np.float64]
"""A float or an array of floats: physical functions take either and return the same."""

SUFFIXES: dict[str, str] = {
    "_s": "seconds",
    "_j": "joules",
    "_uj": "microjoules (integer; only in the ledger, where sums must be exact)",
    "_w": "watts",
    "_bytes": "bytes",
    "_bytes_per_s": "bytes per second",
    "_bytes_per_token": "bytes per token of context",
    "_flop": "floating-point operations",
    "_flop_per_s": "floating-point operations per second",
    "_hz": "hertz",
    "_c": "degrees Celsius",
    "_k": "kelvin of temperature difference",
    "_pa": "pascals",
    "_m": "metres",
    "_l": "litres",
    "_g": "grams (of CO2e unless the name says otherwise)",
    "_eur": "euros",
    "_usd": "US dollars (published prices only; converted at the catalogue's dated rate)",
    "_g_per_kwh": "grams per kilowatt-hour, as published",
    "_l_per_kwh": "litres per kilowatt-hour, as published",
    "_eur_per_kwh": "euros per kilowatt-hour, as published",
    "_eur_per_token": "euros per token",
    "_eur_per_s": "euros per second of machine time",
    "_eur_per_million": "euros per million tokens, as published",
    "_usd_per_million": "US dollars per million tokens, as published",
    "_j_per_token": "joules per token",
    "_j_per_byte": "joules per byte moved",
    "_j_per_flop": "joules per floating-point operation",
    "_eur_per_w": "euros per watt of IT power",
    "_usd_per_w": "US dollars per watt of IT power",
    "_tokens_per_s": "tokens per second",
    "_ratio": "a fraction, 0 to 1 unless the name says otherwise (PUE is a ratio above 1); never percent",
    "_at": "an instant, UTC seconds since 1970",
    "_tokens": "a count of tokens",
    "_years": "years of 8,760 hours",
}
"""Allowed endings of names that carry a unit, and what each means."""

REFUSED_SUFFIXES: frozenset[str] = frozenset(
    {
        "_mw", "_mj", "_mwh", "_kwh", "_wh", "_kw", "_gw", "_gb", "_mb", "_kb", "_gib", "_mib", "_ms", "_us",
        "_ns", "_min", "_hours", "_pct", "_percent", "_tflops", "_gflops", "_kg", "_mg", "_t",
        "_ml", "_cents",
    }
)  # fmt: skip
"""Endings that read two ways once lower-cased (mega or milli?) or hide a prefix."""

KWH_J = 3.6e6
"""Joules in a kilowatt-hour."""

HOUR_S = 3600.0
YEAR_S = 8760 * HOUR_S
"""Seconds in a year of 8,760 hours, the year of hourly climate files and of PUE."""

MICROJOULES_PER_J = 1_000_000


def to_microjoules(energy_j: float) -> int:
    """Round an energy to whole microjoules, the ledger's coin."""
    return round(energy_j * MICROJOULES_PER_J)


def from_microjoules(energy_uj: int) -> float:
    """Whole microjoules back to joules."""
    return energy_uj / MICROJOULES_PER_J


PREFIXES = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
)
"""SI prefixes by their factor, the largest first."""


def with_prefix(value: float, unit: str, *, digits: int = 3) -> str:
    """Write a quantity for people, with an SI prefix: ``with_prefix(44e6, "W") == "44 MW"``.

    Args:
        value: the quantity in the base unit.
        unit: symbol of the base unit.
        digits: significant digits kept.
    """
    if value == 0:
        return f"0 {unit}"
    scale, prefix = next(((s, p) for s, p in PREFIXES if abs(value) >= s * 0.9995), PREFIXES[-1])
    scaled = float(f"{value / scale:.{digits}g}")
    text = f"{scaled:,.0f}" if abs(scaled) >= 10 ** (digits - 1) else f"{scaled:.{digits}g}"
    return f"{text} {prefix}{unit}"
