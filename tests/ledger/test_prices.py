import dataclasses

import pytest

from galerne.energy import EnergySplit
from galerne.errors import InvalidTariff
from galerne.ledger import Tokens, impact_of, read_prices
from galerne.ledger.limits import Unit, amounts_of
from galerne.ledger.rows import factors_of, factors_row
from galerne.units import KWH_J, YEAR_S
from tests.ledger.bench import FACTORS

FIXED = """
[mini]
kind = "fixed"
source = "List of our lab"
input_eur_per_million_tokens = 0.10
cached_eur_per_million_tokens = 0.01
output_eur_per_million_tokens = 0.30
"""
COST_PLUS = """
[default]
kind = "cost-plus"
source = "Invoice 118"
hardware_eur = 2400
life_years = 5
utilisation_ratio = 0.25
margin_ratio = 0.1
"""
USED = Tokens(prompt_tokens=1000, cached_tokens=400, new_tokens=200)


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(FIXED + COST_PLUS)
    return read_prices(path)


def impact_with(price, tokens=USED, device_s=2.0):
    factors = dataclasses.replace(FACTORS, price=price)
    return impact_of(EnergySplit(host_j=0.01 * KWH_J), device_s=device_s, factors=factors, tokens=tokens)


def test_a_fixed_price_counts_tokens_read_remembered_and_written(book):
    impact = impact_with(book.of("mini"))
    assert impact.charged_eur == pytest.approx((600 * 0.10 + 400 * 0.01 + 200 * 0.30) / 1e6)
    assert impact.cost_eur == impact_with(None).cost_eur


def test_cost_plus_is_electricity_and_machine_time_with_a_margin(book):
    impact = impact_with(book.of("any other"))
    hardware_eur = 2.0 * 2400 / (5 * YEAR_S * 0.25)
    assert impact.charged_eur == pytest.approx(1.1 * (impact.cost_eur + hardware_eur))


def test_without_a_price_the_electricity_is_charged():
    impact = impact_with(None)
    assert impact.charged_eur == impact.cost_eur


def test_budgets_in_euros_count_the_price(book):
    impact = impact_with(book.of("mini"))
    amounts = amounts_of(tokens=1200, total_uj=1, impact=impact)
    assert amounts[Unit.COST] == round(impact.charged_eur * 1e9)


def test_prices_are_linear_so_sums_may_be_priced_at_once(book):
    for name in ("mini", "other"):
        one = impact_with(book.of(name))
        factors = dataclasses.replace(FACTORS, price=book.of(name))
        twice = Tokens(prompt_tokens=2000, cached_tokens=800, new_tokens=400)
        together = impact_of(EnergySplit(host_j=0.02 * KWH_J), device_s=4.0, factors=factors, tokens=twice)
        assert (one + one).charged_eur == pytest.approx(together.charged_eur)


def test_a_price_is_frozen_with_the_answer_and_factors_of_old_keep_their_hash(book):
    priced = dataclasses.replace(FACTORS, price=book.of("mini"))
    assert factors_of(factors_row(priced)["contents"]) == priced
    assert '"price":' not in factors_row(FACTORS)["contents"]
    rested = dataclasses.replace(
        FACTORS.machine, idle_w=3.5, idle_method="measured", idle_source="galerne-idle"
    )
    measured = dataclasses.replace(FACTORS, machine=rested)
    assert factors_of(factors_row(measured)["contents"]) == measured
    assert measured.sources()["idle_w"] == "galerne-idle"
    assert "idle" not in factors_row(FACTORS)["contents"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("x = 1", "x"),
        ('[a]\nkind = "free"', "kind"),
        ('[a]\nkind = ["fixed"]', "kind"),
        (FIXED.replace('source = "List of our lab"', ""), "source"),
        (FIXED.replace("0.10", "-1"), "input_eur_per_million_tokens"),
        (FIXED.replace("output_eur", "ouput_eur"), "ouput"),
        (COST_PLUS.replace("0.25", "0"), "utilisation_ratio"),
        (COST_PLUS.replace("life_years = 5\n", ""), "life_years"),
    ],
)
def test_a_file_that_cannot_be_is_refused_by_the_name_of_the_key(tmp_path, text, named):
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(InvalidTariff, match=named):
        read_prices(path)
