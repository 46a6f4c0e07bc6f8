import pytest

from galerne.catalog import default_catalog
from galerne.energy import FacilityFactors
from galerne.fleet import model_prices
from galerne.grid import annual_signal
from galerne.ledger import PriceBook, PriceFactors
from tests.fleet.stand import make_node

HOME = FacilityFactors()


@pytest.fixture(scope="module")
def plans():
    node = make_node()
    return [(node.model_id, node.plan)]


def priced(plans, book, eur_per_kwh=0.2):
    grid = annual_signal(default_catalog(), "FR", 0.0, eur_per_kwh=eur_per_kwh)
    return model_prices(plans, book, grid=grid, facility=HOME)[0]


def test_without_a_price_it_is_the_electricity_and_a_remembered_token_takes_none(plans):
    price = priced(plans, PriceBook())
    assert (price.kind, price.method) == ("electricity", "modelled")
    assert price.output_eur_per_million == price.electricity_eur_per_million > 0
    assert price.cached_eur_per_million == 0
    assert priced(plans, PriceBook(), 0.4).output_eur_per_million == pytest.approx(
        2 * price.output_eur_per_million
    )


def test_a_fixed_price_is_the_operators(plans):
    fixed = PriceFactors(
        kind="fixed",
        source="list",
        input_eur_per_token=1e-7,
        cached_eur_per_token=1e-8,
        output_eur_per_token=3e-7,
    )
    price = priced(plans, PriceBook(by_model={plans[0][0]: fixed}))
    assert (price.kind, price.method, price.source) == ("fixed", "published", "list")
    assert price.input_eur_per_million == pytest.approx(0.1)
    assert price.cached_eur_per_million == pytest.approx(0.01)
    assert price.output_eur_per_million == pytest.approx(0.3)


def test_cost_plus_adds_the_time_of_the_machine_and_the_margin(plans):
    price = PriceFactors(kind="cost-plus", source="invoice", hardware_eur_per_s=1e-5, margin_ratio=0.5)
    without = PriceFactors(kind="cost-plus", source="invoice")
    dear, cheap = (priced(plans, PriceBook(by_model={"default": factors})) for factors in (price, without))
    assert cheap.output_eur_per_million == pytest.approx(cheap.electricity_eur_per_million)
    assert dear.output_eur_per_million > 1.5 * cheap.output_eur_per_million
