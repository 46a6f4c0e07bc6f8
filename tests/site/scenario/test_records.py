import pytest

from galerne.errors import InvalidScenario
from galerne.site import locate_fault, read_scenario
from tests.site.factories import ESSONNE, EXAMPLE, changed, plan_of


def test_the_example_reads():
    scenario = read_scenario(ESSONNE)
    assert scenario.site.contracted_w == 44e6
    assert scenario.money.it_life_years.low == 3
    assert scenario.workload.peak_hour == 15
    assert len(scenario.reported) == 6


def test_the_fingerprint_follows_the_text():
    assert read_scenario(ESSONNE).fingerprint == read_scenario(ESSONNE).fingerprint
    assert read_scenario(ESSONNE).fingerprint != read_scenario(changed(seed="1")).fingerprint


def test_an_optional_price_may_be_left_out():
    text = "\n".join(line for line in ESSONNE.splitlines() if not line.startswith("electricity_"))
    assert read_scenario(text).money.electricity_eur_per_kwh is None
    assert plan_of(text).figures["yearly_energy_eur"].value > 0


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("this is not toml", "scenario"),
        (ESSONNE + "\n[weather]\nhot = true\n", "scenario.weather"),
        (ESSONNE.replace("contracted_w =", "contracted_mw ="), "site.contracted_mw"),
        (ESSONNE.replace("seed = 2026", ""), "sampling.seed"),
        (ESSONNE.split("[compute]")[0], "compute"),
        (changed(contracted_w='"44 MW"'), "site.contracted_w"),
        (changed(contracted_w="-1.0"), "site.contracted_w"),
        (changed(contracted_w="nan"), "site.contracted_w"),
        (changed(contracted_w="true"), "site.contracted_w"),
        (changed(reserve_ratio="10"), "site.reserve_ratio"),
        (changed(peak_hour="24"), "workload.peak_hour"),
        (changed(peak_hour="3.5"), "workload.peak_hour"),
        (changed(load_ratio="0.9"), "workload.peak_ratio"),
        (changed(power_stages='"busway"'), "site.power_stages"),
        (changed(discount_ratio="{ best = 0.05, low = 0.07, high = 0.12 }"), "money.discount_ratio"),
        (changed(discount_ratio="{ best = 0.05 }"), "money.discount_ratio"),
        (changed(discount_ratio="{ best = 0.05, worst = 1 }"), "money.discount_ratio.worst"),
        ("reported = 3\n" + ESSONNE, "scenario"),
        (
            ESSONNE.split("[[reported]]")[0] + "[[reported]]\nfigure = 'pue_ratio'\nvalue = 1.1\n",
            "reported[0].source",
        ),
    ],
)
def test_what_cannot_be_read_names_its_path(text, path):
    with pytest.raises(InvalidScenario) as caught:
        read_scenario(text)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (changed(place='"essone"'), "site.place"),
        (changed(zone='"XX"'), "site.zone"),
        (changed(cooling_plant='"ice"'), "site.cooling_plant"),
        (changed(power_stages='["busway", "magic"]'), "site.power_stages"),
        (changed(system='"gb300"'), "compute.system"),
        (changed(model='"gpt"'), "compute.model"),
        (changed(build_cost='"eur-per-usd-2026-08"'), "money.build_cost"),
        (changed(prompt_tokens="400000"), "workload.prompt_tokens"),
        (changed(figure='"happiness"'), "reported[0].figure"),
        (changed(source='"a-friend"'), "reported[0].source"),
        (changed(value="0"), "reported[0].value"),
    ],
)
def test_what_the_catalogue_does_not_know_names_its_path(text, path):
    with pytest.raises(InvalidScenario) as caught:
        plan_of(text)
    assert caught.value.path == path


def test_a_slip_of_the_pen_gets_a_hint():
    with pytest.raises(InvalidScenario, match="did you mean 'essonne'"):
        plan_of(changed(place='"essone"'))


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("peak_hour = 15", "peak_hour = 99", "workload.peak_hour"),
        ('source = "scaleway-dc5"', "sauce = 1", "reported[3].sauce"),
        ("[sampling]", "[samplings]", "sampling"),
    ],
)
def test_a_fault_is_told_with_its_file_and_row(before, after, where):
    text = EXAMPLE.replace(before, after, 1)
    with pytest.raises(InvalidScenario) as caught:
        read_scenario(text)
    located = locate_fault(caught.value, text, file="mine.toml")
    row = next((n for n, line in enumerate(text.splitlines(), start=1) if line.startswith(after)), None)
    told = located.path.split(": ")
    assert told[0] == (f"mine.toml:{row}" if where != "sampling" else "mine.toml")
    assert told[1].startswith(where) or where == "sampling"


def test_a_fault_of_another_file_keeps_its_name():
    fault = InvalidScenario(path="hours.csv:12", problem="x")
    assert locate_fault(fault, EXAMPLE, file="mine.toml") is fault


def test_what_is_no_toml_names_the_file():
    with pytest.raises(InvalidScenario) as caught:
        read_scenario("[site")
    assert locate_fault(caught.value, "[site", file="mine.toml").path == "mine.toml"
