"""What a kilowatt-hour brings to a site: euros by contract, tariff or hour, and grams."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from galerne.catalog import Catalog, Fact, ZoneFactor
from galerne.errors import InvalidScenario, UnknownId
from galerne.grid import direct_profile
from galerne.site.building.climate import Calendar, Hours, Weather
from galerne.site.building.facility import GridFactors
from galerne.site.scenario.records import Contract, Money
from galerne.site.scenario.series import Hourly, on_calendar
from galerne.site.worlds import World
from galerne.spread import Spread
from galerne.units import Numeric

OWN = "scenario"
"""Key of the source of what a scenario itself says."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Electricity:
    """Where a site's kilowatt-hours come from.

    Attributes:
        own: delivered price that the scenario gives.
        name: by which worlds know that price.
        parts: facts in EUR/kWh, added up; on top of hourly prices where there are any.
        level: movement of all prices together; ``own_level``: of one zone's price apart.
        carbon_error: published intensities of a zone against each other.
        hourly_eur_per_kwh: price of each moment; None without.
        hourly_g_per_kwh: intensity of each moment; None without.
        direct_g_per_kwh: intensity at the chimneys of each moment; None where it is not known by hour.
        sources: keys of what the price rests on.
        contract: market-based carbon; None without.
    """

    zone: ZoneFactor
    own: Spread | None
    name: str
    parts: tuple[Fact, ...]
    level: Fact
    own_level: Fact
    carbon_error: Fact
    hourly_eur_per_kwh: Hours | None
    hourly_g_per_kwh: Hours | None
    direct_g_per_kwh: Hours | None
    direct_source: str
    sources: tuple[str, ...]
    contract: Contract | None = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Figures of the catalogue that the price rests on."""
        if self.parts or self.own is not None or self.hourly_eur_per_kwh is not None:
            return self.parts
        return (self.level, self.own_level)

    def price_eur_per_kwh(self, world: World) -> Numeric:
        """Delivered price: a number, one per world, or one per moment."""
        parts = sum((world.fact(part) for part in self.parts), 0.0)
        if self.hourly_eur_per_kwh is not None:
            return self.hourly_eur_per_kwh + parts
        if self.own is not None:
            return world.number(self.name, self.own)
        if self.parts:
            return parts
        price = self.zone.eur_per_kwh
        assert price is not None  # noqa: S101  # a zone without a price was refused when it was chosen
        return price * world.fact(self.level) * world.fact(self.own_level, scope=self.zone.id)

    def grid(self, world: World) -> GridFactors:
        """What a kilowatt-hour brings with it."""
        zone = world.row(self.zone)
        published = self.hourly_g_per_kwh
        if published is not None:
            intensity: Numeric = published
        elif self.zone.sources.get("g_per_kwh") == OWN:
            intensity = zone.g_per_kwh
        else:
            intensity = zone.g_per_kwh * world.fact(self.carbon_error, scope=self.zone.id)
        return GridFactors(
            g_per_kwh=intensity,
            l_per_kwh=zone.l_per_kwh,
            eur_per_kwh=self.price_eur_per_kwh(world),
            direct_g_per_kwh=self.direct_g_per_kwh,
            market_g_per_kwh=self._market_g_per_kwh(world, intensity),
        )

    def _market_g_per_kwh(self, world: World, location_g_per_kwh: Numeric) -> Numeric | None:
        """What is contracted at its own intensity, the rest at the residual mix or the location's."""
        contract = self.contract
        if contract is None:
            return None
        rest = contract.residual_g_per_kwh
        rest_g_per_kwh = (
            location_g_per_kwh if rest is None else world.number("Contract.residual_g_per_kwh", rest)
        )
        own_g_per_kwh = world.number("Contract.g_per_kwh", contract.g_per_kwh)
        return contract.covered_ratio * own_g_per_kwh + (1.0 - contract.covered_ratio) * rest_g_per_kwh


