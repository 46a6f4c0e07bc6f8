import numpy as np
import pytest

from galerne.catalog import default_catalog
from galerne.errors import Infeasible, InvalidScenario
from galerne.language import Language
from galerne.site import compare_sites, plan_site, plan_to_json, profile_place, read_scenario
from galerne.site.building.connection import find_lead, served_ratio
from galerne.site.capacity.load import Demand
from galerne.site.shown.worded import warn_of, word_growth, word_plan
from galerne.site.shown.wording import wording_in
from tests.site.factories import ESSONNE, plan_of

FRENCH, ENGLISH = wording_in(Language.FRENCH), wording_in(Language.ENGLISH)


def growing(*phases, today="2e6", extra=""):
    """Twelve million people who double each year for four years, on a connection in steps."""
    dropped = ("load_ratio", "contracted_w")
    lines = [line for line in ESSONNE.splitlines() if not line.startswith(dropped)]
    text = "\n".join(lines).replace("[site]", f"[site]\ncontracted_w = {today}" if today else "[site]")
    load = "\n[load]\nn_users = 1.2e7\nanswers_per_user = 8\ngrowth_ratio = 1.0\nhorizon_years = 4\n"
    return text + load + extra + "".join(f"\n[[phases]]\n{phase}\n" for phase in phases)


BIG = "contracted_w = 60e6"


def demand(mean, *, spare=0):
    return Demand(
        mean_tokens_per_s=mean, busiest_tokens_per_s=2 * mean, busiest_ratio=1.0, n_spare_systems=spare
    )


def served(power_w, mean=100.0, spare=0, text=ESSONNE):
    scenario = read_scenario(text)
    return float(
        served_ratio(demand(mean, spare=spare), scenario, power_w=power_w, system_w=10.0, tokens_per_s=20.0)[
            0
        ]
    )


def test_power_for_the_busiest_hour_serves_everything():
    assert served(80.0) == pytest.approx(1.0)  # 8 systems write 160, the busiest hour asks for 1.6 x 100


def test_less_power_loses_the_busiest_hours_first():
    assert 0.9 < served(70.0) < 1.0
    assert served(20.0) == pytest.approx(0.4, abs=1e-6)  # below every hour: what the systems write
    assert served(5.0) == 0.0


def test_spare_systems_take_their_power_and_serve_nobody():
    assert served(80.0, spare=2) == pytest.approx(served(60.0))


def test_until_the_step_comes_only_a_part_is_served():
    plan = plan_of(growing(BIG))
    ratios = [year.served_ratio for year in plan.growth]
    assert ratios[0] == 1.0
    assert ratios[3] < ratios[2] < 1.0
    assert ratios[4] == 1.0  # France: four years at best
    assert [year.contracted_w for year in plan.growth] == [2e6] * 4 + [60e6]
    assert plan.growth[4].served_low < 1.0 == plan.growth[4].served_high
    figure = plan.figures["horizon_served_ratio"]
    assert figure.low <= figure.value <= figure.high
    assert 0.5 < figure.value < 1.0
    assert figure.deciding


def test_an_agreed_year_needs_no_lead_time():
    plan = plan_of(growing(f"{BIG}\nyear = 1.5"))
    assert plan.figures["connection_wait_years"].value == 1.5
    assert plan.figures["connection_wait_years"].method == "given"
    assert all(year.served_low == year.served_high for year in plan.growth)


def test_a_step_in_the_middle_of_a_year_serves_half_of_what_it_adds():
    whole, half, none = (
        plan_of(growing(f"{BIG}\nyear = {year}")).growth[3].served_ratio for year in (3.0, 3.5, 4.0)
    )
    assert half == pytest.approx((whole + none) / 2)


def test_a_later_order_is_served_later():
    early, late = (
        plan_of(growing(f"{BIG}\nordered_year = {year}")).figures["horizon_served_ratio"].value
        for year in (-2, 1)
    )
    assert early > late


def test_nothing_stands_today_without_a_contracted_power():
    plan = plan_of(growing(f"{BIG}\nyear = 2", today=""))
    assert [year.served_ratio for year in plan.growth] == [0.0, 0.0, 1.0, 1.0, 1.0]


