"""Quantities as a person reads them, in French or English: prefix, unit, separators."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from galerne.language import Language, phrases
from galerne.site.figures import Figure
from galerne.units import KWH_J

_NO_BREAK = "\u00a0"
_THIN_NO_BREAK = "\u202f"
_FRENCH_MARKS = {ord(","): _THIN_NO_BREAK, ord("."): ","}
_FRENCH_BYTES = re.compile(r"^([PTGMk]?)B\b")
_EXACT_BELOW = 1e6  # whole numbers below keep all their digits
_PACKAGE = "galerne.site"
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"))
_GREAT_PREFIXES = ((1e15, "P"), (1e12, "T"), *_PREFIXES[:4])
_WORDS = ((1e12, "word_1e12"), (1e9, "word_1e9"), (1e6, "word_1e6"), (1.0, ""))
_MONEY = ((1e9, "money_1e9"), (1e6, "money_1e6"), (1.0, ""))
_CURRENCIES = {"EUR": "€", "USD": "$"}
_SCALES: Mapping[str, tuple[tuple[float, str], ...]] = {
    "W": tuple((scale, f"{prefix}W") for scale, prefix in _PREFIXES[:4]),
    "s": ((1.0, "s"), (1e-3, "ms")),
    "g": ((1e9, "kt"), (1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg")),
    "L": ((1e3, "m³"), (1.0, "L"), (1e-3, "mL")),
    "tok/s": ((1e6, "Mtok/s"), (1.0, "tok/s")),
    "B": tuple((scale, f"{prefix}B") for scale, prefix in _GREAT_PREFIXES),
    "B/s": tuple((scale, f"{prefix}B/s") for scale, prefix in _GREAT_PREFIXES),
}
_GREAT_ENERGY_J = 1e9  # from here on, watt-hours read better than joules
_GREAT = tuple((scale * KWH_J / 1e3, f"{prefix}Wh") for scale, prefix in ((1e12, "T"), *_PREFIXES[:3]))
_SMALL = ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """How one language writes quantities."""

    language: Language
    phrases: Mapping[str, str]

    def number(self, value: float, *, digits: int = 3) -> str:
        """A number with at most so many significant digits; a rounder one keeps its own."""
        if value == int(value) and abs(value) < _EXACT_BELOW:
            digits = len(str(int(abs(value))))
        digits = next((fewer for fewer in range(1, digits) if float(f"{value:.{fewer}g}") == value), digits)
        rounded = float(f"{value:.{digits}g}")
        if rounded == int(rounded):
            text = f"{rounded:,.0f}"
        else:
            text = f"{rounded:.{max(0, digits - 1 - _exponent(rounded))}f}"
        return text.translate(_FRENCH_MARKS) if self.language is Language.FRENCH else text

    def percent(self, ratio: float) -> str:
        """A share; percent exist only for readers."""
        space = _THIN_NO_BREAK if self.language is Language.FRENCH else ""
        return f"{self.number(100.0 * ratio, digits=2)}{space}%"

    def quantity(self, value: float, unit: str) -> str:
        """A value with the prefix that keeps it short."""
        return self._with_unit(self._digits(value, unit, best=value), unit, best=value)

    def value(self, figure: Figure) -> str:
        """The value of a figure."""
        return self.quantity(figure.value, figure.unit)

    def span(self, figure: Figure) -> str:
        """The range of a figure, in the unit of its value; empty where it has none."""
        if figure.low == figure.high:
            return ""
        return self.between(figure.low, figure.high, figure.unit, best=figure.value)

    def between(self, low: float, high: float, unit: str, *, best: float) -> str:
        """A range in the unit that suits its best value."""
        ends = [self._digits(end, unit, best=best) for end in (low, high)]
        return self._with_unit(self.phrases["range"].format(low=ends[0], high=ends[1]), unit, best=best)

    def _digits(self, value: float, unit: str, *, best: float) -> str:
        scaled = value / _scale_of(best, unit)[0]
        if unit == "1" and abs(value) >= 10.0:
            return self.number(round(value), digits=9)
        return self.number(scaled, digits=4 if unit == "1" and 1.0 < abs(best) < 2.0 else 3)

    def _with_unit(self, text: str, unit: str, *, best: float) -> str:
        symbol = self._symbol(_scale_of(best, unit)[1])
        unit = _bare(unit)
        if unit not in _CURRENCIES:
            return f"{text}{_NO_BREAK}{symbol}" if symbol else text
        if self.language is Language.FRENCH:
            return f"{text}{_NO_BREAK}{symbol}{_CURRENCIES[unit]}"
        return f"{_CURRENCIES[unit]}{text}{symbol}"

    def _symbol(self, symbol: str) -> str:
        """A unit in the reader's language: bytes are octets in French, tokens jetons."""
        if self.language is Language.FRENCH:
            symbol = _FRENCH_BYTES.sub(r"\1o", symbol).replace("tok/s", "jetons/s")
        return self.phrases.get(symbol, symbol)


def wording_in(language: Language) -> Wording:
    """The wording of a language."""
    return Wording(language=language, phrases=phrases(_PACKAGE, language))


def _exponent(value: float) -> int:
    return int(f"{value:e}".rsplit("e", 1)[1])


def _bare(unit: str) -> str:
    """A unit without the tokens it is counted by, which the name of a figure says."""
    return unit.removesuffix("/Mtok").removesuffix("/tok")


def _scales(unit: str, value: float) -> tuple[tuple[float, str], ...]:
    if unit == "J":
        return _GREAT if abs(value) >= _GREAT_ENERGY_J else _SMALL
    if unit in _CURRENCIES:
        return _MONEY
    if unit == "tokens":
        return _WORDS
    return _SCALES.get(unit, ((1.0, "" if unit == "1" else unit),))


@functools.lru_cache(maxsize=1024)
def _scale_of(value: float, unit: str) -> tuple[float, str]:
    """The largest scale that the value fills; its own unit for zero."""
    scales = _scales(_bare(unit), value)
    if value == 0.0:
        return next(scale for scale in scales if scale[0] == 1.0)
    return next((scale for scale in scales if abs(value) >= scale[0] * 0.9995), scales[-1])
