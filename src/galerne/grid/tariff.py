"""What a kilowatt-hour costs at an instant: one price, a table by hour and day, or the day-ahead market."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from galerne.clock import Clock
from galerne.errors import NoSignal
from galerne.grid.live import Refresher
from galerne.grid.shelf import Shelf
from galerne.grid.signal import USER_PRICE_SOURCE
from galerne.grid.spot import SpotMarket


@dataclass(frozen=True, kw_only=True, slots=True)
class ElectricityPrice:
    """What a kilowatt-hour costs now.

    Attributes:
        kind: ``fixed``, ``time-of-use`` or ``day-ahead``.
        source: source key, or the user's own words.
    """

    eur_per_kwh: float
    kind: str
    source: str


class Tariff(Protocol):
    """Gives the price in force. Never waits for a network."""

    def price(self, at: float) -> ElectricityPrice:
        """The price at an instant.

        Raises:
            NoSignal: it is not known.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedTariff:
    """One price at all hours."""

    eur_per_kwh: float
    source: str = USER_PRICE_SOURCE

    def price(self, at: float) -> ElectricityPrice:  # the same at every instant
        """That price."""
        return ElectricityPrice(eur_per_kwh=self.eur_per_kwh, kind="fixed", source=self.source)


@dataclass(frozen=True, kw_only=True, slots=True)
class TariffPeriod:
    """Hours that have a price of their own.

    Attributes:
        name: such as ``heures creuses``.
        spans: beginning and end in minutes of the local day; an end before its beginning is past midnight.
        weekdays: 0 is Monday; a span that passes midnight belongs to the day it begins on.
        months: 1 to 12.
    """

    name: str
    eur_per_kwh: float
    spans: tuple[tuple[int, int], ...] = ((0, 1440),)
    weekdays: frozenset[int] = frozenset(range(7))
    months: frozenset[int] = frozenset(range(1, 13))

    def holds(self, local: datetime) -> bool:
        """Whether an instant, in local time, is in this period."""
        if local.month not in self.months:
            return False
        minute, today = 60 * local.hour + local.minute, local.weekday()
        yesterday = (today - 1) % 7
        return any(
            (today in self.weekdays and begins <= minute and (minute < ends or ends <= begins))
            or (ends <= begins and yesterday in self.weekdays and minute < ends)
            for begins, ends in self.spans
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeOfUseTariff:
    """A table of periods; the first that holds counts, so the last may be everything else."""

    periods: Sequence[TariffPeriod]
    time_zone: ZoneInfo
    source: str

    def price(self, at: float) -> ElectricityPrice:
        """The price of the period that the local clock is in."""
        local = datetime.fromtimestamp(at, tz=self.time_zone)
        for period in self.periods:
            if period.holds(local):
                return ElectricityPrice(
                    eur_per_kwh=period.eur_per_kwh, kind="time-of-use", source=f"{self.source}: {period.name}"
                )
        raise NoSignal(
            zone=str(self.time_zone), what="price", why=f"{self.source} has none for {local:%a %H:%M}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class HourlyPrices:
    """Prices by the beginning of their hour or quarter, as a market gave them."""

    eur_per_kwh_by_start_at: Mapping[float, float]
    source: str

    def at(self, at: float) -> float | None:
        """The price of the quarter or else of the hour that an instant is in."""
        for step_s in (900.0, 1800.0, 3600.0):
            found = self.eur_per_kwh_by_start_at.get(at // step_s * step_s)
            if found is not None:
                return found
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class DayAheadTariff:
    """The market's price of the hour, as a contract passes it on; it may be below zero.

        price = spot * factor + supplement

    Attributes:
        supplement_eur_per_kwh: what supplier, network and taxes add.
        factor_ratio: what losses and taxes multiply it by.
    """

    spot: Callable[[], HourlyPrices | None]
    source: str
    supplement_eur_per_kwh: float = 0.0
    factor_ratio: float = 1.0

    def price(self, at: float) -> ElectricityPrice:
        """The price of the hour."""
        prices = self.spot()
        spot = prices.at(at) if prices else None
        if prices is None or spot is None:
            raise NoSignal(zone="", what="price", why="no day-ahead price is known for this hour")
        return ElectricityPrice(
            eur_per_kwh=spot * self.factor_ratio + self.supplement_eur_per_kwh,
            kind="day-ahead",
            source=f"{self.source} ({prices.source})",
        )


class LiveSpot:
    """Keeps today's and tomorrow's prices, asked in the background and kept on disk.

    Args:
        market: who gives them.
        clock: time.
        shelf: where they are kept between lives.
    """

    def __init__(self, market: SpotMarket, *, clock: Clock, shelf: Shelf) -> None:
        self._market = market
        self._source = market.source
        self._clock = clock
        self._shelf = shelf
        self._name = f"day-ahead-{market.name}-{market.bidding_zone}"
        self._problem = ""
        self._prices = self._kept()
        self._refresher = Refresher(self.refresh, name=f"galerne-{self._name}")

    def start(self) -> None:
        """Begin to ask."""
        self._refresher.start()

    def stop(self) -> None:
        """Stop asking."""
        self._refresher.stop()

    def prices(self) -> HourlyPrices | None:
        """What is known; None before the first answer."""
        return self._prices

    @property
    def problem(self) -> str:
        """Why the last request failed; empty when it did not."""
        return self._problem

    def refresh(self) -> bool:
        """Ask now, unless the next twelve hours are known; returns whether they are."""
        now_at = self._clock.now_at()
        if self._prices is not None and self._prices.at(now_at + 12 * 3600.0) is not None:
            return True
        try:
            fresh = self._market.prices(now_at)
        except NoSignal as error:
            self._problem = error.why or str(error)
            return False
        self._problem = ""
        self._prices = HourlyPrices(eur_per_kwh_by_start_at=fresh, source=self._source)
        self._shelf.put(self._name, sorted(fresh.items()))
        return True

    def _kept(self) -> HourlyPrices | None:
        try:
            rows = {float(start): float(price) for start, price in self._shelf.get(self._name) or ()}
        except (TypeError, ValueError):
            return None
        return HourlyPrices(eur_per_kwh_by_start_at=rows, source=self._source) if rows else None
