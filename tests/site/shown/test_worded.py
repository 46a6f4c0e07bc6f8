import pytest

from galerne.catalog import default_catalog
from galerne.language import Language
from galerne.site import plan_site, plan_to_json, read_scenario
from galerne.site.shown.worded import warn_of, word_ends, word_plan
from galerne.site.shown.wording import wording_in
from tests.site.factories import ESSONNE, changed, plan_of

FRENCH, ENGLISH = (wording_in(language) for language in (Language.FRENCH, Language.ENGLISH))


def test_every_figure_and_every_part_has_words():
    plan = plan_of()
    words, numbers = word_plan(plan, language=Language.FRENCH), plan_to_json(plan)
    assert list(words["figures"]) == [figure["name"] for figure in numbers["figures"]]
    for table, parts in numbers["breakdown"].items():
        assert list(words["breakdown"][table]) == list(parts)
    assert len(words["tornado"]) == len(numbers["tornado"])
    assert words["figures"]["model_storage_bytes"]["value"].endswith("To")
    assert words["figures"]["accelerator_output_tokens_per_s"]["value"].endswith("jetons/s")


def test_an_objective_missed_within_the_range_is_said():
    texts = list(warn_of(plan_of(), ENGLISH))
    assert any(text.startswith("Time between tokens: 32") and "33\xa0ms" in text for text in texts)
    easy = plan_of(changed(token_interval_s="0.2", load_ratio="0.3"))
    high_s, wanted_s = easy.figures["token_interval_s"].high, easy.scenario.objective.token_interval_s
    assert (high_s > wanted_s) == any("between tokens" in text for text in warn_of(easy, ENGLISH))


def test_what_an_input_does_not_move_is_a_dash():
    assert word_ends(5.11, 5.11, "g", FRENCH) == "–"
    assert word_ends(5.2, 4.1, "g", FRENCH) == "4,1 à 5,2\xa0g"


def test_a_swing_has_its_unit_and_its_source():
    swings = {swing.name: swing for swing in plan_of().tornado}
    assert swings["Money.electricity_eur_per_kwh"].unit == "EUR/kWh"
    assert swings["SystemSpec.gb300-nvl72.price_usd"].unit == "USD"
    assert swings["Money.it_life_years"].unit == "years"
    assert all(swing.source in plan_of().sources for swing in plan_of().tornado)


def test_what_the_scenario_says_is_given_and_what_decides_is_named():
    figures = plan_of().figures
    assert figures["contracted_w"].method == "given"
    assert figures["contracted_w"].sources == ("scenario",)
    assert figures["load_ratio"].method == "given"
    assert figures["pue_ratio"].method == "modelled"
    for figure in figures.values():
        assert 1 <= len(figure.deciding) <= 2
        assert set(figure.deciding) <= set(figure.sources)
    assert figures["cue_g_per_kwh"].deciding == (plan_of().zone.sources["default"],)


def test_a_number_of_systems_is_given_and_the_connection_is_not():
    text = changed(contracted_w="44e6\nx = 1").replace("contracted_w = 44e6\nx = 1\n", "")
    text = text.replace("[workload]", "n_systems = 2\n\n[workload]", 1)
    figures = plan_of(text).figures
    assert (figures["n_systems"].method, figures["n_racks"].method) == ("given", "derived")
    assert figures["contracted_w"].method == "modelled"


def test_a_quick_plan_has_the_same_values_and_nearly_the_same_ranges():
    whole = plan_of()
    quick = plan_site(read_scenario(ESSONNE), catalog=default_catalog(), quick=True)
    for name, figure in whole.figures.items():
        assert quick.figures[name].value == figure.value
        for end in ("low", "high"):
            assert getattr(quick.figures[name], end) == pytest.approx(getattr(figure, end), rel=0.05), name


def test_a_quick_plan_knows_the_contract_too():
    contract = '\n[contract]\ng_per_kwh = { best = 12, low = 6, high = 20 }\nevidence = "PPA 17"\n'
    whole, quick = (
        plan_site(read_scenario(ESSONNE + contract), catalog=default_catalog(), quick=quick)
        for quick in (False, True)
    )
    assert set(quick.figures) == set(whole.figures)
    ours, other = (plan.figures["output_market_co2_g"] for plan in (quick, whole))
    assert ours.high == pytest.approx(other.high, rel=0.05)


def test_a_site_may_bring_its_own_carbon():
    text = ESSONNE.replace("[compute]", "grid_g_per_kwh = { best = 10, low = 8, high = 12 }\n\n[compute]", 1)
    figure = plan_of(text).figures["cue_g_per_kwh"]
    assert figure.value == pytest.approx(10 * plan_of(text).figures["pue_ratio"].value)
    assert figure.low == pytest.approx(8 * plan_of(text).figures["pue_ratio"].value, rel=0.1)
    assert "scenario" in figure.sources
