"""What a million tokens of each model costs and is sold for here, by the shared model of performance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from galerne.energy import EnergySplit, FacilityFactors, electricity_eur
from galerne.grid import GridSignal
from galerne.ledger import PriceBook, Tokens, price_eur
from galerne.perf import BatchShape, ServingPlan, predict_step

MILLION = 1_000_000
PROMPT_TOKENS = 1000
CONTEXT_TOKENS = 1000.0
"""Of the conversations that a million tokens is reckoned over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPrice:
    """A million tokens of one model on this machine.

    Attributes:
        kind: ``fixed`` or ``cost-plus``; ``electricity`` where no price is set.
        method: how they are known: ``published`` where fixed, else ``modelled``.
        input_eur_per_million: a million tokens of prompts that are read.
        cached_eur_per_million: of prompts that are remembered.
        output_eur_per_million: of answers.
        electricity_eur_per_million: a million tokens of answers, electricity alone.
        source: of the price, in the operator's words; empty where none is set.
    """

    model_id: str
    kind: str
    method: str
    input_eur_per_million: float
    cached_eur_per_million: float
    output_eur_per_million: float
    electricity_eur_per_million: float
    source: str


def model_prices(
    plans: Iterable[tuple[str, ServingPlan]], book: PriceBook, *, grid: GridSignal, facility: FacilityFactors
) -> list[ModelPrice]:
    """Prices of models, each under the plan it runs under, with every place taken.

    Electricity and machine time are the shared model's; a cached token takes neither.
    """
    return [_model_price(model_id, plan, book, grid=grid, facility=facility) for model_id, plan in plans]


def _model_price(
    model_id: str, plan: ServingPlan, book: PriceBook, *, grid: GridSignal, facility: FacilityFactors
) -> ModelPrice:
    n_together = float(plan.max_sequences)
    prefill = predict_step(plan, BatchShape(n_sequences=1.0, prompt_tokens=float(PROMPT_TOKENS)))
    decode = predict_step(plan, BatchShape(n_sequences=n_together, context_tokens=CONTEXT_TOKENS))
    read_times, written_times = MILLION / PROMPT_TOKENS, MILLION / n_together

    def paid_eur(split: EnergySplit) -> float:
        return float(electricity_eur(split, facility, eur_per_kwh=grid.eur_per_kwh))

    read_eur = read_times * paid_eur(EnergySplit(accelerator_j=prefill.accelerator_j, host_j=prefill.host_j))
    written_eur = written_times * paid_eur(
        EnergySplit(accelerator_j=decode.accelerator_j, host_j=decode.host_j)
    )
    price = book.of(model_id)
    if price is None:
        asked = (read_eur, 0.0, written_eur)
    else:
        kinds = (
            (Tokens(prompt_tokens=MILLION), read_times * float(prefill.duration_s), read_eur),
            (Tokens(prompt_tokens=MILLION, cached_tokens=MILLION), 0.0, 0.0),
            (Tokens(new_tokens=MILLION), written_times * float(decode.duration_s), written_eur),
        )
        asked_eur = [
            price_eur(price, tokens, device_s=device_s, electricity_eur=paid) or 0.0
            for tokens, device_s, paid in kinds
        ]
        asked = (asked_eur[0], asked_eur[1], asked_eur[2])
    return ModelPrice(
        model_id=model_id,
        kind=price.kind if price else "electricity",
        method="published" if price and price.kind == "fixed" else "modelled",
        input_eur_per_million=asked[0],
        cached_eur_per_million=asked[1],
        output_eur_per_million=asked[2],
        electricity_eur_per_million=written_eur,
        source=price.source if price else "",
    )
