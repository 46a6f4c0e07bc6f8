"""Which models fit a machine, in which format, and which one to take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from galerne.catalog import Catalog, Machine, ModelSpec, WeightFormat
from galerne.perf.fit import fit_plan, serving_plan
from galerne.perf.records import Fit

LOCAL_FORMATS = ("q8_0", "q6_k", "q5_k_m", "q4_k_m")
"""Formats a local engine is offered, best quality first."""
LOCAL_ENGINE = "llama.cpp"
COMFORTABLE_TOKENS_PER_S = 4.0
"""A recommended model writes at least about as fast as one reads: 238 words a minute (Brysbaert 2019)."""
RECENT_YEARS = 2
"""A recommended model is at most so much older than the newest known: size alone is not quality."""
RECOMMENDED_HEADROOM_RATIO = 0.1
"""Share of the free memory a recommended model leaves to everything else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What fits here.

    Attributes:
        fits: one entry per model, in its best format that fits and is fast enough to read, else the smallest;
            the model that needs least memory first.
        recommended: the largest recent one for general use that fits comfortably and writes as fast as one
            reads; None where none does.
        next_larger: the smallest recent one for general use that does not fit; its ``headroom_bytes`` says
            how much memory is missing.
    """

    free_bytes: float
    fits: tuple[Fit, ...]
    recommended: Fit | None
    next_larger: Fit | None


def advise(
    catalog: Catalog,
    machine: Machine,
    *,
    free_bytes: float,
    models: Iterable[ModelSpec] | None = None,
    format_ids: Sequence[str] = LOCAL_FORMATS,
    context_tokens: int = 4096,
) -> Advice:
    """Fit every model of the catalogue to this machine's free memory, for one conversation.

    Args:
        catalog: models, formats and calibrations.
        machine: this computer.
        free_bytes: memory free at this moment.
        models: which ones; all by default.
        format_ids: formats to try, best quality first.
        context_tokens: context reserved.
    """
    overhead_bytes = catalog.facts["local-engine-buffers"].value
    formats = [catalog.formats[format_id] for format_id in format_ids]

    def best_fit(model: ModelSpec) -> Fit:
        found = [
            _fit(catalog, machine, model, f, free_bytes, context_tokens, overhead_bytes) for f in formats
        ]
        fitting = [fit for fit in found if fit.fits]
        comfortable = [fit for fit in fitting if fit.tokens_per_s >= COMFORTABLE_TOKENS_PER_S]
        return next(iter(comfortable), (fitting or found)[-1])

    fits = sorted(map(best_fit, models or catalog.models.rows.values()), key=lambda fit: fit.needed_bytes)
    return Advice(
        free_bytes=free_bytes,
        fits=tuple(fits),
        recommended=_recommend(fits, free_bytes),
        next_larger=next((fit for fit in recent_for_general_use(fits) if not fit.fits), None),
    )


def _fit(
    catalog: Catalog,
    machine: Machine,
    model: ModelSpec,
    weight_format: WeightFormat,
    free_bytes: float,
    context_tokens: int,
    overhead_bytes: float,
) -> Fit:
    plan = serving_plan(
        catalog, model, weight_format, machine, context_tokens=context_tokens, engine=LOCAL_ENGINE
    )
    return fit_plan(plan, free_bytes=free_bytes, overhead_bytes=overhead_bytes)


def recent_for_general_use(fits: Sequence[Fit]) -> list[Fit]:
    """Those worth recommending: for general use by anyone, and not much older than the newest known."""
    newest = max((fit.plan.model.released for fit in fits), default="0000")
    oldest = f"{int(newest[:4]) - RECENT_YEARS}{newest[4:]}"
    return [
        fit
        for fit in fits
        if fit.plan.model.purpose == "general"
        and fit.plan.model.commercial_use
        and fit.plan.model.released >= oldest
    ]


def _recommend(fits: Sequence[Fit], free_bytes: float) -> Fit | None:
    comfortable = [
        fit
        for fit in recent_for_general_use(fits)
        if fit.headroom_bytes >= RECOMMENDED_HEADROOM_RATIO * free_bytes
        and fit.tokens_per_s >= COMFORTABLE_TOKENS_PER_S
    ]
    # Among equals in size the newest: makers publish several generations of one size.
    return max(
        comfortable, key=lambda f: (round(f.plan.model.n_parameters, -9), f.plan.model.released), default=None
    )
