"""France without a key: eCO2mix of RTE, by the open data platform ODRE."""

from __future__ import annotations

from typing import Any

from galerne.catalog import Catalog
from galerne.grid.fetch import Fetch
from galerne.grid.json_answer import instant_of, number_of, refusing_nonsense
from galerne.grid.reading import GridReading, believed, fuel_factors, mix_g_per_kwh

URL = "https://odre.opendatasoft.com/api/explore/v2.1/catalog/datasets/eco2mix-national-tr/records"
QUERY = {"where": "taux_co2 is not null", "order_by": "date_heure desc", "limit": "1"}
ZONE = "FR"
FUELS = {
    "nucleaire": "nuclear",
    "hydraulique": "hydro",
    "eolien": "wind",
    "solaire": "solar",
    "bioenergies": "biomass",
    "gaz": "gas",
    "charbon": "coal",
    "fioul": "oil",
}
BORDERS = {
    "ech_comm_angleterre": ("GB",),
    "ech_comm_espagne": ("ES",),
    "ech_comm_italie": ("IT",),
    "ech_comm_suisse": ("CH",),
    "ech_comm_allemagne_belgique": ("DE", "BE"),
}


class OdreSource:
    """The mix of the last quarter of an hour. Its ``taux_co2`` is direct, and is shown as that alone.

    Exports leave with the mix of the country; imports come at the neighbour's yearly life-cycle figure.
    """

    name = "odre"
    fresh_s = 3 * 3600.0

    def __init__(self, fetch: Fetch, catalog: Catalog) -> None:
        self._fetch = fetch
        self._catalog = catalog

    def serves(self, zone: str) -> bool:
        """France."""
        return zone == ZONE

    def read(self, zone: str, *, at: float) -> GridReading:
        """The newest record whose intensity is known."""
        body = self._fetch(URL, zone=zone, params=QUERY, headers={})
        with refusing_nonsense(zone, self.name) as parse:
            record = parse(body)["results"][0]
            reading = GridReading(
                zone=ZONE,
                as_of_at=instant_of(record["date_heure"]),
                g_per_kwh=self._lifecycle_g_per_kwh(record),
                direct_g_per_kwh=number_of(record["taux_co2"]),
                source="rte-eco2mix-live",
            )
        return believed(reading, at=at)

    def _lifecycle_g_per_kwh(self, record: dict[str, Any]) -> float:
        amounts = {fuel: number_of(record[field]) for field, fuel in FUELS.items()}
        factors = fuel_factors(self._catalog)
        for field, zones in BORDERS.items():
            power = record.get(field)
            amounts[field] = number_of(power) if isinstance(power, int | float) else 0.0
            yearly = [self._catalog.zones[neighbour].g_per_kwh for neighbour in zones]
            factors[field] = sum(yearly) / len(yearly)
        return mix_g_per_kwh(amounts, factors)