def with_own_carbon(zone: ZoneFactor, own: Spread | None) -> ZoneFactor:
    """The zone with the carbon that a scenario gives for its own electricity."""
    if own is None:
        return zone
    return dataclasses.replace(
        zone,
        g_per_kwh=own.best,
        spread={**zone.spread, "g_per_kwh": own},
        sources={**zone.sources, "g_per_kwh": OWN},
    )


def find_electricity(
    money: Money,
    zone: ZoneFactor,
    catalog: Catalog,
    *,
    hourly: Hourly,
    weather: Weather,
    contract: Contract | None = None,
    scope: str = "",
) -> Electricity:
    """The electricity of a site.

    Args:
        money: the scenario's own price or its parts.
        zone: its yearly factors.
        catalog: where parts are found.
        hourly: the user's own hours.
        weather: gives the calendar.
        contract: of the site, for market-based carbon; other places have none.
        scope: sets this site's own price apart from others'.

    Raises:
        InvalidScenario: a part is not a fact in EUR/kWh, or nothing gives a price.
    """
    parts = tuple(_part(catalog, name) for name in money.electricity_parts)
    own = money.electricity_eur_per_kwh
    if own is not None and (parts or hourly.price_eur_per_kwh is not None):
        problem = "give one price: this, electricity_parts, or hourly prices"
        raise InvalidScenario(path="money.electricity_eur_per_kwh", problem=problem)
    known = own is not None or parts or hourly.price_eur_per_kwh is not None
    if not known and zone.eur_per_kwh is None:
        problem = f"no price is known for the zone {zone.id}; give one here"
        raise InvalidScenario(path="money.electricity_eur_per_kwh", problem=problem)
    level, own_level = catalog.facts["price-level-spread"], catalog.facts["zone-price-spread"]
    chosen = own is not None or hourly.price_eur_per_kwh is not None
    sources: tuple[str, ...] = (OWN,) if chosen else ()
    sources += tuple(part.sources["default"] for part in parts)
    if not known:
        sources = (
            zone.sources.get("eur_per_kwh") or zone.sources["default"],
            level.sources["default"],
        )
    direct, direct_source = _direct(zone, weather.calendar)
    return Electricity(
        zone=zone,
        own=own,
        name=f"Money.electricity_eur_per_kwh{scope}",
        parts=parts,
        level=level,
        own_level=own_level,
        carbon_error=catalog.facts["zone-intensity-spread"],
        hourly_eur_per_kwh=on_calendar(hourly.price_eur_per_kwh, hourly.calendar, weather),
        hourly_g_per_kwh=on_calendar(hourly.g_per_kwh, hourly.calendar, weather),
        direct_g_per_kwh=direct,
        direct_source=direct_source,
        sources=sources,
        contract=contract,
    )


def _part(catalog: Catalog, name: str) -> Fact:
    try:
        part = catalog.facts[name]
    except UnknownId as error:
        raise InvalidScenario(path="money.electricity_parts", problem=str(error)) from error
    if part.unit != "EUR/kWh":
        problem = f"{part.id} is in {part.unit}; parts of a price are in EUR/kWh"
        raise InvalidScenario(path="money.electricity_parts", problem=problem)
    return part


_STANDARD_OFFSETS = {"FR": 1}
"""Hours of local standard time ahead of UTC, for zones with a profile by hour."""


def _direct(zone: ZoneFactor, calendar: Calendar) -> tuple[Hours | None, str]:
    """Emissions at the chimneys by month and hour, moved from UTC to local standard time."""
    profile = direct_profile(zone.id)
    if profile is None or zone.id not in _STANDARD_OFFSETS:
        return None, ""
    table = np.array(
        [[profile.g_per_kwh_by_hour[month, hour] for hour in range(24)] for month in range(1, 13)]
    )
    return table[calendar.month, (calendar.hour - _STANDARD_OFFSETS[zone.id]) % 24], profile.source
