import pytest

from galerne.errors import InvalidScenario
from galerne.site import read_scenario
from galerne.site.scenario.edits import edit_scenario, read_changes
from tests.site.factories import ESSONNE


def test_a_value_changes_and_comments_stay():
    text = edit_scenario(ESSONNE, {"site.place": "lyon", "workload.load_ratio": 0.4})
    scenario = read_scenario(text)
    assert (scenario.site.place, scenario.workload.load_ratio) == ("lyon", 0.4)
    assert text.count("#") == ESSONNE.count("#") - 2
    assert 'place = "lyon"\n' in text


def test_nothing_changed_is_the_same_scenario():
    assert edit_scenario(ESSONNE, {}) == ESSONNE


def test_a_section_comes_and_goes():
    asked = edit_scenario(
        ESSONNE,
        {
            "workload.load_ratio": None,
            "site.contracted_w": None,
            "load.n_users": 1000,
            "load.answers_per_user": {"best": 8, "low": 4, "high": 15},
        },
    )
    assert read_scenario(asked).load.answers_per_user.high == 15
    back = edit_scenario(asked, {"load": None, "workload.load_ratio": 0.5, "site.contracted_w": 1e6})
    assert read_scenario(back).load is None


def test_lists_of_tables_are_left_alone():
    text = edit_scenario(ESSONNE, {"sampling.seed": 1, "money.it_life_years": 4.0})
    assert len(read_scenario(text).reported) == len(read_scenario(ESSONNE).reported)


def test_a_value_over_several_lines_is_not_broken():
    text = ESSONNE.replace('"busway", "ups-eco",', '"busway",\n  "ups-eco",')
    with pytest.raises(InvalidScenario, match="one key on one line"):
        edit_scenario(text, {"site.power_stages": ["busway"]})
    assert read_scenario(edit_scenario(text, {"site.place": "lyon"})).site.place == "lyon"


def test_changes_are_read_as_toml_or_as_plain_words():
    changes = read_changes(["site.place=lyon", "workload.load_ratio=0.4", "load=", 'site.name="A = B"'])
    assert changes == {
        "site.place": "lyon",
        "workload.load_ratio": 0.4,
        "load": None,
        "site.name": "A = B",
    }


@pytest.mark.parametrize("assignment", ["site.place", "=3", "Site.place=x", "a.b.c=1"])
def test_what_is_no_change_is_refused(assignment):
    with pytest.raises(InvalidScenario, match=r"section\.key=value"):
        read_changes([assignment])


@pytest.mark.parametrize("value", ["nan", "{ best = 1, low = nan, high = 2 }"])
def test_what_is_no_number_is_called_so(value):
    with pytest.raises(InvalidScenario, match="nan is no number"):
        read_changes([f"site.contracted_w={value}"])


def test_a_section_takes_no_value():
    with pytest.raises(InvalidScenario, match="name a key"):
        edit_scenario(ESSONNE, {"load": 3})
