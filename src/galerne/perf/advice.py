"""Which models fit a machine, in which format, and which one to take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from galerne.catalog import Catalog, Machine, ModelSpec, WeightFormat
from galerne.perf.architecture import kv_bytes_per_token
from galerne.perf.fit import fit_plan, serving_plan
from galerne.perf.learning import Lessons, correct, no_lessons, with_correction
from galerne.perf.records import Fit, ServingPlan

LOCAL_FORMATS = ("q8_0", "q6_k", "q5_k_m", "q4_k_m")
"""Formats a local engine is offered, best quality first."""
LOCAL_ENGINE = "llama.cpp"
COMFORTABLE_TOKENS_PER_S = 4.0
"""A recommended model writes at least about as fast as one reads: 238 words a minute (Brysbaert 2019)."""
RECENT_YEARS = 2
"""A recommended model is at most so much older than the newest known: size alone is not quality."""
LOCAL_SLOTS = (4, 2, 1)
"""Answers at once for which the daemon reserves room, fewer where memory is short."""
MOST_PROMPT_CACHE_BYTES = 256 << 20
"""Room the daemon keeps for the prompts of conversations that lost their place, at most."""
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
    lessons: Lessons = no_lessons,
) -> Advice:
    """Fit every model of the catalogue to this machine's free memory, as the daemon would load it.

    Room is counted for four answers at once, or for two or one where memory is short; the times are those of
    one conversation alone.

    Args:
        catalog: models, formats and calibrations.
        machine: this computer.
        free_bytes: memory free at this moment.
        models: which ones; all by default.
        format_ids: formats to try, best quality first.
        context_tokens: context reserved for each answer.
        lessons: runs on this machine, which correct the times.
    """
    overhead_bytes = catalog.facts["local-engine-buffers"].value
    formats = [catalog.formats[format_id] for format_id in format_ids]

    def best_fit(model: ModelSpec) -> Fit:
        plans = [_plan(catalog, machine, model, f, context_tokens) for f in formats]
        found = [
            with_correction(
                _fit(plan, free_bytes, overhead_bytes), correct(plan, lessons(model.id, plan.format.id))
            )
            for plan in plans
        ]
        fitting = [fit for fit in found if fit.fits]
        comfortable = [fit for fit in fitting if fit.tokens_per_s >= COMFORTABLE_TOKENS_PER_S]
        return next(iter(comfortable), (fitting or found)[-1])

    fits = sorted(map(best_fit, models or catalog.models.rows.values()), key=lambda fit: fit.needed_bytes)
    newest = newest_of_each_shape(recent_for_general_use(fits))
    return Advice(
        free_bytes=free_bytes,
        fits=tuple(fits),
        recommended=_recommend(fits, free_bytes),
        next_larger=next((fit for fit in newest if not fit.fits), None),
    )


def newest_of_each_shape(fits: Iterable[Fit]) -> list[Fit]:
    """Of models with one architecture, which fit and run alike, the last released."""
    newest: dict[tuple[int, ...], Fit] = {}
    for fit in fits:
        model = fit.plan.model
        shape = (model.dim, model.n_layers, model.hidden_dim, model.expert_hidden_dim)
        if shape not in newest or _rank(fit) > _rank(newest[shape]):
            newest[shape] = fit
    return sorted(newest.values(), key=lambda fit: fit.needed_bytes)


def _rank(fit: Fit) -> tuple[bool, bool, str]:
    """A model for everyone and everything stands for its shape before a special one; then the newest."""
    model = fit.plan.model
    return model.commercial_use, model.purpose == "general", model.released


def _plan(
    catalog: Catalog, machine: Machine, model: ModelSpec, weight_format: WeightFormat, context_tokens: int
) -> ServingPlan:
    return serving_plan(
        catalog, model, weight_format, machine, context_tokens=context_tokens, engine=LOCAL_ENGINE
    )


def _fit(plan: ServingPlan, free_bytes: float, overhead_bytes: float) -> Fit:
    """With room for as many answers at once as fit."""
    for n_slots in LOCAL_SLOTS:
        slotted = replace(plan, max_sequences=n_slots)
        overheads_bytes = overhead_bytes + prompt_cache_bytes(slotted)
        fit = fit_plan(slotted, free_bytes=free_bytes, overhead_bytes=overheads_bytes)
        if fit.fits:
            break
    return fit


def prompt_cache_bytes(plan: ServingPlan) -> int:
    """Room for the prompts of conversations that lost their place: as much as the places themselves."""
    places_bytes = kv_bytes_per_token(plan.model) * plan.context_tokens * plan.max_sequences
    return min(MOST_PROMPT_CACHE_BYTES, max(1 << 20, int(places_bytes)))


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
