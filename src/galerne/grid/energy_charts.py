"""Day-ahead prices without a key: Energy-Charts of Fraunhofer ISE, for the bidding zones under CC BY 4.0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from galerne.grid.fetch import Fetch
from galerne.grid.json_answer import number_of, refusing_nonsense

URL = "https://api.energy-charts.info/price"
BIDDING_ZONES = {
    **{zone: (zone,) for zone in ("AT", "BE", "CH", "CZ", "FR", "HU", "NL", "PL", "SI")},
    "DE": ("DE-LU",),
    "LU": ("DE-LU",),
    "DK": ("DK1", "DK2"),
    "IT": ("IT-North",),
    "NO": ("NO2",),
    "SE": ("SE4",),
}
"""By zone of the catalogue. Prices of other bidding zones are for private use only, and not asked for."""
UNIT = "EUR / MWh"
MOST_EUR_PER_MWH = 10_000.0


def day_ahead_eur_per_kwh(fetch: Fetch, *, zone: str, bidding_zone: str, at: float) -> dict[float, float]:
    """Prices of the days around an instant, by the beginning of each quarter or hour.

    Raises:
        NoSignal: the service does not give them.
    """
    today = datetime.fromtimestamp(at, tz=UTC).date()
    span = {"start": f"{today - timedelta(days=1)}", "end": f"{today + timedelta(days=1)}"}
    body = fetch(URL, zone=zone, params={"bzn": bidding_zone, **span}, headers={})
    with refusing_nonsense(zone, "energy-charts") as parse:
        answer = parse(body)
        if answer["unit"] != UNIT:
            raise ValueError("not euros per MWh")
        prices = {
            number_of(start_at): number_of(price) / 1000.0
            for start_at, price in zip(answer["unix_seconds"], answer["price"], strict=True)
            if price is not None
        }
        if not prices or any(abs(price) > MOST_EUR_PER_MWH / 1000.0 for price in prices.values()):
            raise ValueError("no price at all, or one that no market has")
        return prices
