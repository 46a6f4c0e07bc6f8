"""``galerne usage`` as a person reads it: nothing wider than a terminal, and the price where one is asked."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import pytest

from galerne.ledger import Events, Ledger, PriceFactors
from galerne.storage import sqlite_url
from tests.contract.ledgers import make_answer, make_entry, make_settlement
from tests.ledger.bench import FACTORS, make_usage

PRICE = PriceFactors(
    kind="fixed",
    source="our list",
    input_eur_per_token=2e-6,
    cached_eur_per_token=1e-6,
    output_eur_per_token=6e-6,
)
LONG = "mistral-small-3.2-24b-instruct-2506"


def fill(home: Path, price: PriceFactors | None) -> None:
    factors = dataclasses.replace(FACTORS, price=price)
    ledger = Ledger.open(sqlite_url(home / "ledger.db"))
    for number, model_id in enumerate((LONG, "galerne-mini", LONG)):
        usage = make_usage(prompt_tokens=123_456_789, new_tokens=98_765_432)
        answer = make_answer(number, model_id=model_id, usage=usage, factors=factors)
        settlement = make_settlement(answer, revision=2, active_uj=987_654_321_012)
        ledger.append(Events(answers=[answer], settlements=[settlement], entries=[make_entry(number)]))
    ledger.close()


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("group", ["model", "day"])
def test_the_overview_fits_eighty_columns_and_says_energy_and_price(here, home, language, group):
    fill(home, PRICE)
    shown = here("usage", "--by", group, COLUMNS="80", GALERNE_LANGUAGE=language).output
    assert max(map(len, shown.splitlines())) <= 80
    assert {"en": "price", "fr": "prix"}[language] in shown
    assert "MJ" in shown
    assert "€" in shown
    assert "…" not in shown


def test_without_a_price_of_the_operator_there_is_no_column_for_it(here, home):
    fill(home, None)
    assert "price" not in here("usage", COLUMNS="120").output


def test_the_spreadsheet_has_what_is_asked_beside_the_electricity(here, home):
    fill(home, PRICE)
    (row,) = csv.DictReader(io.StringIO(here("usage", "--by", "total", "--csv").output))
    assert float(row["charged_eur"]) == pytest.approx(3 * (123_456_789 * 2e-6 + 98_765_432 * 6e-6))
    assert 0 < float(row["cost_eur"]) < float(row["charged_eur"])
    assert row["accelerator_j"] == row["host_j"] == ""
