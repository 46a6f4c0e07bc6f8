import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.catalog import default_catalog
from galerne.site.building.cooling import chiller_cop, cooling_load
from tests.site.factories import PRACTICE, steady_weather

PLANTS = sorted(default_catalog().cooling_plants.rows)


def load_at(plant_id: str, dry_bulb_c: float, load_ratio: float = 0.8, wet_bulb_c: float | None = None):
    return cooling_load(
        default_catalog().cooling_plants[plant_id],
        load_ratio * 1e6,
        rated_heat_w=1e6,
        weather=steady_weather(dry_bulb_c, wet_bulb_c),
        practice=PRACTICE,
    )


@pytest.mark.parametrize("plant_id", PLANTS)
@given(cooler_c=st.floats(-20, 45), step_k=st.floats(0, 20), load_ratio=st.floats(0.05, 1.0))
def test_hotter_weather_never_takes_less_power_or_water(plant_id, cooler_c, step_k, load_ratio):
    before, after = load_at(plant_id, cooler_c, load_ratio), load_at(plant_id, cooler_c + step_k, load_ratio)
    assert after.cooling_w.max() >= before.cooling_w.max() * (1 - 1e-9)
    assert after.water_l_per_s.max() >= before.water_l_per_s.max() - 1e-12


@pytest.mark.parametrize("plant_id", PLANTS)
def test_cooling_never_makes_power_or_water(plant_id):
    for dry_bulb_c in (-20, 0, 15, 30, 45):
        load = load_at(plant_id, dry_bulb_c)
        assert load.cooling_w.min() > 0
        assert load.water_l_per_s.min() >= 0
        assert 0 <= load.unmet_ratio.min() <= load.unmet_ratio.max() <= 1


def test_a_dry_plant_drinks_nothing():
    assert load_at("direct-to-chip-dry", 40).water_l_per_s.max() == 0


def test_an_adiabatic_plant_drinks_only_when_it_is_hot():
    assert load_at("direct-to-chip-adiabatic", 10).water_l_per_s.max() == 0
    assert load_at("direct-to-chip-adiabatic", 33).water_l_per_s.min() > 0


def test_a_plant_without_chillers_says_what_it_cannot_carry():
    assert load_at("direct-to-chip-dry", 30, 1.0).unmet_ratio.max() == 0
    assert load_at("direct-to-chip-dry", 43, 1.0).unmet_ratio.min() > 0.5


def test_free_cooling_spares_the_chiller():
    winter, summer = load_at("chilled-water", 5), load_at("chilled-water", 30)
    assert summer.cooling_w.mean() > 3 * winter.cooling_w.mean()


def test_evaporation_takes_at_most_what_the_heat_asks():
    load = load_at("air-adiabatic", 35, wet_bulb_c=20)
    litres_if_all_heat_evaporated = 0.8e6 / 2.45e6 * 1.25
    assert 0 < load.water_l_per_s.max() < 2 * litres_if_all_heat_evaporated


def test_an_array_of_plants_gives_what_each_gives():
    import dataclasses

    plant = default_catalog().cooling_plants["chilled-water"]
    fans = np.array([0.02, 0.03, 0.04])
    arguments = {"rated_heat_w": 1e6, "weather": steady_weather(22.0), "practice": PRACTICE}
    many = cooling_load(dataclasses.replace(plant, fan_ratio=fans[:, None]), 7e5, **arguments)
    ones = [cooling_load(dataclasses.replace(plant, fan_ratio=f), 7e5, **arguments) for f in fans]
    np.testing.assert_allclose(many.cooling_w, np.stack([one.cooling_w for one in ones]))


def test_a_tower_drinks_in_any_weather():
    assert load_at("cooling-tower", 0).water_l_per_s.min() > 0


def test_outside_air_moves_as_fast_as_the_machines_ask_however_cold_it_is():
    frost, cool = load_at("air-adiabatic", -10), load_at("air-adiabatic", 15)
    assert frost.cooling_w.max() == pytest.approx(cool.cooling_w.max())


def test_a_chiller_lifts_heat_more_easily_when_it_is_cooler_outside():
    plant = default_catalog().cooling_plants["chilled-water"]
    at_c = [float(chiller_cop(plant, outside_c, lift_k=15.0)) for outside_c in (25.0, 35.0, 45.0)]
    assert at_c[0] > at_c[1] > at_c[2]
    assert at_c[1] == pytest.approx(plant.chiller_cop)
