import pytest

from galerne.language import Language
from galerne.site import name_input
from galerne.site.shown.wording import wording_in
from tests.site.factories import changed, plan_of


def swing(plan, name):
    return next(swing for swing in plan.tornado if swing.name == name)


def test_the_widest_stands_first():
    widths = [swing.swing_eur for swing in plan_of().tornado]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 0


def test_a_swing_is_the_plan_with_that_input_there():
    dear = plan_of(changed(electricity_eur_per_kwh="0.094"))
    high_eur = swing(plan_of(), "Money.electricity_eur_per_kwh").high_eur
    assert high_eur == pytest.approx(dear.figures["output_eur"].value, rel=1e-12)


def test_a_certain_input_does_not_swing():
    certain = plan_of(changed(discount_ratio="0.09"))
    assert "Money.discount_ratio" not in {swing.name for swing in certain.tornado}
    assert "Money.discount_ratio" in {swing.name for swing in plan_of().tornado}


def test_every_input_has_a_name_in_both_languages():
    for language in Language:
        wording = wording_in(language)
        for item in plan_of().tornado:
            text = name_input(item.name, wording)
            assert text
            assert not text.startswith(("Fact.", "Money."))
