"""Steady continuous batching of one replica.

Each step decodes one token of every sequence and reads, in passing, the prompts of the sequences that replace
those which ended: their share of a step is ``batch / output_tokens`` prompts. All times and energies come
from ``perf.predict_step``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galerne.perf import BatchShape, ServingPlan, predict_step
from galerne.site.capacity.tails import DEFAULT_RATIO, in_service, queue_wait_s
from galerne.site.scenario.records import Objective, Workload

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineLimits:
    """What an engine allows itself.

    Attributes:
        usable_memory_ratio: share of accelerator memory it may fill.
        reserve_bytes: what it keeps for itself, per accelerator.
        chunk_tokens: most tokens of one step.
    """

    usable_memory_ratio: float
    reserve_bytes: float
    chunk_tokens: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """Steady serving of one replica at each batch size: arrays of one shape.

    Attributes:
        n_sequences: batch sizes.
        token_interval_s: time of a step, its share of prompts included.
        first_token_s: mean wait for the first token, without a queue.
        prefill_ratio: share of the time that prompts take.
        cached_ratio: share of the time that prompts take for what they find in the cache.
        accelerator_w: power of the replica's accelerators.
        output_tokens_per_s: of the whole batch.
        tail_token_interval_s: time between tokens at the percentile; ``tail_first_token_s`` likewise with its
            queue.
    """

    n_sequences: Floats
    token_interval_s: Floats
    first_token_s: Floats
    tail_token_interval_s: Floats
    tail_first_token_s: Floats
    prefill_ratio: Floats
    cached_ratio: Floats
    accelerator_w: Floats
    output_tokens_per_s: Floats

    def judged(self, objective: Objective) -> tuple[Floats, Floats]:
        """Times between tokens and to the first one, as the objective means them."""
        if objective.percentile_ratio is None:
            return self.token_interval_s, self.first_token_s
        return self.tail_token_interval_s, self.tail_first_token_s

    def meeting(self, objective: Objective) -> npt.NDArray[np.bool_]:
        """Which batches keep the objective."""
        interval_s, first_s = self.judged(objective)
        return np.asarray((interval_s <= objective.token_interval_s) & (first_s <= objective.first_token_s))


def steady_steps(
    plan: ServingPlan,
    n_sequences: Floats,
    *,
    workload: Workload,
    limits: EngineLimits,
    tail_ratio: float = DEFAULT_RATIO,
    most: float = np.inf,
) -> Steps:
    """Steady continuous batching of one replica, at several batch sizes.

        t = t_decode(B) + B / O · t_prompt,  TTFT = t / 2 + ⌈fresh / chunk⌉ · t_decode + t_prompt

    ``t_prompt`` is what one more prompt adds to a step that reads the weights anyway. At a percentile more
    answers are in service, prompts queue for the tokens of the steps, and who finds no place waits for one.

    Args:
        plan: of the replica.
        n_sequences: mean numbers of sequences in service.
        workload: shape of a request.
        limits: what the engine allows itself.
        tail_ratio: the percentile.
        most: sequences that the replica can hold.

    Valid for: chunked prefill mixed with decoding; the means for arrivals spread evenly, the percentiles for
        random ones.
    Sources: vllm-engine-defaults, erlang-1917
    """
    prompt_tokens, output_tokens = workload.prompt_tokens, workload.output_tokens
    cached_tokens = prompt_tokens * workload.cached_ratio
    context_tokens = prompt_tokens + output_tokens / 2.0
    n_tail = in_service(n_sequences, percentile_ratio=tail_ratio)
    n_served = np.minimum(n_tail, most)
    decode = predict_step(
        plan, BatchShape(n_sequences=np.stack((n_sequences, n_served)), context_tokens=context_tokens)
    )
    decode_s, tail_decode_s = np.asarray(decode.duration_s)
    decode_j = np.asarray(decode.accelerator_j)[0]
    prompt_s, prompt_j, fresh_s = _one_more_prompt(plan, prompt_tokens, cached_tokens)
    cached_s = max(0.0, prompt_s - fresh_s)  # what attention to the cached part adds
    prompts_per_step = n_sequences / output_tokens
    step_s = decode_s + prompts_per_step * prompt_s
    fresh_tokens = prompt_tokens - cached_tokens
    n_chunks = np.ceil(fresh_tokens / limits.chunk_tokens)
    tail_step_s = tail_decode_s + n_served / output_tokens * prompt_s
    turn_s = tail_decode_s * fresh_tokens / (limits.chunk_tokens * plan.data_parallel) + prompt_s
    asked_per_s = prompts_per_step / step_s
    wait_s = queue_wait_s(asked_per_s * turn_s, turn_s, percentile_ratio=tail_ratio)
    wait_s = wait_s + (n_tail - n_served) / asked_per_s
    return Steps(
        n_sequences=n_sequences,
        token_interval_s=np.asarray(step_s),
        first_token_s=np.asarray(step_s / 2.0 + n_chunks * decode_s + prompt_s),
        prefill_ratio=np.asarray(prompts_per_step * prompt_s / step_s),
        cached_ratio=np.asarray(prompts_per_step * cached_s / step_s),
        accelerator_w=np.asarray((decode_j + prompts_per_step * prompt_j) / step_s),
        output_tokens_per_s=np.asarray(n_sequences / step_s),
        tail_token_interval_s=tail_step_s,
        tail_first_token_s=np.asarray(
            tail_ratio * tail_step_s + n_chunks * tail_decode_s + prompt_s + wait_s
        ),
    )


def _one_more_prompt(
    plan: ServingPlan, prompt_tokens: float, cached_tokens: float
) -> tuple[float, float, float]:
    """What one more prompt adds to a step that reads the weights anyway.

    Returns:
        Seconds and joules; and seconds where what is in the cache had never been said.
    """
    prompts = predict_step(
        plan,
        BatchShape(
            n_sequences=np.array([[1.0, 2.0]]),
            prompt_tokens=np.array([[prompt_tokens], [prompt_tokens - cached_tokens]]),
            cached_tokens=np.array([[cached_tokens], [0.0]]),
        ),
    )
    more_s, fresh_s = np.diff(np.asarray(prompts.duration_s))[:, 0]
    more_j = np.diff(np.asarray(prompts.accelerator_j))[0, 0]
    return float(more_s), float(more_j), float(fresh_s)


def batch_sizes(most: int) -> Floats:
    """Batch sizes to try, from one to the most, evenly on a logarithmic scale."""
    return np.unique(np.round(np.geomspace(1.0, most, 160)))
