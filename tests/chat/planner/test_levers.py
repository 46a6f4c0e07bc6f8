import tomllib

import pytest

from galerne.chat.planner import LEVERS, changes_of, fields_of, query_of
from galerne.site import read_scenario
from galerne.site.scenario.edits import edit_scenario, read_changes
from galerne.site.worked import worked_cases

ZONES = {"essonne": "FR", "nancy": "FR", "lyon": "FR", "tokyo": "JP"}
CASES = ["essonne", "hospital", "le-chat", "university"]


def case(name: str) -> dict:
    return tomllib.loads(worked_cases()[name])


def made(name: str, **asked: str):
    asked = {key.replace("__", "."): text for key, text in asked.items()}
    changes = changes_of(case(name), asked, zones=ZONES)
    return read_scenario(edit_scenario(worked_cases()[name], read_changes(changes)))


@pytest.mark.parametrize("name", CASES)
def test_levers_left_alone_change_nothing(name):
    shown = fields_of(case(name), zone_of_place="FR")
    assert changes_of(case(name), {}, zones=ZONES) == ()
    assert changes_of(case(name), shown, zones=ZONES) == ()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", ["connection", "systems", "people"])
def test_every_case_can_be_sized_in_every_way(name, size):
    scenario = made(name, size=size)
    assert (scenario.load is not None) == (size == "people")
    assert size != "systems" or scenario.compute.n_systems


def test_numbers_are_meant_in_the_scenarios_units():
    scenario = made(
        "essonne", site__contracted_w="20", workload__load_ratio="40", objective__token_interval_s="50"
    )
    assert (scenario.site.contracted_w, scenario.workload.load_ratio) == (20e6, 0.4)
    assert scenario.objective.token_interval_s == pytest.approx(0.02)


def test_a_range_moves_with_its_best_value():
    years = made("essonne", money__it_life_years="10").money.it_life_years
    assert (years.low, years.best, years.high) == (6.0, 10.0, 12.0)


def test_another_place_leaves_the_prices_of_the_first_behind():
    scenario = made("essonne", site__place="tokyo")
    assert (scenario.site.place, scenario.site.zone) == ("tokyo", "JP")
    assert scenario.money.electricity_eur_per_kwh is None
    assert scenario.money.build_cost is None
    near = made("essonne", site__place="lyon")
    assert near.money.electricity_eur_per_kwh is not None
    own = made("le-chat", site__place="tokyo", money__electricity_eur_per_kwh="0.1")
    assert own.money.electricity_eur_per_kwh.best == 0.1


def test_the_backup_power_is_exchanged_in_its_chain():
    stages = made("essonne", ups="ups-double-conversion").site.power_stages
    assert stages == ("busway", "ups-double-conversion", "mv-transformer", "hv-transformer")


def test_what_is_no_number_is_left_for_the_api_to_refuse():
    changes = changes_of(case("essonne"), {"site.contracted_w": "much"}, zones=ZONES)
    assert changes == ('site.contracted_w="much"',)


def test_an_address_keeps_what_is_ours_and_reads_both_decimal_marks():
    asked = [("case", "essonne"), ("workload.peak_ratio", " 1,4 "), ("evil", "x"), ("size", "people")]
    assert query_of(asked) == {"case": "essonne", "workload.peak_ratio": "1.4", "size": "people"}


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.path)
def test_what_is_shown_is_what_is_meant(lever):
    for shown in (lever.low or 1.0, lever.high):
        assert lever.shown(lever.meant(shown)) == pytest.approx(shown, rel=1e-6)
