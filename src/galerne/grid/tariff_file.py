"""Reads the user's tariff: a small TOML file, in the words of the contract."""

from __future__ import annotations

import csv
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from galerne.errors import InvalidTariff
from galerne.grid.json_answer import instant_of
from galerne.grid.spot import MARKETS
from galerne.grid.tariff import (
    DayAheadTariff,
    FixedTariff,
    HourlyPrices,
    Tariff,
    TariffPeriod,
    TimeOfUseTariff,
)

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_EUR_PER_KWH = 10.0
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_KEYS = {
    "fixed": {"kind", "source", "eur_per_kwh"},
    "time-of-use": {"kind", "source", "time_zone", "periods"},
    "day-ahead": {
        "kind",
        "source",
        "file",
        "market",
        "bidding_zone",
        "supplement_eur_per_kwh",
        "factor",
    },
}
_PERIOD_KEYS = {"name", "eur_per_kwh", "hours", "days", "months"}


@dataclass(frozen=True, kw_only=True, slots=True)
class TariffFile:
    """A tariff, and whether it wants the market's prices of today.

    Attributes:
        make: the tariff, given where live prices come from; it ignores them where the file brings its own.
        wants_live: whether prices have to be asked for.
        market: whose prices, where the file says it.
        bidding_zone: of the market, where the file says it.
    """

    kind: str
    make: Callable[[Callable[[], HourlyPrices | None]], Tariff]
    wants_live: bool = False
    market: str = ""
    bidding_zone: str = ""


