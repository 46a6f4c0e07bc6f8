import pytest

from galerne.language import Language
from galerne.site.figures import FIGURES
from galerne.site.shown.wording import wording_in
from tests.site.factories import plan_of

ENGLISH, FRENCH = wording_in(Language.ENGLISH), wording_in(Language.FRENCH)


@pytest.mark.parametrize(
    ("value", "unit", "english", "french"),
    [
        (44e6, "W", "44 MW", "44 MW"),
        (1.0911, "1", "1.091", "1,091"),
        (16776.0, "1", "16,776", "16 776"),
        (0.09139, "EUR/Mtok", "€0.0914", "0,0914 €"),
        (287e6, "EUR", "€287 million", "287 M€"),
        (1.1845e9, "EUR", "€1.18 billion", "1,18 Md€"),
        (0.0, "L", "0 L", "0 L"),
        (0.322, "L/Mtok", "322 mL", "322 mL"),
        (1.14e10, "g", "11.4 kt", "11,4 kt"),
        (9.9e14, "J", "275 GWh", "275 GWh"),
        (0.316, "J/tok", "316 mJ", "316 mJ"),
        (2.1423e15, "tokens", "2,140 trillion", "2 140 billions"),
        (0.0327, "s", "32.7 ms", "32,7 ms"),
        (0.5, "1", "0.5", "0,5"),
    ],
)
def test_quantities_read_well(value, unit, english, french):
    def plain(text):
        return text.replace("\u00a0", " ").replace("\u202f", " ")

    assert plain(ENGLISH.quantity(value, unit)) == english
    assert plain(FRENCH.quantity(value, unit)) == french


def test_a_range_shares_the_unit_of_its_value():
    text = ENGLISH.between(9.0e5, 1.2e6, "W", best=1.0e6)
    assert text.replace("\u00a0", " ") == "0.9 to 1.2 MW"


def test_a_certain_figure_has_no_range():
    assert ENGLISH.span(plan_of().figures["contracted_w"]) == ""


def test_every_figure_has_a_name_in_both_languages():
    for wording in (ENGLISH, FRENCH):
        assert all(wording.phrases[f"figure_{name}"] for name in FIGURES)


def test_shares_are_percent_for_readers():
    assert ENGLISH.percent(0.57) == "57%"
    assert FRENCH.percent(0.0432) == "4,3\u202f%"
