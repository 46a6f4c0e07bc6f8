from __future__ import annotations

import dataclasses

import pytest

from galerne.energy import EnergySplit, FacilityFactors
from galerne.ledger import impact_of
from galerne.ledger.impact import NO_IMPACT, embodied_co2_g
from galerne.units import KWH_J, YEAR_S
from tests.ledger.bench import FACTORS


def test_site_water_counts_it_energy_and_grid_water_counts_facility_energy():
    impact = impact_of(EnergySplit(host_j=KWH_J), device_s=0.0, factors=FACTORS)
    assert impact.facility_j == pytest.approx(1.2 * KWH_J)
    assert impact.site_water_l == pytest.approx(0.5)
    assert impact.grid_water_l == pytest.approx(1.2 * 3.6)
    assert impact.use_co2_g == pytest.approx(1.2 * 36)
    assert impact.cost_eur == pytest.approx(1.2 * 0.18)
    assert impact.embodied_co2_g == 0.0


def test_a_machine_that_lived_its_life_has_given_all_its_manufacture():
    assert embodied_co2_g(5 * YEAR_S, embodied_g=200_000.0, life_years=5.0) == pytest.approx(200_000.0)


def test_impacts_add_up_and_an_unknown_price_stays_unknown():
    one = impact_of(EnergySplit(host_j=3.0), device_s=1.0, factors=FACTORS)
    assert one + NO_IMPACT == one
    assert (one + one).use_co2_g == 2 * one.use_co2_g
    unpriced = dataclasses.replace(one, cost_eur=None)
    assert (one + unpriced).cost_eur is None


def test_at_home_nothing_is_added():
    home = dataclasses.replace(FACTORS, facility=FacilityFactors())
    impact = impact_of(EnergySplit(host_j=5.0), device_s=0.0, factors=home)
    assert (impact.facility_j, impact.site_water_l) == (5.0, 0.0)
