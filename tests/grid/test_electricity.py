import threading
from datetime import UTC, datetime

import pytest

from galerne.catalog import default_catalog
from galerne.clock import ManualClock
from galerne.errors import NoSignal
from galerne.grid import Electricity, FixedTariff, GridReading, LiveGrid, Shelf, direct_profile

CATALOG = default_catalog()
NOON_AT = datetime(2026, 5, 12, 12, 30, tzinfo=UTC).timestamp()


class FakeSource:
    name = "fake"
    fresh_s = 3600.0

    def __init__(self):
        self.asked = threading.Event()
        self.answer = NoSignal(zone="FR", what="live signal", why="fake answered 500")

    def serves(self, zone):
        return zone == "FR"

    def read(self, zone, *, at):
        self.asked.set()
        if isinstance(self.answer, NoSignal):
            raise self.answer
        return self.answer


def reading(as_of_at=NOON_AT, g_per_kwh=22.5):
    return GridReading(
        zone="FR", as_of_at=as_of_at, g_per_kwh=g_per_kwh, direct_g_per_kwh=9.0, source="rte-eco2mix-live"
    )


@pytest.fixture
def clock():
    return ManualClock(NOON_AT)


def live_grid(source, clock, folder):
    return LiveGrid(source, zone="FR", clock=clock, shelf=Shelf(folder))


def test_the_yearly_figure_is_the_default_with_direct_beside_it(clock):
    signal = Electricity(CATALOG, zone="France", clock=clock).now()
    assert (signal.kind, signal.g_per_kwh, signal.as_of_at) == ("annual", 41.4, None)
    assert signal.direct_g_per_kwh == direct_profile("FR").direct_g_per_kwh(NOON_AT)
    assert signal.market_g_per_kwh is None


def test_every_zone_of_the_table_has_a_signal_of_its_own(clock):
    for zone, row in CATALOG.zones.rows.items():
        signal = Electricity(CATALOG, zone=zone, clock=clock, tariff=FixedTariff(eur_per_kwh=0.2)).now()
        assert (signal.zone, signal.g_per_kwh, signal.l_per_kwh) == (zone, row.g_per_kwh, row.l_per_kwh)
        assert all(source in CATALOG.sources for source in signal.sources.values())


def test_the_mean_of_the_shaped_year_is_the_yearly_figure(clock):
    shaped = Electricity(
        CATALOG, zone="FR", clock=ManualClock(datetime(2025, 1, 1, tzinfo=UTC).timestamp()), shaped=True
    )
    clock = shaped._clock
    total = 0.0
    for _ in range(8760):
        total += shaped.now().g_per_kwh
        clock.advance(3600.0)
    assert total / 8760 == pytest.approx(41.4, abs=1e-9)
    assert shaped.now().kind == "profile"


def test_a_zone_without_a_profile_stays_yearly_when_shaped(clock):
    assert Electricity(CATALOG, zone="DE", clock=clock, shaped=True).now().kind == "annual"


def test_a_fresh_reading_is_live_with_its_instant_and_source(clock, tmp_path):
    source = FakeSource()
    source.answer = reading(NOON_AT - 600)
    live = live_grid(source, clock, tmp_path)
    live.refresh()
    signal = Electricity(CATALOG, zone="FR", clock=clock, live=live).now()
    assert (signal.kind, signal.g_per_kwh, signal.direct_g_per_kwh) == ("live", 22.5, 9.0)
    assert (signal.as_of_at, signal.basis, signal.missing) == (NOON_AT - 600, "lifecycle", "")
    assert signal.sources["g_per_kwh"] == signal.sources["direct_g_per_kwh"] == "rte-eco2mix-live"


def test_without_an_answer_the_profile_stands_in_and_says_so(clock, tmp_path):
    live = live_grid(FakeSource(), clock, tmp_path)
    electricity = Electricity(CATALOG, zone="FR", clock=clock, live=live)
    assert "no answer yet" in electricity.now().missing
    live.refresh()
    clock.advance(1.0)  # answers of one second share what is known
    signal = electricity.now()
    assert signal.kind == "profile"
    assert signal.as_of_at is None
    assert "fake answered 500" in signal.missing


def test_the_contract_is_shown_beside_the_place_and_never_instead(clock):
    contract = Electricity(CATALOG, zone="FR", clock=clock, market_g_per_kwh=0.0, market_source="GO 2026-118")
    signal = contract.now()
    assert (signal.g_per_kwh, signal.market_g_per_kwh) == (41.4, 0.0)
    assert signal.sources["market_g_per_kwh"] == "GO 2026-118"


def test_a_zone_that_the_source_does_not_serve_is_said_at_the_start(clock, tmp_path):
    with pytest.raises(NoSignal, match="does not serve"):
        LiveGrid(FakeSource(), zone="DE", clock=clock, shelf=Shelf(tmp_path))


def test_it_asks_in_the_background_as_soon_as_it_is_opened(clock, tmp_path):
    source = FakeSource()
    source.answer = reading()
    with live_grid(source, clock, tmp_path):
        assert source.asked.wait(10)


@pytest.mark.parametrize("text", ["", "[]", '{"zone": "FR"}', '{"zone": "DE", "as_of_at": 1}', "{" * 5000])
def test_a_spoilt_shelf_counts_as_an_empty_one(clock, tmp_path, text):
    (tmp_path / "fake-FR.json").write_text(text)
    assert live_grid(FakeSource(), clock, tmp_path).reading() is None


def test_a_disk_that_takes_nothing_costs_only_the_memory(clock, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    source = FakeSource()
    source.answer = reading()
    live = live_grid(source, clock, blocked)
    assert live.refresh()
    assert live.reading() == reading()