def read_tariff(path: Path) -> TariffFile:
    """Read a tariff file.

    Raises:
        InvalidTariff: it cannot be read; names the key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidTariff(path=str(path), problem=str(error)) from error
    reader = _Reader(path=path)
    kind = document.get("kind")
    if kind not in _KEYS:
        raise reader.wrong("kind", f"one of {', '.join(_KEYS)}, not {kind!r}")
    reader.refuse_unknown(document, _KEYS[kind], where="")
    source = document.get("source")
    if not isinstance(source, str) or not source.strip():
        raise reader.wrong("source", "say where the prices come from, such as the name of the contract")
    if kind == "fixed":
        fixed = FixedTariff(eur_per_kwh=reader.price(document, "eur_per_kwh"), source=source)
        return TariffFile(kind=kind, make=lambda _: fixed)
    if kind == "time-of-use":
        table = reader.table(document, source)
        return TariffFile(kind=kind, make=lambda _: table)
    return reader.day_ahead(document, source)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    path: Path

    def wrong(self, key: str, problem: str) -> InvalidTariff:
        return InvalidTariff(path=f"{self.path}#{key}", problem=problem)

    def refuse_unknown(self, table: Mapping[str, Any], known: set[str], *, where: str) -> None:
        for key in sorted(set(table) - known):
            raise self.wrong(f"{where}{key}", f"unknown key; known are {', '.join(sorted(known))}")

    def price(
        self, table: Mapping[str, Any], key: str, default: float | None = None, where: str = ""
    ) -> float:
        value = table.get(key, default)
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not fits or not 0 <= value <= MOST_EUR_PER_KWH:
            raise self.wrong(
                f"{where}{key}", f"a number from 0 to {MOST_EUR_PER_KWH:g} is needed, not {value!r}"
            )
        return float(value)

    def table(self, document: Mapping[str, Any], source: str) -> TimeOfUseTariff:
        name = document.get("time_zone", "Europe/Paris")
        try:
            time_zone = ZoneInfo(name)
        except (OSError, TypeError, ValueError) as error:
            raise self.wrong("time_zone", f"{name!r} is not known on this computer") from error
        rows = document.get("periods")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise self.wrong("periods", "write one [[periods]] table for each price")
        periods = [self.period(row, where=f"periods[{n}].") for n, row in enumerate(rows)]
        return TimeOfUseTariff(periods=periods, time_zone=time_zone, source=source)

    def period(self, row: Mapping[str, Any], *, where: str) -> TariffPeriod:
        self.refuse_unknown(row, _PERIOD_KEYS, where=where)
        name = row.get("name")
        if not isinstance(name, str) or not name:
            raise self.wrong(f"{where}name", "a period has a name")
        hours = row.get("hours", ["00:00-24:00"])
        texts = [hours] if isinstance(hours, str) else hours
        if not isinstance(texts, list) or not texts:
            raise self.wrong(f"{where}hours", "write hours such as '22:00-06:00', or several in a list")
        return TariffPeriod(
            name=name,
            eur_per_kwh=self.price(row, "eur_per_kwh", where=where),
            spans=tuple(self.span(text, where=where) for text in texts),
            weekdays=frozenset(self.days(row.get("days", list(WEEKDAYS)), where=where)),
            months=frozenset(self.months(row.get("months", list(range(1, 13))), where=where)),
        )

    def span(self, text: Any, *, where: str) -> tuple[int, int]:
        match = _SPAN.fullmatch(text.replace(" ", "")) if isinstance(text, str) else None
        if match is None:
            raise self.wrong(f"{where}hours", f"{text!r} is not a span such as '22:00-06:00'")
        hour, minute, end_hour, end_minute = (int(part) for part in match.groups())
        begins, ends = 60 * hour + minute, 60 * end_hour + end_minute
        if minute > 59 or end_minute > 59 or begins >= 1440 or ends > 1440 or begins == ends:
            raise self.wrong(f"{where}hours", f"{text!r} is not a span of a day")
        return begins, ends

    def days(self, days: Any, *, where: str) -> list[int]:
        if not isinstance(days, list) or not days or any(day not in WEEKDAYS for day in days):
            raise self.wrong(f"{where}days", f"a list of {', '.join(WEEKDAYS)} is needed, not {days!r}")
        return [WEEKDAYS.index(day) for day in days]

    def months(self, months: Any, *, where: str) -> list[int]:
        if not isinstance(months, list) or not months or any(month not in range(1, 13) for month in months):
            raise self.wrong(f"{where}months", f"a list of 1 to 12 is needed, not {months!r}")
        return months

    def day_ahead(self, document: Mapping[str, Any], source: str) -> TariffFile:
        supplement = self.price(document, "supplement_eur_per_kwh", 0.0)
        factor = self.price(document, "factor", 1.0)
        name = document.get("file")
        market, bidding_zone = document.get("market", ""), document.get("bidding_zone", "")
        if market and market not in MARKETS:
            raise self.wrong("market", f"one of {', '.join(MARKETS)}, not {market!r}")
        if not isinstance(bidding_zone, str):
            raise self.wrong("bidding_zone", f"the name of a bidding zone is needed, not {bidding_zone!r}")
        if name is not None and (market or bidding_zone):
            raise self.wrong("market" if market else "bidding_zone", "the file brings its own prices")
        own: HourlyPrices | None = None
        if name is not None:
            if not isinstance(name, str):
                raise self.wrong("file", "the name of a CSV file is needed")
            own = self.hourly(self.path.parent / name)

        def make(live: Callable[[], HourlyPrices | None]) -> Tariff:
            return DayAheadTariff(
                spot=live if own is None else lambda: own,
                source=source,
                supplement_eur_per_kwh=supplement,
                factor_ratio=factor,
            )

        return TariffFile(
            kind="day-ahead", make=make, wants_live=own is None, market=market, bidding_zone=bidding_zone
        )

    def hourly(self, path: Path) -> HourlyPrices:
        """A CSV file with ``start_at,eur_per_kwh``: ISO 8601 instants, UTC where they name no offset."""
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                rows = list(csv.DictReader(lines))
            prices = {instant_of(row["start_at"]): float(row["eur_per_kwh"]) for row in rows}
        except (OSError, KeyError, TypeError, ValueError) as error:
            problem = f"not a table of start_at,eur_per_kwh: {error}"
            raise InvalidTariff(path=str(path), problem=problem) from error
        if not prices or not all(abs(price) <= MOST_EUR_PER_KWH for price in prices.values()):
            raise InvalidTariff(path=str(path), problem="there are no prices, or some no market has")
        return HourlyPrices(eur_per_kwh_by_start_at=prices, source=path.name)
