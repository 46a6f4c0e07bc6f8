"""What every day-ahead market promises, over recorded answers; see tests/grid/answers."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from galerne.catalog import default_catalog
from galerne.clock import ManualClock
from galerne.errors import NoSignal
from galerne.grid import ENERGY_CHARTS, ENTSOE, MARKETS, HttpFetch, LiveSpot, Shelf, SpotMarket

ANSWERS = Path(__file__).parents[1] / "grid" / "answers"
KEY = "a-secret-of-the-user"
START_AT = datetime.fromisoformat("2026-06-02T22:00+00:00").timestamp()


@dataclass
class Service:
    """A market that gives a recorded answer, and remembers what it was asked."""

    body: bytes
    status: int = 200
    asked: list[httpx.Request] | None = None

    def __call__(self, request):
        self.asked = [*(self.asked or ()), request]
        return httpx.Response(self.status, content=self.body)


@dataclass(frozen=True)
class Variant:
    name: str
    file: str
    host: str
    expected: dict[int, float]
    """EUR/MWh by seconds after the start."""


VARIANTS = (
    Variant(ENTSOE, "entsoe_prices.xml", "web-api.tp.entsoe.eu",
            {0: 50.0, 3600: 40.0, 7200: 40.0, 10800: -5.5, 14400: 30.0, 18000: 120.25}),
    Variant(ENERGY_CHARTS, "energy_charts_prices.json", "api.energy-charts.info",
            {0: 50.0, 900: 48.5, 2700: 40.0, 3600: -5.5, 4500: -7.25, 5400: 30.0, 6300: 120.25}),
)  # fmt: skip


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.name)
def variant(request):
    return request.param


@pytest.fixture
def service(variant):
    return Service((ANSWERS / variant.file).read_bytes())


@pytest.fixture
def clock():
    return ManualClock(START_AT + 1800.0)


@pytest.fixture
def market(variant, service, clock):
    return make(variant.name, service, clock)


def make(name, service, clock, *, zone="FR", bidding_zone=""):
    fetch = HttpFetch(clock=clock, transport=httpx.MockTransport(service))
    return SpotMarket(name, zone=zone, bidding_zone=bidding_zone, fetch=fetch, key=KEY)


def test_it_reads_what_was_recorded_in_euros_per_kwh(variant, market, clock):
    prices = market.prices(clock.now_at())
    expected = {START_AT + after: price / 1000 for after, price in variant.expected.items()}
    assert {start: prices[start] for start in expected} == pytest.approx(expected)
    assert market.source in default_catalog().sources


def test_it_asks_its_own_service_and_nobody_else(variant, market, service, clock):
    market.prices(clock.now_at())
    assert [(request.url.scheme, request.url.host) for request in service.asked] == [("https", variant.host)]


@pytest.mark.parametrize("status", [302, 401, 404, 429, 503])
def test_a_refusal_is_no_signal_and_never_shows_the_key(market, service, clock, status):
    service.status = status
    with pytest.raises(NoSignal) as failure:
        market.prices(clock.now_at())
    assert str(status) in failure.value.why
    assert KEY not in repr(failure.value.facts())


HOSTILE = {
    "empty": b"",
    "a page": b"<html><body>maintenance</body></html>",
    "an empty object": b"{}",
    "no prices": b'{"unix_seconds": [], "price": [], "unit": "EUR / MWh"}',
    "another unit": b'{"unix_seconds": [0], "price": [50], "unit": "EUR / kWh"}',
    "a price no market has": b'{"unix_seconds": [0], "price": [1e9], "unit": "EUR / MWh"}',
    "more hours than prices": b'{"unix_seconds": [0, 900], "price": [50], "unit": "EUR / MWh"}',
    "words": b'{"unix_seconds": [0], "price": ["50"], "unit": "EUR / MWh"}',
    "nested without end": b"[" * 100_000,
    "too long": b" " * (3 * 2**20),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_nonsense_is_no_signal(market, service, clock, body):
    service.body = body
    with pytest.raises(NoSignal):
        market.prices(clock.now_at())


def test_prices_survive_a_restart_without_a_network_and_end_where_they_end(
    variant, market, service, clock, tmp_path
):
    spot = LiveSpot(market, clock=clock, shelf=Shelf(tmp_path))
    assert spot.prices() is None
    assert spot.refresh()
    service.status = 503
    kept = LiveSpot(market, clock=clock, shelf=Shelf(tmp_path))
    assert not kept.refresh()
    assert "503" in kept.problem
    assert kept.prices() == spot.prices()
    last = max(variant.expected)
    assert kept.prices().at(START_AT + last + 60.0) == pytest.approx(variant.expected[last] / 1000)
    assert kept.prices().at(START_AT + 86400.0) is None


def test_a_country_of_several_prices_wants_the_name_of_one(variant, service, clock):
    with pytest.raises(NoSignal, match="DK1, DK2"):
        make(variant.name, service, clock, zone="DK")
    with pytest.raises(NoSignal, match="is none of"):
        make(variant.name, service, clock, zone="SE", bidding_zone="SE9" if variant.name == ENTSOE else "SE1")
    named = make(variant.name, service, clock, zone="SE", bidding_zone="SE4")
    named.prices(clock.now_at())
    assert named.bidding_zone == "SE4"


def test_a_market_without_the_zone_says_so(variant, service, clock):
    with pytest.raises(NoSignal, match="none that may be handed on"):
        make(variant.name, service, clock, zone="JP")


def test_zones_are_those_of_the_catalogue():
    zones = default_catalog().zones
    assert all(zone in zones.rows for known in MARKETS.values() for zone in known)
