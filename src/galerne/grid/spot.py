"""Where day-ahead prices are asked for: by whose service, and of which bidding zone."""

from __future__ import annotations

from collections.abc import Mapping

from galerne.errors import NoSignal
from galerne.grid import energy_charts, entsoe
from galerne.grid.fetch import Fetch

ENTSOE, ENERGY_CHARTS = "entsoe", "energy-charts"
MARKETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    ENTSOE: entsoe.BIDDING_ZONES,
    ENERGY_CHARTS: energy_charts.BIDDING_ZONES,
}
"""Bidding zones by service and zone of the catalogue."""
SEVERAL = frozenset({"DK", "IT", "NO", "SE"})
"""Zones of the catalogue with several bidding zones, of which a service may know one: it must be named."""
SOURCES = {ENTSOE: "entsoe-live", ENERGY_CHARTS: "energy-charts-live"}


class SpotMarket:
    """Day-ahead prices of one bidding zone.

    Args:
        market: one of ``MARKETS``.
        zone: of the catalogue.
        bidding_zone: where the zone has several; empty for its only one.
        fetch: the way to the service.
        key: of the user, where the service wants one.

    Raises:
        NoSignal: the service has no price of the zone, or several and none is named; says which.
    """

    def __init__(self, market: str, *, zone: str, bidding_zone: str, fetch: Fetch, key: str = "") -> None:
        known = MARKETS[market].get(zone, ())
        alone = len(known) == 1 and zone not in SEVERAL
        if not (bidding_zone in known if bidding_zone else alone):
            raise NoSignal(zone=zone, what="day-ahead price", why=_why(market, known, bidding_zone))
        self.name = market
        self.source = SOURCES[market]
        self.bidding_zone = bidding_zone or known[0]
        self._zone = zone
        self._fetch = fetch
        self._key = key

    def prices(self, at: float) -> dict[float, float]:
        """Euros per kWh of the days around an instant, by the beginning of each quarter or hour.

        Raises:
            NoSignal: the service does not give them.
        """
        if self.name == ENTSOE:
            area = entsoe.PRICE_AREAS[self.bidding_zone]
            return entsoe.day_ahead_eur_per_kwh(self._fetch, zone=self._zone, area=area, key=self._key, at=at)
        return energy_charts.day_ahead_eur_per_kwh(
            self._fetch, zone=self._zone, bidding_zone=self.bidding_zone, at=at
        )


def _why(market: str, known: tuple[str, ...], wanted: str) -> str:
    if not known:
        return f"{market} has none that may be handed on; name another market, or a file of prices"
    asked = f"{wanted} is none of" if wanted else "it has several bidding zones; bidding_zone is one of"
    return f"{asked} {', '.join(known)}"
