"""Numbers as people read them, in French and in English: one place for every screen.

French writes a decimal comma and parts thousands with a narrow no-break space; both languages join a number
to its unit with one, so that a line never breaks between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from galerne.language import Language
from galerne.units import PREFIXES

NARROW_SPACE = "\u202f"

_FAMILIES = {
    "€": ((1e-3, 1.0, ""), (1e-6, 1e-6, "µ"), (0.0, 1e-9, "n")),  # "m€" reads as a thousand euros in French
    "g": ((1e6, 1e6, "t"), (1e3, 1e3, "k"), *((s, s, p) for s, p in PREFIXES if s <= 1)),
    "L": ((1e3, 1e3, "m³"), *((s, s, p) for s, p in PREFIXES if s <= 1)),
}
_REPLACES_UNIT = {"t", "m³"}
_FRENCH_UNITS = {"B": "o", "B/s": "o/s"}
"""A byte is an octet: Go, not GB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantity:
    """A number and its unit, written for one language."""

    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number}{NARROW_SPACE}{self.unit}" if self.unit else self.number


def number(value: float, *, language: Language, digits: int = 3) -> str:
    """Write a number with so many significant digits; whole numbers above a thousand keep all of them."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return decimal(value if abs(value) >= 10**digits else rounded, language=language, decimals=decimals)


def decimal(value: float, *, language: Language, decimals: int) -> str:
    """Write a number with so many decimals."""
    text = f"{value:,.{decimals}f}"
    if language is Language.FRENCH:
        text = text.replace(",", NARROW_SPACE).replace(".", ",")
    return text.replace("-", "\u2212")


def quantity(value: float, unit: str, *, language: Language, digits: int = 3) -> Quantity:
    """Choose the prefix and write the quantity.

    Args:
        value: in the base unit.
        unit: ``"J"``, ``"W"``, ``"Wh"``, ``"g"``, ``"L"``, ``"€"``, ``"B"``.
        language: of the reader.
        digits: significant digits.
    """
    family = _FAMILIES.get(unit) or tuple((scale, scale, prefix) for scale, prefix in PREFIXES)
    if language is Language.FRENCH:
        unit = _FRENCH_UNITS.get(unit, unit)
    if value == 0:
        return Quantity(number="0", unit=unit)
    rounded = abs(float(f"{value:.{digits}g}"))
    _, scale, prefix = next((step for step in family if rounded >= step[0]), family[-1])
    text = number(value / scale, language=language, digits=digits)
    return Quantity(number=text, unit=prefix if prefix in _REPLACES_UNIT else f"{prefix}{unit}")


def share(value_ratio: float, *, language: Language, decimals: int = 0) -> str:
    """A fraction as per cent: ``12%``, in French ``12 %``."""
    text = decimal(100 * value_ratio, language=language, decimals=decimals)
    return f"{text}{NARROW_SPACE}%" if language is Language.FRENCH else f"{text}%"


def rate(value: float, unit: str, *, language: Language, digits: int = 3) -> Quantity:
    """A quantity whose unit takes no prefix, such as ``41.4 g/kWh``."""
    return Quantity(number=number(value, language=language, digits=digits), unit=unit)


def duration(value_s: float, *, language: Language) -> Quantity:
    """A duration: milliseconds below a second, else seconds."""
    if 0 < value_s < 1:
        return Quantity(number=number(value_s * 1e3, language=language, digits=2), unit="ms")
    return Quantity(number=number(value_s, language=language, digits=2), unit="s")
