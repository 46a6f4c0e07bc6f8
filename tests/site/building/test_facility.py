import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.catalog import default_catalog
from galerne.site.building.climate import (
    DAYS_PER_MONTH,
    month_hour_mean,
    normal_calendar,
    read_weather,
    year_sum,
)
from galerne.site.building.facility import facility_hours, peak_ratio, sum_year
from galerne.site.building.power_chain import chain_loss_w
from tests.site.factories import GRID, STAGES, plant, steady_weather

PLACES = sorted(default_catalog().places.rows)


def year_at(place: str, cooling: str = "direct-to-chip-dry", it_w: float = 8e5):
    weather = read_weather(default_catalog().places[place])
    hours = facility_hours(it_w, rated_it_w=1e6, plant=plant(cooling), weather=weather, grid=GRID)
    return sum_year(hours, grid=GRID)


def test_a_year_has_8760_hours():
    for week in (False, True):
        assert year_sum(1.0, normal_calendar(week=week)).item() == pytest.approx(8760)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_has_a_possible_climate(place):
    weather = read_weather(default_catalog().places[place])
    assert weather.dry_bulb_c.shape == weather.calendar.duration_s.shape == (12 * 24 * 15,)
    assert -50 < weather.dry_bulb_c.min() < weather.dry_bulb_c.max() < 60
    assert (weather.wet_bulb_c <= weather.dry_bulb_c).all()


@given(it_ratio=st.floats(0.05, 1.0), dry_bulb_c=st.floats(-20, 40))
def test_facility_is_more_than_it_and_the_parts_add_up(it_ratio, dry_bulb_c):
    weather = steady_weather(dry_bulb_c)
    hours = facility_hours(it_ratio * 1e6, rated_it_w=1e6, plant=plant(), weather=weather, grid=GRID)
    parts = hours.it_w + hours.loss_w + hours.cooling_w + hours.auxiliary_w
    np.testing.assert_allclose(hours.facility_w, parts)
    assert (hours.facility_w > hours.it_w).all()
    assert sum_year(hours, grid=GRID).pue_ratio.item() > 1.0


@pytest.mark.parametrize("cooling", sorted(default_catalog().cooling_plants.rows))
def test_hotter_places_do_not_have_a_lower_pue(cooling):
    pues = [year_at(place, cooling).pue_ratio.item() for place in ("stockholm", "essonne", "singapore")]
    assert pues == sorted(pues)


def test_warm_water_makes_european_climates_nearly_equal():
    pues = [
        year_at(place).pue_ratio.item() for place in ("stockholm", "essonne", "london", "frankfurt", "nice")
    ]
    assert max(pues) - min(pues) < 0.03


def test_a_lightly_loaded_site_has_a_higher_pue():
    assert year_at("essonne", it_w=2e5).pue_ratio > year_at("essonne", it_w=8e5).pue_ratio


def test_the_hottest_hour_at_full_load_is_above_the_year():
    weather = read_weather(default_catalog().places["essonne"])
    assert peak_ratio(plant(), weather).item() > year_at("essonne").pue_ratio.item()


def test_samples_give_what_each_sample_gives():
    weather = read_weather(default_catalog().places["nice"])
    loads = np.array([2e5, 5e5, 9e5])
    many = facility_hours(
        loads[:, None], rated_it_w=1e6, plant=plant("chilled-water"), weather=weather, grid=GRID
    )
    for number, it_w in enumerate(loads):
        one = facility_hours(it_w, rated_it_w=1e6, plant=plant("chilled-water"), weather=weather, grid=GRID)
        for f in dataclasses.fields(one):
            if f.name in ("calendar", "grid"):
                continue
            every, expected = (np.broadcast_to(getattr(hours, f.name), (3, 4320)) for hours in (many, one))
            np.testing.assert_allclose(every[number], expected[number])


def test_a_chain_loses_what_its_stages_lose():
    stages = [default_catalog().power_stages[name] for name in STAGES]
    half_w, full_w = (chain_loss_w(stages, load_w, rating_w=1e6) for load_w in (5e5, 1e6))
    assert 0 < half_w < full_w
    assert 0.02 < full_w / 1e6 < 0.06


def test_months_weigh_by_their_days():
    calendar = normal_calendar(week=True)
    only_february = np.where(calendar.month == 1, 1.0, 0.0)
    assert year_sum(only_february, calendar).item() == pytest.approx(DAYS_PER_MONTH[1] * 24)
    np.testing.assert_allclose(month_hour_mean(only_february, calendar)[1], 1.0)


def test_a_weekend_is_two_days_in_seven():
    calendar = normal_calendar(week=True)
    assert year_sum(calendar.weekend.astype(float), calendar).item() == pytest.approx(8760 * 2 / 7)


def test_heat_that_is_reused_leaves_less_to_the_coolers():
    weather = read_weather(default_catalog().places["essonne"])
    kept, given = (
        facility_hours(8e5, rated_it_w=1e6, plant=plant(), weather=weather, grid=GRID, heat_demand_w=demand_w)
        for demand_w in (0.0, 3e5)
    )
    assert sum_year(given, grid=GRID).erf_ratio.item() == pytest.approx(
        3e5 * 8760 * 3600 / sum_year(given, grid=GRID).facility_j.item()
    )
    assert (given.cooling_w <= kept.cooling_w).all()
    assert given.cooling_w.sum() < kept.cooling_w.sum()


def test_no_more_heat_is_reused_than_there_is():
    weather = steady_weather(10.0)
    hours = facility_hours(1e5, rated_it_w=1e6, plant=plant(), weather=weather, grid=GRID, heat_demand_w=1e9)
    assert (hours.reused_w < hours.it_w + hours.loss_w).all()
    assert (hours.cooling_w > 0).all()
