"""The electricity as the settings say: packaged figures, or the live source and tariff that were named."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Iterator

from galerne.catalog import Catalog
from galerne.cli.settings import Settings
from galerne.clock import Clock
from galerne.errors import InvalidSetting, InvalidTariff, NoSignal
from galerne.grid import (
    ENERGY_CHARTS,
    ENTSOE,
    Electricity,
    ElectricityMapsSource,
    EntsoeSource,
    Fetch,
    FixedTariff,
    GreatBritainSource,
    GridSource,
    HttpFetch,
    LiveGrid,
    LiveSpot,
    OdreSource,
    Shelf,
    SpotMarket,
    Tariff,
    TariffFile,
    find_zone,
    read_tariff,
)

PACKAGED = ("annual", "profile")


def packaged_electricity(settings: Settings, catalog: Catalog, clock: Clock) -> Electricity:
    """The electricity without a network, for commands that do not serve."""
    return with_live(settings, catalog, clock, live=None)


@contextlib.contextmanager
def open_electricity(
    settings: Settings, catalog: Catalog, clock: Clock, *, fetch: Fetch | None = None
) -> Iterator[Electricity]:
    """The electricity, kept up to date in the background for as long as the block lasts.

    Args:
        settings: name the zone, the source and the tariff; without a name nothing leaves this machine.
        catalog: has the packaged figures.
        clock: time.
        fetch: another way to the services, for tests.

    Raises:
        NoSignal: an unknown zone, or one that the source does not serve.
        InvalidSetting: the source needs a key that is not set.
        InvalidTariff: the tariff's file cannot be read.
    """
    zone = find_zone(catalog, settings.zone).id
    fetch = fetch or HttpFetch(clock=clock, proxy=urllib.request.getproxies().get("https"))
    file = _tariff_file(settings)
    with contextlib.ExitStack() as stack:
        live = None
        if settings.grid_source not in PACKAGED:
            source = _source(settings, catalog, zone, fetch)
            live = stack.enter_context(make_live(settings, source, zone=zone, clock=clock))
        tariff = None
        if file is not None:
            spot = _spot(settings, file, zone, clock, fetch) if file.wants_live else None
            if spot is not None:
                spot.start()
                stack.callback(spot.stop)
            tariff = file.make(spot.prices if spot else lambda: None)
        yield _electricity(settings, catalog, clock, live=live, tariff=tariff)


def make_source(settings: Settings, catalog: Catalog, zone: str, *, clock: Clock) -> GridSource:
    """The live source of a zone, for a command that asks it once."""
    fetch = HttpFetch(clock=clock, proxy=urllib.request.getproxies().get("https"))
    return _source(settings, catalog, zone, fetch)


def make_live(settings: Settings, source: GridSource, *, zone: str, clock: Clock) -> LiveGrid:
    """What keeps a source's readings, in the data folder."""
    return LiveGrid(source, zone=zone, clock=clock, shelf=Shelf(settings.home / "grid"))


def make_spot(settings: Settings, catalog: Catalog, clock: Clock) -> LiveSpot | None:
    """What keeps the market's prices, in the data folder; None where the tariff asks for none."""
    file = _tariff_file(settings)
    if file is None or not file.wants_live:
        return None
    fetch = HttpFetch(clock=clock, proxy=urllib.request.getproxies().get("https"))
    return _spot(settings, file, find_zone(catalog, settings.zone).id, clock, fetch)


def with_live(
    settings: Settings,
    catalog: Catalog,
    clock: Clock,
    *,
    live: LiveGrid | None,
    spot: LiveSpot | None = None,
) -> Electricity:
    """The electricity with a live source, and a tariff at the prices that are known; nobody is asked."""
    file = _tariff_file(settings)
    tariff = file.make(spot.prices if spot else lambda: None) if file else None
    return _electricity(settings, catalog, clock, live=live, tariff=tariff)


def _electricity(
    settings: Settings, catalog: Catalog, clock: Clock, *, live: LiveGrid | None, tariff: Tariff | None
) -> Electricity:
    if settings.price_eur_per_kwh is not None:
        tariff = FixedTariff(eur_per_kwh=settings.price_eur_per_kwh)
    return Electricity(
        catalog,
        zone=settings.zone,
        clock=clock,
        live=live,
        shaped=settings.grid_source == "profile",
        tariff=tariff,
        market_g_per_kwh=settings.market_g_per_kwh,
        market_source=settings.market_source,
    )


def _tariff_file(settings: Settings) -> TariffFile | None:
    if settings.tariff is None:
        return None
    if settings.price_eur_per_kwh is not None:
        problem = "GALERNE_PRICE_EUR_PER_KWH is set too; one of them is enough"
        raise InvalidSetting(name="GALERNE_TARIFF", problem=problem)
    return read_tariff(settings.tariff)


def _spot(settings: Settings, file: TariffFile, zone: str, clock: Clock, fetch: Fetch) -> LiveSpot:
    """The market that the tariff names; else ENTSO-E for whoever has its key, else Energy-Charts."""
    market, key = file.market or (ENTSOE if settings.entsoe_key else ENERGY_CHARTS), ""
    if market == ENTSOE:
        key = _needed(settings.entsoe_key, "GALERNE_ENTSOE_KEY", "the day-ahead tariff asks ENTSO-E")
    try:
        spot = SpotMarket(market, zone=zone, bidding_zone=file.bidding_zone, fetch=fetch, key=key)
    except NoSignal as error:
        raise InvalidTariff(path=f"{settings.tariff}#bidding_zone", problem=f"{zone}: {error.why}") from None
    return LiveSpot(spot, clock=clock, shelf=Shelf(settings.home / "grid"))


def _source(settings: Settings, catalog: Catalog, zone: str, fetch: Fetch) -> GridSource:
    name = settings.grid_source
    if name == "live":
        name = _best_source(settings, zone)
    if name == "odre":
        return OdreSource(fetch, catalog)
    if name == "uk":
        return GreatBritainSource(fetch, catalog)
    if name == "entsoe":
        key = _needed(settings.entsoe_key, "GALERNE_ENTSOE_KEY", "ENTSO-E answers with your key only")
        return EntsoeSource(fetch, catalog, key=key)
    why = "Electricity Maps answers with your key only"
    key = _needed(settings.electricity_maps_key, "GALERNE_ELECTRICITY_MAPS_KEY", why)
    return ElectricityMapsSource(fetch, catalog, key=key)


def _best_source(settings: Settings, zone: str) -> str:
    """What needs no key first; then what the user has a key for."""
    if zone in {"FR", "GB"}:
        return {"FR": "odre", "GB": "uk"}[zone]
    if settings.entsoe_key:
        return "entsoe"
    if settings.electricity_maps_key:
        return "electricity-maps"
    problem = f"a live figure for {zone} needs GALERNE_ENTSOE_KEY or GALERNE_ELECTRICITY_MAPS_KEY"
    raise InvalidSetting(name="GALERNE_GRID", problem=problem)


def _needed(key: str | None, name: str, why: str) -> str:
    if not key:
        raise InvalidSetting(name=name, problem=f"it is not set, and {why}")
    return key
