"""Continuous batching in the steady state: each sequence that ends is replaced at once by a new one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galerne.perf.records import BatchShape, ServingPlan
from galerne.perf.step import predict_step
from galerne.perf.terms import coefficients, plan_terms
from galerne.perf.work import plan_work, step_amounts
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
    return np.tensordot(plan_terms(plan, plan_work(plan)), _mean_amounts(plan, load), axes=1)


def token_interval_s(plan: ServingPlan, load: SteadyLoad) -> Numeric:
    """Mean time between two tokens of a sequence, prompts of the others included."""
    per_amount_s = coefficients(plan.calibration) @ plan_terms(plan, plan_work(plan))
    return np.tensordot(per_amount_s, _mean_amounts(plan, load), axes=1)


def _mean_amounts(plan: ServingPlan, load: SteadyLoad) -> npt.NDArray[np.float64]:
    context_tokens = load.prompt_tokens + load.output_tokens / 2.0
    decode = BatchShape(n_sequences=load.n_sequences, context_tokens=context_tokens)
    alone, _ = step_amounts(plan, decode)
    together, _ = step_amounts(plan, _mixed(load, context_tokens))
    return np.asarray(alone + _starts(load) * (together - alone))


@dataclass(frozen=True, kw_only=True, slots=True)
class SteadyCost:
    """Serving a steady load; numbers or arrays.

    Attributes:
        token_interval_s: mean time between two tokens of a sequence.
        output_tokens_per_s: of all sequences together.
        accelerator_w: mean power of the replica's accelerators.
        host_w: mean power of its share of the host.
    """

    token_interval_s: Numeric
    output_tokens_per_s: Numeric
    accelerator_w: Numeric
    host_w: Numeric

    @property
    def accelerator_j(self) -> Numeric:
        """Energy of the accelerators per output token, prompts included."""
        return self.accelerator_w / self.output_tokens_per_s


def steady_cost(plan: ServingPlan, load: SteadyLoad) -> SteadyCost:
    """Time and power of a steady load, under the plan's power cap; the same mean step as ``steady_terms``."""
    context_tokens = load.prompt_tokens + load.output_tokens / 2.0
    decode = predict_step(plan, BatchShape(n_sequences=load.n_sequences, context_tokens=context_tokens))
    mixed = predict_step(plan, _mixed(load, context_tokens))
    starts = _starts(load)
    interval_s = decode.duration_s + starts * (mixed.duration_s - decode.duration_s)
    accelerator_j = decode.accelerator_j + starts * (mixed.accelerator_j - decode.accelerator_j)
    return SteadyCost(
        token_interval_s=interval_s,
        output_tokens_per_s=load.n_sequences / interval_s,
        accelerator_w=accelerator_j / interval_s,
        host_w=decode.host_j / decode.duration_s,
    )


def _starts(load: SteadyLoad) -> Numeric:
    """Prompts of others that begin in a mean step."""
    return np.maximum(np.asarray(load.n_sequences, dtype=float) - 1.0, 0.0) / load.output_tokens


def _mixed(load: SteadyLoad, context_tokens: Numeric) -> BatchShape:
    """A decode step that also reads one prompt."""
    return BatchShape(
        n_sequences=1.0,
        prompt_tokens=load.prompt_tokens,
        cached_tokens=load.cached_tokens,
        n_decoding=load.n_sequences,
        decoding_context_tokens=context_tokens,
    )
