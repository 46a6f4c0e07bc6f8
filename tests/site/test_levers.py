"""Each lever of a facility moves the plan the way it should."""

import pytest

from galerne.catalog import default_catalog
from galerne.errors import Infeasible
from galerne.site import read_scenario
from galerne.site.scenario.parts import find_parts
from tests.site.factories import ESSONNE, changed, plan_of


def figure(plan, name):
    return plan.figures[name].value


def test_a_chain_built_twice_loses_more_at_low_load_where_it_never_rests():
    once, twice = (
        plan_of(changed(load_ratio="0.1").replace("installed_ratio = 1.25", f"installed_ratio = {spares}"))
        for spares in (2.0, 4.0)
    )
    assert twice.breakdown_w["losses"] > once.breakdown_w["losses"]
    assert figure(twice, "pue_ratio") > figure(once, "pue_ratio")


def test_a_site_at_part_load_is_less_efficient_and_dearer():
    busy, idle = plan_of(changed(load_ratio="0.6")), plan_of(changed(load_ratio="0.2"))
    assert figure(idle, "pue_ratio") > figure(busy, "pue_ratio")
    assert figure(idle, "output_eur") > figure(busy, "output_eur")
    assert figure(idle, "output_j_per_token") > figure(busy, "output_j_per_token")


def test_heat_that_is_taken_counts_as_reused_and_never_needs_more_cooling():
    heated = plan_of(ESSONNE + "\n[heat]\ncontracted_w = 5e6\nmonths = [1, 2, 12]\n")
    assert figure(heated, "reused_j") == pytest.approx(5e6 * 90 * 86_400)
    assert figure(heated, "erf_ratio") == pytest.approx(
        figure(heated, "reused_j") / figure(heated, "facility_j")
    )
    assert heated.breakdown_w["cooling"] <= plan_of().breakdown_w["cooling"]


def test_the_connection_bounds_what_is_built_and_the_mean_stays_below_the_peak():
    half = plan_of(changed(contracted_w="22e6"))
    assert figure(half, "n_systems") == pytest.approx(figure(plan_of(), "n_systems") / 2, abs=1)
    assert figure(half, "mean_facility_w") < figure(half, "peak_facility_w") < figure(half, "contracted_w")


def test_a_connection_too_small_for_one_system_says_by_how_much():
    with pytest.raises(Infeasible) as caught:
        plan_of(changed(contracted_w="1e5"))
    assert caught.value.needed > caught.value.available == 1e5


def test_when_people_ask_changes_nothing_in_how_a_system_serves():
    catalog = default_catalog()
    one, other = (
        find_parts(read_scenario(changed(load_ratio=ratio)), catalog).capacity for ratio in ("0.4", "0.41")
    )
    assert one is other
