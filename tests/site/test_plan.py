import json

import numpy as np
import pytest

from galerne.catalog import default_catalog
from galerne.errors import InvalidScenario
from galerne.site import plan_to_json, read_scenario
from galerne.site.cost import capital_recovery_ratio
from galerne.site.figures import FIGURES
from tests.site.factories import ESSONNE, changed, plan_of


def figure(plan, name):
    return plan.figures[name].value


def test_facility_is_more_than_it_is_more_than_accelerators():
    plan = plan_of()
    it_w = sum(plan.breakdown_w[name] for name in ("accelerators", "hosts", "network"))
    assert figure(plan, "mean_facility_w") > it_w > plan.breakdown_w["accelerators"]
    assert it_w == pytest.approx(figure(plan, "mean_it_w"))
    assert sum(plan.breakdown_w.values()) == pytest.approx(figure(plan, "mean_facility_w"))
    assert sum(plan.breakdown_eur.values()) == pytest.approx(figure(plan, "yearly_cost_eur"))
    assert plan.breakdown_g["electricity"] == pytest.approx(figure(plan, "use_co2_g"))


def test_the_peak_stays_within_the_connection():
    plan = plan_of()
    assert figure(plan, "peak_facility_w") <= 0.9 * figure(plan, "contracted_w")
    assert figure(plan, "mean_facility_w") < figure(plan, "peak_facility_w")


def test_tokens_pay_for_everything():
    plan = plan_of()
    for unit, total in (
        ("eur", figure(plan, "yearly_cost_eur")),
        ("co2_g", figure(plan, "use_co2_g") + figure(plan, "embodied_co2_g")),
        ("water_l", figure(plan, "onsite_water_l") + figure(plan, "grid_water_l")),
    ):
        read = figure(plan, f"input_{unit}") * figure(plan, "yearly_input_tokens") / 1e6
        cached = figure(plan, f"cached_{unit}") * figure(plan, "yearly_cached_tokens") / 1e6
        written = figure(plan, f"output_{unit}") * figure(plan, "yearly_output_tokens") / 1e6
        assert read + cached + written == pytest.approx(total)


def test_more_power_never_carries_fewer_racks():
    racks = [figure(plan_of(changed(contracted_w=f"{w}")), "n_racks") for w in (1e6, 5e6, 44e6, 200e6)]
    assert racks == sorted(racks)
    assert racks[0] < racks[-1]


def test_essonne_stays_where_published_sites_are():
    plan = plan_of()
    assert 1.04 < figure(plan, "pue_ratio") < 1.25
    assert 2000 < figure(plan, "contracted_w_per_accelerator") < 3500
    assert figure(plan, "onsite_water_l_per_kwh") == 0


def test_reported_figures_stand_beside_ours_and_change_nothing():
    text = changed(value="99999.0")
    assert plan_of(text).figures == plan_of().figures
    row = plan_of(text).comparisons[0]
    assert row.reported == 99999.0
    assert row.ratio == pytest.approx(row.ours / 99999.0)


def test_every_figure_has_a_range_and_sources_that_exist():
    sources = default_catalog().sources
    for item in plan_of().figures.values():
        assert item.low <= item.value <= item.high, item
        assert item.sources
        assert set(item.sources) <= set(sources)
        assert item.method in {"given", "measured", "derived", "modelled"}
    absent = {"n_spare_systems", "erf_ratio", "reused_j"}  # no load, no heat contract in this scenario
    absent |= {"connection_wait_years", "horizon_served_ratio"}  # nor a connection in steps
    absent |= {"use_market_co2_g", "output_market_co2_g"}  # and no contract for electricity
    assert set(plan_of().figures) == set(FIGURES) - absent


def test_the_same_seed_gives_the_same_plan():
    again = plan_of.__wrapped__(changed(seed="2026    # again"))
    assert again.figures == plan_of().figures
    other = plan_of(changed(seed="7"))
    assert figure(other, "pue_ratio") == figure(plan_of(), "pue_ratio")
    assert other.figures["pue_ratio"].low != plan_of().figures["pue_ratio"].low


def test_the_json_is_plain_and_complete():
    text = json.dumps(plan_to_json(plan_of()), allow_nan=False)
    wire = json.loads(text)
    assert [row["name"] for row in wire["figures"]] == list(plan_of().figures)
    assert np.shape(wire["hours"]["facility_w"]) == (12, 24)
    named = {key for row in wire["figures"] for key in row["sources"]}
    named |= {row["source"] for row in wire["reported"]}
    assert named <= set(wire["sources"])
    assert wire["scenario"]["fingerprint"]


@pytest.mark.parametrize("cooling", sorted(default_catalog().cooling_plants.rows))
def test_every_cooling_plant_makes_a_plan(cooling):
    assert 1.0 < figure(plan_of(changed(cooling_plant=f'"{cooling}"')), "pue_ratio") < 1.6


@pytest.mark.parametrize("system", sorted(default_catalog().systems.rows))
def test_every_system_makes_a_plan(system):
    text = changed(system=f'"{system}"', model='"mistral-small-3.2-24b"', weight_format='"fp8"')
    assert figure(plan_of(text), "peak_output_tokens_per_s") > 0


def test_capital_is_recovered_with_interest():
    ratio = capital_recovery_ratio(discount_ratio=0.08, life_years=5.0)
    assert ratio == pytest.approx(0.25046, rel=1e-4)


def test_market_based_carbon_stands_beside_the_location_and_changes_nothing_else():
    contract = '\n[contract]\ng_per_kwh = 12\ncovered_ratio = 0.5\nevidence = "PPA 17"\n'
    plain, bought = plan_of(), plan_of(ESSONNE + contract)
    assert "use_market_co2_g" not in plain.figures
    assert bought.figures["use_co2_g"] == plain.figures["use_co2_g"]
    assert bought.figures["output_co2_g"].value == plain.figures["output_co2_g"].value
    kwh = bought.figures["facility_j"].value / 3.6e6
    expected = kwh * (0.5 * 12 + 0.5 * bought.zone.g_per_kwh)
    assert bought.figures["use_market_co2_g"].value == pytest.approx(expected)
    assert bought.figures["output_market_co2_g"].value < bought.figures["output_co2_g"].value


def test_market_based_carbon_without_evidence_is_refused():
    with pytest.raises(InvalidScenario, match="evidence"):
        read_scenario(ESSONNE + '\n[contract]\ng_per_kwh = 0\nevidence = " "\n')
