"""What a step must move and compute, counted over the devices of a plan; nothing fitted.

A replica of a plan is ``pipeline_parallel`` stages, each of ``tensor_parallel · data_parallel`` devices. The
stages work on as many micro-batches at once, so the time of a step is the way of one micro-batch through
all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galerne.perf.architecture import (
    active_expert_parameters,
    always_read_parameters,
    attention_flop_per_token,
    expert_parameters,
    experts_touched,
    kv_bytes,
    n_expert_layers,
    prompt_attention_flop_per_token,
)
from galerne.perf.records import BatchShape, ServingPlan
from galerne.units import Numeric

ACTIVATION_BYTES = 2.0
"""Width of a value between layers: 16 bits, whatever the weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One micro-batch through all stages; numbers or arrays.

    Attributes:
        n_micro_batches: how many of them are under way at once.
        weight_bytes: dense weights read, each copy counted.
        expert_bytes: routed experts read.
        kv_bytes: keys and values read and written, each copy counted.
        decode_flop: of the sequences that decode, all included.
        dense_flop: of prompts, with dense weights.
        expert_flop: of prompts, with experts.
        attention_flop: of prompts, among themselves and with their context.
        routed_bytes: rows of tokens that each device gathers for its experts.
        reduced_bytes: what each device sends and receives to sum partial results.
        exchanged_bytes: what each device sends and receives to bring tokens to experts and back.
    """

    n_micro_batches: Numeric
    n_sequences: Numeric
    n_prompts: Numeric
    weight_bytes: Numeric
    expert_bytes: Numeric
    kv_bytes: Numeric
    decode_dense_flop: Numeric
    decode_expert_flop: Numeric
    dense_flop: Numeric
    expert_flop: Numeric
    attention_flop: Numeric
    routed_bytes: Numeric
    reduced_bytes: Numeric
    exchanged_bytes: Numeric

    @property
    def moved_bytes(self) -> Numeric:
        """Memory traffic of the step over all devices."""
        return self.n_micro_batches * (self.weight_bytes + self.expert_bytes + self.kv_bytes)

    @property
    def flop(self) -> Numeric:
        """Operations of the step over all devices."""
        decode_flop = self.decode_dense_flop + self.decode_expert_flop
        prompt_flop = self.dense_flop + self.expert_flop + self.attention_flop
        return self.n_micro_batches * (decode_flop + prompt_flop)


def step_work(plan: ServingPlan, batch: BatchShape) -> Work:
    """Count the work of one step.

    Valid for: experts chosen uniformly; latent keys kept whole on each device of a tensor-parallel group.
    """
    model = plan.model
    n_first, fresh_tokens, n_decoding, context_tokens, decode_context_tokens = _split(batch)
    n_micro = _micro_batches(plan, n_first + n_decoding)
    n_prompts, n_decoding = n_first / n_micro, n_decoding / n_micro
    prompt_tokens = n_prompts * fresh_tokens
    n_tokens = prompt_tokens + n_decoding
    copies = plan.tensor_parallel / kv_shards(plan)
    held_bytes = n_prompts * kv_bytes(
        model, context_tokens + fresh_tokens, kv_bytes_per_value=plan.kv_bytes_per_value
    ) + n_decoding * kv_bytes(model, decode_context_tokens + 1.0, kv_bytes_per_value=plan.kv_bytes_per_value)
    dense, expert = 2.0 * always_read_parameters(model), 2.0 * active_expert_parameters(model)
    touched = n_expert_layers(model) * experts_touched(model, n_tokens) * expert_parameters(model)
    device_tokens = n_tokens / plan.data_parallel
    return Work(
        n_micro_batches=n_micro,
        n_sequences=n_prompts + n_decoding,
        n_prompts=n_prompts,
        weight_bytes=always_read_parameters(model)
        * plan.format.bytes_per_weight
        * plan.data_parallel
        * np.sign(n_tokens),
        expert_bytes=touched * plan.expert_format_or_format.bytes_per_weight,
        kv_bytes=copies * held_bytes,
        decode_dense_flop=n_decoding * (dense + attention_flop_per_token(model, decode_context_tokens)),
        decode_expert_flop=n_decoding * expert,
        dense_flop=prompt_tokens * dense,
        expert_flop=prompt_tokens * expert,
        attention_flop=prompt_tokens
        * prompt_attention_flop_per_token(model, context_tokens + fresh_tokens / 2.0),
        routed_bytes=_routed_bytes(plan, n_tokens),
        reduced_bytes=_ring_ratio(plan.tensor_parallel)
        * 2.0
        * model.n_layers
        * _row_bytes(plan, device_tokens),
        exchanged_bytes=_exchanged_bytes(plan, device_tokens),
    )


def _split(batch: BatchShape) -> tuple[Numeric, Numeric, Numeric, Numeric, Numeric]:
    """Prompts, their new tokens, decoding sequences, and the context of each."""
    prompt_tokens = np.asarray(batch.prompt_tokens, dtype=float)
    reading = np.where(prompt_tokens > 0, 1.0, 0.0)
    fresh_tokens = np.maximum(prompt_tokens - batch.cached_tokens, 0.0)
    context_tokens = batch.context_tokens + np.asarray(batch.cached_tokens, dtype=float)
    n_first = batch.n_sequences * reading
    n_alone = batch.n_sequences * (1.0 - reading)
    n_decoding = n_alone + batch.n_decoding
    # Where prompts are read, the decoding ones have a context of their own.
    decode_context_tokens = np.where(reading > 0, batch.decoding_context_tokens, context_tokens)
    return n_first, fresh_tokens, n_decoding, context_tokens, decode_context_tokens


def _micro_batches(plan: ServingPlan, n_sequences: Numeric) -> Numeric:
    """Micro-batches under way: one per stage, but no more than there are sequences."""
    if plan.pipeline_parallel == 1:
        return 1.0
    clipped: Numeric = np.clip(n_sequences, 1.0, float(plan.pipeline_parallel))
    return clipped


def kv_shards(plan: ServingPlan) -> int:
    """Over how many devices of a tensor-parallel group the keys of one sequence are divided."""
    return 1 if plan.model.kv_lora_rank else min(plan.tensor_parallel, plan.model.n_kv_heads)


def _ring_ratio(n: int) -> float:
    """Data through each link of a ring of ``n`` that sums a value, over the size of the value."""
    return 2.0 * (n - 1) / n


def _row_bytes(plan: ServingPlan, n_tokens: Numeric) -> Numeric:
    return n_tokens * plan.model.dim * ACTIVATION_BYTES


def _routed_bytes(plan: ServingPlan, n_tokens: Numeric) -> Numeric:
    """Each token once for each of its experts; a device sees those of its expert-parallel group."""
    copies = plan.model.n_experts_per_token / plan.expert_parallel
    return copies * n_expert_layers(plan.model) * _row_bytes(plan, n_tokens)


def _exchanged_bytes(plan: ServingPlan, device_tokens: Numeric) -> Numeric:
    """Tokens to their experts and back, where attention runs on copies and the experts are divided."""
    n = plan.data_parallel
    if n == 1 or not plan.model.n_experts:
        return 0.0 * device_tokens
    sent = plan.model.n_experts_per_token * (n - 1) / n / plan.tensor_parallel
    return 2.0 * sent * n_expert_layers(plan.model) * _row_bytes(plan, device_tokens)