def test_steps_that_never_carry_the_demand_are_refused():
    with pytest.raises(Infeasible) as caught:
        plan_of(growing("contracted_w = 3e6"))
    assert caught.value.available == 3e6


@pytest.mark.parametrize(
    ("phases", "path"),
    [
        (("contracted_w = 1e6",), "phases[0].contracted_w"),
        ((BIG, "contracted_w = 50e6"), "phases[1].contracted_w"),
        ((f"{BIG}\nlead_years = 25",), "phases[0].lead_years"),
    ],
)
def test_steps_that_cannot_be_are_refused(phases, path):
    with pytest.raises(InvalidScenario) as caught:
        plan_of(growing(*phases))
    assert caught.value.path == path


def test_steps_need_a_load():
    with pytest.raises(InvalidScenario) as caught:
        plan_of(ESSONNE + f"\n[[phases]]\n{BIG}\n")
    assert caught.value.path == "phases"


def test_a_country_without_a_known_lead_time_asks_for_one():
    text = growing(BIG).replace('place = "essonne"', 'place = "stockholm"')
    text = text.replace('zone = "FR"', 'zone = "SE"')
    with pytest.raises(InvalidScenario) as caught:
        plan_of(text)
    assert caught.value.path == "phases[0].lead_years"
    assert "SE" in caught.value.problem
    assert plan_of(text + "lead_years = { best = 3, low = 2, high = 4 }\n").growth[-1].served_ratio == 1.0


def test_every_country_named_has_its_source():
    catalog = default_catalog()
    leads = {zone: lead for zone, row in catalog.zones.rows.items() if (lead := find_lead(catalog, row))}
    assert {"FR", "US", "DE", "GB", "NL", "IE"} == set(leads)
    assert all(lead.unit == "years" and catalog.source_of(lead, "value").url for lead in leads.values())
    assert profile_place(catalog, "essonne").lead_years.best == 4.0
    assert profile_place(catalog, "stockholm").lead_years is None


def test_the_planner_is_told_in_both_languages():
    plan = plan_of(growing(BIG))
    for wording, word in ((ENGLISH, "outgrows"), (FRENCH, "dépasse le raccordement")):
        assert any(word in text for text in warn_of(plan, wording))
        table = word_growth(plan, wording)
        assert len(table["rows"]) == 5
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
    assert word_plan(plan, language=Language.FRENCH)["growth"]["rows"][4][-1] == "0"  # year 4 less 4 years
    assert plan_to_json(plan)["growth"][3]["served_ratio"] < 1.0


def test_power_that_should_have_been_ordered_is_said():
    plan = plan_of(growing(today="").replace("horizon_years = 4", "horizon_years = 1"))
    assert any("had to be ordered by year −3" in text for text in warn_of(plan, ENGLISH))


def test_contracted_over_mean_power_is_a_figure_of_every_plan():
    figures = plan_of().figures
    ratio = figures["mean_facility_w"].value / figures["contracted_w"].value
    assert figures["contracted_use_ratio"].value == pytest.approx(ratio)


def test_places_are_compared_by_what_their_connections_let_be_served():
    text = growing(BIG) + (
        '\n[[candidates]]\nplace = "stockholm"\nlead_years = { best = 1, low = 1, high = 2 }\n'
    )
    comparison = compare_sites(
        read_scenario(text),
        catalog=default_catalog(),
        places=["essonne", "frankfurt", "stockholm", "helsinki"],
    )
    served = {place.place_id: place.figures["horizon_served_ratio"].value for place in comparison.places}
    assert served["stockholm"] > served["essonne"] > served["frankfurt"]
    assert "lead_years" in comparison.left_out["helsinki"] or "FI" in comparison.left_out["helsinki"]
    assert {place.place_id: place.lead_years.best for place in comparison.places}["stockholm"] == 1.0


def test_samples_share_the_lead_time_of_a_country():
    plan = plan_site(read_scenario(growing(BIG, "contracted_w = 80e6")), catalog=default_catalog())
    assert np.isfinite(plan.figures["connection_wait_years"].high)
    assert 3.0 < plan.figures["connection_wait_years"].low < 4.0
