"""What every live source of the grid promises, over recorded answers; see tests/grid/answers."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from galerne.catalog import default_catalog
from galerne.clock import ManualClock
from galerne.errors import NoSignal
from galerne.grid import (
    ElectricityMapsSource,
    EntsoeSource,
    GreatBritainSource,
    HttpFetch,
    LiveGrid,
    OdreSource,
    Shelf,
)

ANSWERS = Path(__file__).parents[1] / "grid" / "answers"
CATALOG = default_catalog()
KEY = "a-secret-of-the-user"


def instant(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass
class Service:
    """A service that gives recorded answers, and remembers what it was asked."""

    answers: dict[str, bytes]
    status: int = 200
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request):
        self.asked.append(request)
        body = next((body for path, body in self.answers.items() if request.url.path.endswith(path)), None)
        if body is None:
            return httpx.Response(404)
        return httpx.Response(self.status, content=body)

    def fetch(self, clock):
        return HttpFetch(clock=clock, transport=httpx.MockTransport(self))


@dataclass(frozen=True)
class Variant:
    name: str
    zone: str
    as_of: str
    files: tuple[tuple[str, str], ...]
    host: str
    make: object


VARIANTS = (
    Variant(
        "odre", "FR", "2026-06-14T19:00", (("/records", "odre.json"),), "odre.opendatasoft.com",
        lambda fetch: OdreSource(fetch, CATALOG),
    ),
    Variant(
        "uk", "GB", "2023-01-14T11:30",
        (("/generation", "uk_generation.json"), ("/intensity", "uk_intensity.json")),
        "api.carbonintensity.org.uk",
        lambda fetch: GreatBritainSource(fetch, CATALOG),
    ),
    Variant(
        "entsoe", "BE", "2026-03-02T10:45", (("/api", "entsoe_generation.xml"),), "web-api.tp.entsoe.eu",
        lambda fetch: EntsoeSource(fetch, CATALOG, key=KEY),
    ),
    Variant(
        "electricity-maps", "FR", "2023-03-20T17:00", (("/latest", "electricity_maps.json"),),
        "api.electricitymaps.com",
        lambda fetch: ElectricityMapsSource(fetch, CATALOG, key=KEY),
    ),
)  # fmt: skip


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.name)
def variant(request):
    return request.param


@pytest.fixture
def service(variant):
    return Service({path: (ANSWERS / name).read_bytes() for path, name in variant.files})


@pytest.fixture
def clock(variant):
    return ManualClock(instant(variant.as_of) + 1200.0)


@pytest.fixture
def source(variant, service, clock):
    return variant.make(service.fetch(clock))


def test_it_reads_what_was_recorded(variant, source, clock):
    reading = source.read(variant.zone, at=clock.now_at())
    assert source.name == variant.name
    assert reading.zone == variant.zone
    assert reading.as_of_at == instant(variant.as_of)
    assert 5 < reading.g_per_kwh < 400
    assert reading.source in CATALOG.sources
    if reading.direct_g_per_kwh is not None:
        assert 0 <= reading.direct_g_per_kwh < reading.g_per_kwh


def test_it_asks_its_own_service_and_nobody_else(variant, source, service, clock):
    source.read(variant.zone, at=clock.now_at())
    assert {(request.url.scheme, request.url.host) for request in service.asked} == {("https", variant.host)}


def test_it_serves_only_zones_it_knows(variant, source):
    assert source.serves(variant.zone)
    assert not source.serves("Atlantis")


@pytest.mark.parametrize("status", [302, 401, 429, 500])
def test_a_refusal_is_no_signal_and_never_shows_the_key(variant, source, service, clock, status):
    service.status = status
    with pytest.raises(NoSignal) as failure:
        source.read(variant.zone, at=clock.now_at())
    assert str(status) in failure.value.why
    assert KEY not in repr(failure.value.facts())
    assert len(service.asked) == 1


HOSTILE = {
    "empty": b"",
    "not text": b"\xff\xfe\x00",
    "a page": b"<html><body>maintenance</body></html>",
    "nothing": b"null",
    "an empty object": b"{}",
    "another shape": b'{"results": [], "data": "x", "zone": 1}',
    "nested without end": b"[" * 100_000,
    "a billion laughs": b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><GL>&b;</GL>',
    "an acknowledgement": b"<Acknowledgement_MarketDocument><Reason/></Acknowledgement_MarketDocument>",
    "too long": b" " * (3 * 2**20),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_nonsense_is_no_signal(variant, source, service, clock, body):
    service.answers = dict.fromkeys(service.answers, body)
    with pytest.raises(NoSignal):
        source.read(variant.zone, at=clock.now_at())


def test_an_intensity_that_no_grid_has_or_a_day_to_come_is_not_believed(variant, source, service, clock):
    early = instant(variant.as_of) - 7200.0
    with pytest.raises(NoSignal, match="cannot be"):
        source.read(variant.zone, at=early)


def test_a_network_that_is_not_there_is_no_signal(variant, clock):
    def unplugged(request):
        raise httpx.ConnectError("no route", request=request)

    source = variant.make(HttpFetch(clock=clock, transport=httpx.MockTransport(unplugged)))
    with pytest.raises(NoSignal, match="cannot be reached"):
        source.read(variant.zone, at=clock.now_at())


def test_a_reading_survives_a_restart_without_a_network_until_it_is_stale(
    variant, source, service, clock, tmp_path
):
    shelf = Shelf(tmp_path / "grid")
    assert LiveGrid(source, zone=variant.zone, clock=clock, shelf=shelf).refresh()
    service.status = 503
    again = LiveGrid(source, zone=variant.zone, clock=clock, shelf=shelf)
    assert not again.refresh()
    assert again.reading() == source_reading(shelf, variant)
    assert "503" in again.problem
    clock.advance(source.fresh_s)
    assert again.reading() is None


def source_reading(shelf, variant):
    return shelf.reading(f"{variant.name}-{variant.zone}", zone=variant.zone)


def test_odre_mixes_by_life_cycle_and_keeps_the_direct_figure_apart():
    service = Service({"/records": (ANSWERS / "odre.json").read_bytes()})
    clock = ManualClock(instant("2026-06-14T19:10"))
    reading = OdreSource(service.fetch(clock), CATALOG).read("FR", at=clock.now_at())
    amounts = {
        "nuclear": 38815,
        "hydro": 8893,
        "wind": 2555,
        "solar": 1050,
        "biomass": 1006,
        "gas": 666,
        "oil": 34,
    }
    grams = sum(amount * CATALOG.facts[f"lifecycle-{fuel}"].value for fuel, amount in amounts.items())
    assert reading.g_per_kwh == pytest.approx(grams / sum(amounts.values()))
    assert reading.direct_g_per_kwh == 15.0


def test_imports_come_at_the_neighbours_yearly_figure():
    service = Service({"/records": (ANSWERS / "odre_import.json").read_bytes()})
    clock = ManualClock(instant("2026-01-14T18:10"))
    reading = OdreSource(service.fetch(clock), CATALOG).read("FR", at=clock.now_at())
    zones = CATALOG.zones
    north_east = (zones["DE"].g_per_kwh + zones["BE"].g_per_kwh) / 2
    grams = 5000 * 498.3 + 45000 * 5.13 + 1000 * zones["ES"].g_per_kwh + 4000 * north_east
    assert reading.g_per_kwh == pytest.approx(grams / 55000)


def test_the_forecast_stands_in_until_the_half_hour_is_over_and_the_mix_alone_is_enough():
    service = Service({"/generation": (ANSWERS / "uk_generation.json").read_bytes()})
    clock = ManualClock(instant("2023-01-14T11:40"))
    source = GreatBritainSource(service.fetch(clock), CATALOG)
    assert source.read("GB", at=clock.now_at()).direct_g_per_kwh is None
    service.answers["/intensity"] = (ANSWERS / "uk_intensity.json").read_bytes()
    assert source.read("GB", at=clock.now_at()).direct_g_per_kwh == 57.0


def test_entsoe_fills_gaps_of_its_curves_and_leaves_pumping_out():
    service = Service({"/api": (ANSWERS / "entsoe_generation.xml").read_bytes()})
    clock = ManualClock(instant("2026-03-02T12:00"))
    reading = EntsoeSource(service.fetch(clock), CATALOG, key=KEY).read("BE", at=clock.now_at())
    grams = 4100 * 5.13 + 1700 * 498.3 + 1200 * 12.62
    assert reading.g_per_kwh == pytest.approx(grams / 7000)


def test_a_figure_of_another_kind_is_refused():
    answer = json.loads((ANSWERS / "electricity_maps.json").read_text())
    service = Service({"/latest": json.dumps({**answer, "emissionFactorType": "direct"}).encode()})
    clock = ManualClock(instant("2023-03-20T17:10"))
    with pytest.raises(NoSignal):
        ElectricityMapsSource(service.fetch(clock), CATALOG, key=KEY).read("FR", at=clock.now_at())
