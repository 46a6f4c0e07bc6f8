"""Great Britain without a key: the Carbon Intensity API of its system operator."""

from __future__ import annotations

from galerne.catalog import Catalog
from galerne.errors import NoSignal
from galerne.grid.fetch import Fetch
from galerne.grid.json_answer import instant_of, number_of, refusing_nonsense
from galerne.grid.reading import GridReading, believed, fuel_factors, mix_g_per_kwh

MIX_URL = "https://api.carbonintensity.org.uk/generation"
DIRECT_URL = "https://api.carbonintensity.org.uk/intensity"
ZONE = "GB"
NEIGHBOURS = ("FR", "BE", "NL", "NO", "IE", "DK")
"""Where its cables lead; the mix does not say which import is whose."""


class GreatBritainSource:
    """The mix of the half hour; the operator's own intensity is direct, and is shown as that alone."""

    name = "uk"
    fresh_s = 2 * 3600.0

    def __init__(self, fetch: Fetch, catalog: Catalog) -> None:
        self._fetch = fetch
        self._catalog = catalog

    def serves(self, zone: str) -> bool:
        """Great Britain."""
        return zone == ZONE

    def read(self, zone: str, *, at: float) -> GridReading:
        """The half hour that is running."""
        body = self._fetch(MIX_URL, zone=zone, params={}, headers={})
        with refusing_nonsense(zone, self.name) as parse:
            period = parse(body)["data"]
            amounts = {str(part["fuel"]): number_of(part["perc"]) for part in period["generationmix"]}
            yearly = [self._catalog.zones[neighbour].g_per_kwh for neighbour in NEIGHBOURS]
            factors = {**fuel_factors(self._catalog), "imports": sum(yearly) / len(yearly)}
            reading = GridReading(
                zone=ZONE,
                as_of_at=instant_of(period["from"]),
                g_per_kwh=mix_g_per_kwh(amounts, factors),
                direct_g_per_kwh=self._direct_g_per_kwh(zone),
                source="neso-carbon-intensity-live",
            )
        return believed(reading, at=at)

    def _direct_g_per_kwh(self, zone: str) -> float | None:
        """The operator's figure: the actual one, known when the half hour is over, else its forecast."""
        try:
            body = self._fetch(DIRECT_URL, zone=zone, params={}, headers={})
            with refusing_nonsense(zone, self.name) as parse:
                intensity = parse(body)["data"][0]["intensity"]
                actual = intensity.get("actual")
                return number_of(intensity["forecast"] if actual is None else actual)
        except NoSignal:
            return None  # the mix alone is worth having
