"""Continuous batching in the steady state: each sequence that ends is replaced at once by a new one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galerne.perf.records import BatchShape, ServingPlan
from galerne.perf.terms import coefficients, step_terms
from galerne.units import Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class SteadyLoad:
    """What a replica is kept busy with. Numbers or arrays that broadcast.

    Attributes:
        n_sequences: sequences served at once.
        prompt_tokens: of each, ``cached_tokens`` of them in the cache.
        output_tokens: of each.
    """

    n_sequences: Numeric
    prompt_tokens: Numeric
    output_tokens: Numeric
    cached_tokens: Numeric = 0.0


def steady_terms(plan: ServingPlan, load: SteadyLoad) -> npt.NDArray[np.float64]:
    """The terms of the time between two tokens of a sequence, shape (len(TERMS), ...).

        decode(B) + (B − 1) / O · (decode(B) with one prompt more − decode(B))

    A sequence waits for the prompts of the others: while it writes O tokens each of them starts once.
    """
    context_tokens = load.prompt_tokens + load.output_tokens / 2.0
    decode = step_terms(plan, BatchShape(n_sequences=load.n_sequences, context_tokens=context_tokens))
    mixed = step_terms(
        plan,
        BatchShape(
            n_sequences=1.0,
            prompt_tokens=load.prompt_tokens,
            cached_tokens=load.cached_tokens,
            n_decoding=load.n_sequences,
            decoding_context_tokens=context_tokens,
        ),
    )
    starts = np.maximum(np.asarray(load.n_sequences) - 1.0, 0.0) / load.output_tokens
    return np.asarray(decode + starts * (mixed - decode))


def token_interval_s(plan: ServingPlan, load: SteadyLoad) -> Numeric:
    """Mean time between two tokens of a sequence, prompts of the others included."""
    return np.tensordot(coefficients(plan.calibration), steady_terms(plan, load), axes=1)
