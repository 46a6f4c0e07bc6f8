import dataclasses

import pytest

from tests.fleet.stand import CATALOG, GRID, IDLE_W, N_ANSWER_TOKENS, open_stand
from tests.perf.factories import LAPTOP

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def stand(tmp_path):
    async with open_stand(tmp_path) as made:
        made.accountant.close_window()
        yield made


async def test_before_the_first_answer_every_link_but_the_last_is_known(stand):
    view = stand.gateway.chain()
    assert view.answer is None
    assert view.at == stand.clock.now_at()
    assert (view.machine.power_w, view.machine.history_w) == (LAPTOP.idle_w, ())
    assert (view.engine.tokens_per_s, view.engine.history_tokens_per_s) == (0.0, ())
    assert view.engine.expected_tokens_per_s > 0
    assert (view.engine.state, view.engine.n_active, view.engine.n_slots) == ("ready", 0, 4)


async def test_a_grid_is_named_and_labelled_by_the_quality_of_its_source(stand):
    grid = stand.gateway.chain().grid
    assert CATALOG.sources[GRID.sources["g_per_kwh"]].quality == "published"
    assert (grid.zone, grid.zone_name, grid.method) == ("FR", "France", "published")
    for name in ("g_per_kwh", "l_per_kwh", "eur_per_kwh", "kind", "basis", "year", "sources"):
        assert getattr(grid, name) == getattr(GRID, name)
    assert grid.direct_g_per_kwh == 23.0


async def test_a_home_adds_nothing_and_says_who_says_so(stand):
    place = stand.gateway.chain().place
    assert (place.name, place.pue_ratio, place.onsite_water_l_per_kwh) == ("home", 1.0, 0.0)
    assert place.method == "modelled"
    assert set(place.sources.values()) == {"galerne-home"}


async def test_after_an_answer_power_speed_accounts_and_receipt_are_there(stand):
    await stand.collect()
    stand.accountant.close_window()
    stand.throughput.close_window()
    view = stand.gateway.chain()
    assert view.machine.history_w[-1] == view.machine.power_w > IDLE_W
    assert view.engine.history_tokens_per_s[-1] == view.engine.tokens_per_s
    assert view.engine.tokens_per_s == pytest.approx(N_ANSWER_TOKENS / stand.clock.monotonic_s())
    accounts_j = dict(view.accounts_j)
    metered_j = accounts_j.pop("meter")
    assert accounts_j["answers"] > 0
    assert sum(accounts_j.values()) == pytest.approx(metered_j, abs=1e-9)
    assert view.answer is not None
    assert view.answer.answer.usage.new_tokens == N_ANSWER_TOKENS


async def test_a_simulated_engine_is_never_called_measured(stand):
    engine = stand.gateway.chain().engine
    assert (engine.kind, engine.method) == ("simulated", "modelled")


async def test_every_link_says_how_it_is_known(stand):
    view = stand.gateway.chain()
    for link in (view.grid, view.place, view.machine, view.engine):
        assert link.method in {"measured", "derived", "modelled", "published", "estimated", "user"}
    for link in (view.grid, view.place, view.machine):
        assert all(link.sources.values())
    assert {field.name for field in dataclasses.fields(view.machine)} >= {"method", "sources"}
