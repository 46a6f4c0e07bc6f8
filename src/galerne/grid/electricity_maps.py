"""Most of the world, with the user's key: Electricity Maps."""

from __future__ import annotations

from galerne.catalog import Catalog
from galerne.grid.fetch import Fetch
from galerne.grid.json_answer import instant_of, number_of, refusing_nonsense
from galerne.grid.reading import GridReading, believed

URL = "https://api.electricitymaps.com/v3/carbon-intensity/latest"


class ElectricityMapsSource:
    """Life-cycle intensity of consumption, flow-traced; any other kind of figure is refused."""

    name = "electricity-maps"
    fresh_s = 4 * 3600.0

    def __init__(self, fetch: Fetch, catalog: Catalog, *, key: str) -> None:
        self._fetch = fetch
        self._catalog = catalog
        self._key = key

    def serves(self, zone: str) -> bool:
        """Every country; whether the user's key covers it, the service says."""
        return zone in self._catalog.zones.rows and zone != "WORLD"

    def read(self, zone: str, *, at: float) -> GridReading:
        """The hour that is running, estimated where it is not measured yet."""
        query = {"zone": zone, "emissionFactorType": "lifecycle"}
        body = self._fetch(URL, zone=zone, params=query, headers={"auth-token": self._key})
        with refusing_nonsense(zone, self.name) as parse:
            answer = parse(body)
            if answer.get("emissionFactorType", "lifecycle") != "lifecycle" or answer["zone"] != zone:
                raise ValueError("not the figure that was asked for")
            reading = GridReading(
                zone=zone,
                as_of_at=instant_of(answer["datetime"]),
                g_per_kwh=number_of(answer["carbonIntensity"]),
                direct_g_per_kwh=None,
                source="electricity-maps-live",
            )
        return believed(reading, at=at)
