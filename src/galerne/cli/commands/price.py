"""``galerne price``: what a million tokens costs here, beside a published price list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from galerne.api import PriceList, price_list
from galerne.chat.bill.figures import rate
from galerne.cli.foundation import Foundation, lay_foundation
from galerne.cli.screen import make_console, method_label, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.clock import SystemClock
from galerne.fleet import model_prices
from galerne.language import Language, phrases
from galerne.ledger import PriceBook, read_prices
from galerne.models import library
from galerne.perf import ServingPlan, serving_plan

N_TOGETHER = 4
"""Conversations at once that a million tokens is reckoned with."""


def price(*, as_json: bool) -> None:
    """Show the prices of the models on this machine, and the list of Mistral's API.

    Raises:
        InvalidTariff: the file of prices cannot be read.
    """
    settings = read_settings(os.environ)
    foundation = lay_foundation(settings, clock=SystemClock())
    book = read_prices(settings.prices) if settings.prices else PriceBook()
    prices = model_prices(_plans(foundation), book, grid=foundation.grid(), facility=foundation.facility())
    listed = price_list(prices, foundation.catalog)
    if as_json:
        print_json(listed.model_dump())
        return
    _print(listed, settings.language)


def _plans(foundation: Foundation) -> Iterator[tuple[str, ServingPlan]]:
    """Every model file of this machine, on its processors as the packaged engine runs it."""
    machine = replace(foundation.machine(), accelerators=())
    for file in library(foundation.settings.models_folder).files:
        yield (
            file.model_id,
            serving_plan(
                foundation.catalog,
                file.spec,
                file.weight_format,
                machine,
                context_tokens=foundation.settings.context_tokens,
                max_sequences=N_TOGETHER,
            ),
        )


def _print(listed: PriceList, language: Language) -> None:
    words, console = phrases("galerne.cli", language), make_console()

    def amount(value: float) -> str:
        return str(rate(value, "€", language=language))

    columns = ("model", "price_input", "price_cached", "price_output", "price_kind", "method")
    ours = plain_table(*(words[name] for name in columns), title=words["price_title"], secondary=(5, 4, 2))
    for row in listed.data:
        ours.add_row(
            row.model,
            amount(row.input_eur_per_million),
            amount(row.cached_eur_per_million),
            amount(row.output_eur_per_million),
            words[f"price_kind_{row.kind}"],
            method_label(row.method, language),
        )
    console.print(ours)
    if any(row.kind == "electricity" for row in listed.data):
        console.print(words["price_hint"], style="dim", markup=False)
    date = max((offer.date for offer in listed.offers), default="")
    theirs = plain_table(
        *(words[name] for name in (*columns[:4], "price_status")),
        title=words["price_mistral"].format(date=date),
        secondary=(4, 2),
    )
    for offer in listed.offers:
        theirs.add_row(
            offer.name,
            amount(offer.input_eur_per_million),
            amount(offer.cached_eur_per_million),
            amount(offer.output_eur_per_million),
            offer.status,
        )
    console.print(theirs)
    console.print(words["price_boundary"], style="dim", markup=False)
