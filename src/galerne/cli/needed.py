"""What a model takes of this machine while it is loaded: one figure on every screen."""

from __future__ import annotations

from dataclasses import replace

from galerne.catalog import Catalog, Machine
from galerne.perf import ServingPlan, fit_plan
from galerne.perf.advice import prompt_cache_bytes

TEKKEN_TOKENS = 131_072
"""Vocabulary of the models for which the catalogue gives the size of the engine's buffers."""
LEAST_BUFFERS_BYTES = 64 << 20
"""The engine's process itself: with the built-in model it holds 58 MB in all."""


def needed_bytes(catalog: Catalog, plan: ServingPlan) -> int:
    """Memory of a model while it is loaded: weights, keys and values, buffers, prompts kept."""
    # The largest buffer holds the logits of a batch, and so goes with the vocabulary.
    share_ratio = min(1.0, plan.model.vocab_size / TEKKEN_TOKENS)
    buffers_bytes = max(LEAST_BUFFERS_BYTES, catalog.facts["local-engine-buffers"].value * share_ratio)
    overhead_bytes = buffers_bytes + prompt_cache_bytes(plan)
    return int(fit_plan(plan, free_bytes=0.0, overhead_bytes=overhead_bytes).needed_bytes)


def working_part(machine: Machine, *, n_threads: int) -> Machine:
    """The cores an engine uses: a small model runs in fewer threads than there are cores."""
    n_cores = min(n_threads, machine.n_cores)
    return replace(
        machine, n_cores=n_cores, peak_flop_per_s=machine.peak_flop_per_s * n_cores / machine.n_cores
    )
