import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.energy import (
    EnergySplit,
    FacilityFactors,
    electricity_eur,
    facility_j,
    grid_water_l,
    site_water_l,
    use_co2_g,
)
from galerne.units import KWH_J

ENERGIES_J = st.floats(min_value=0, max_value=1e15)
PUE_RATIOS = st.floats(min_value=1, max_value=3)
FACTORS_PER_KWH = st.floats(min_value=0, max_value=2000)
SPLITS = st.builds(EnergySplit, accelerator_j=ENERGIES_J, host_j=ENERGIES_J, overhead_j=ENERGIES_J)
PLACES = st.builds(FacilityFactors, pue_ratio=PUE_RATIOS, onsite_water_l_per_kwh=FACTORS_PER_KWH)


@given(SPLITS, PLACES)
def test_each_boundary_contains_the_one_inside_it(split, place):
    assert facility_j(split, place) >= split.it_j >= split.accelerator_j >= 0


@given(SPLITS)
def test_a_home_adds_nothing(split):
    home = FacilityFactors()
    assert facility_j(split, home) == split.it_j
    assert site_water_l(split, home) == 0


@given(SPLITS, PLACES, PUE_RATIOS)
def test_site_water_is_counted_on_it_energy_alone(split, place, other_pue_ratio):
    worse = FacilityFactors(
        pue_ratio=other_pue_ratio, onsite_water_l_per_kwh=place.onsite_water_l_per_kwh, source=place.source
    )
    assert site_water_l(split, worse) == site_water_l(split, place)
    assert site_water_l(split, place) == split.it_j / KWH_J * place.onsite_water_l_per_kwh


@given(SPLITS, PLACES, FACTORS_PER_KWH)
def test_carbon_grid_water_and_price_are_counted_at_the_sites_meter(split, place, per_kwh):
    expected = facility_j(split, place) / KWH_J * per_kwh
    assert use_co2_g(split, place, g_per_kwh=per_kwh) == expected
    assert grid_water_l(split, place, l_per_kwh=per_kwh) == expected
    assert electricity_eur(split, place, eur_per_kwh=per_kwh) == expected


@given(st.lists(st.tuples(SPLITS, PLACES, FACTORS_PER_KWH), min_size=1, max_size=8))
def test_arrays_give_what_scalars_give(cases):
    splits, places, per_kwh = zip(*cases, strict=True)
    many = EnergySplit(
        accelerator_j=np.array([s.accelerator_j for s in splits]),
        host_j=np.array([s.host_j for s in splits]),
        overhead_j=np.array([s.overhead_j for s in splits]),
    )
    everywhere = FacilityFactors(
        pue_ratio=np.array([p.pue_ratio for p in places]),
        onsite_water_l_per_kwh=np.array([p.onsite_water_l_per_kwh for p in places]),
    )
    factors = np.array(per_kwh)
    assert facility_j(many, everywhere).tolist() == [facility_j(s, p) for s, p, _ in cases]
    assert site_water_l(many, everywhere).tolist() == [site_water_l(s, p) for s, p, _ in cases]
    grams = use_co2_g(many, everywhere, g_per_kwh=factors)
    assert grams.tolist() == [use_co2_g(s, p, g_per_kwh=g) for s, p, g in cases]


def test_one_kilowatt_hour_by_hand():
    split = EnergySplit(accelerator_j=2_700_000.0, host_j=720_000.0, overhead_j=180_000.0)
    place = FacilityFactors(pue_ratio=1.25, onsite_water_l_per_kwh=0.4)
    assert split.it_j == KWH_J
    assert facility_j(split, place) == 4_500_000.0
    assert use_co2_g(split, place, g_per_kwh=40.0) == 50.0
    assert site_water_l(split, place) == 0.4
    assert grid_water_l(split, place, l_per_kwh=4.0) == 5.0
    assert electricity_eur(split, place, eur_per_kwh=0.1) == pytest.approx(0.125)
