"""What a step must move and compute, counted over the devices of a plan; nothing fitted.

All of it is linear in a few amounts of the batch (sequences, tokens, positions they attend to, experts they
touch), so a plan is counted once per amount and a million batches cost one small matrix product.

A replica of a plan is ``pipeline_parallel`` stages, each of ``tensor_parallel · data_parallel`` devices. The
stages work on as many micro-batches at once, so the time of a step is the way of one micro-batch through
all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galerne.perf.architecture import (
    active_expert_parameters,
    always_read_parameters,
    attention_flop_per_position,
    expert_parameters,
    kv_values_per_position,
    n_expert_layers,
    prompt_attention_flop_per_position,
    seen_positions,
    untouched_ratio,
)
from galerne.perf.records import BatchShape, ServingPlan
from galerne.units import Numeric

Floats = npt.NDArray[np.float64]
ACTIVATION_BYTES = 2.0
"""Width of a value between layers: 16 bits, whatever the weights."""
LOGIT_BYTES = 4.0
"""Width of a score from which a token is sampled: 32 bits."""
STEP, TOUCHED, SEQUENCES, DECODING, PROMPT_TOKENS, HELD, DECODE_SEEN, PROMPT_SEEN = range(8)
"""Amounts of a micro-batch: the step itself; share of experts touched; sequences, and those that decode;
tokens of prompts; positions held, and positions attended to in decoding and in reading, summed over
layers."""
N_AMOUNTS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """Work of one micro-batch through all stages, per unit of each amount: arrays of ``N_AMOUNTS``.

    Attributes:
        weight_bytes: dense weights read, each copy counted.
        expert_bytes: routed experts read.
        kv_bytes: keys and values read and written, each copy counted.
        logits_bytes: scores of the vocabulary that each device of a copy reads to sample.
        routed_bytes: rows of tokens that each device gathers for its experts.
        decode_dense_flop: of the sequences that decode, with dense weights and their context.
        decode_expert_flop: the same with experts.
        dense_flop: of prompts, with dense weights.
        expert_flop: of prompts, with experts.
        attention_flop: of prompts, among themselves and with their context.
        reduced_bytes: what each device sends and receives to sum partial results.
        exchanged_bytes: what each device sends and receives to bring tokens to experts and back.
    """

    weight_bytes: Floats
    expert_bytes: Floats
    kv_bytes: Floats
    logits_bytes: Floats
    routed_bytes: Floats
    decode_dense_flop: Floats
    decode_expert_flop: Floats
    dense_flop: Floats
    expert_flop: Floats
    attention_flop: Floats
    reduced_bytes: Floats
    exchanged_bytes: Floats

    @property
    def moved_bytes(self) -> Floats:
        """Memory traffic over all devices."""
        return self.weight_bytes + self.expert_bytes + self.kv_bytes

    @property
    def flop(self) -> Floats:
        """Operations over all devices."""
        decode_flop = self.decode_dense_flop + self.decode_expert_flop
        return decode_flop + self.dense_flop + self.expert_flop + self.attention_flop


def plan_work(plan: ServingPlan) -> Work:
    """Count the work of a plan per unit of each amount.

    Valid for: experts chosen uniformly; latent keys kept whole on each device of a tensor-parallel group.
    """
    model = plan.model
    dense, expert = 2.0 * always_read_parameters(model), 2.0 * active_expert_parameters(model)
    experts_bytes = model.n_experts * n_expert_layers(model) * expert_parameters(model)
    experts_bytes *= plan.expert_format_or_format.bytes_per_weight
    copies = plan.tensor_parallel / kv_shards(plan)
    row_bytes = model.dim * ACTIVATION_BYTES
    routed_bytes = model.n_experts_per_token / plan.expert_parallel * n_expert_layers(model) * row_bytes
    reduced_bytes = _ring_ratio(plan.tensor_parallel) * 2.0 * model.n_layers * row_bytes / plan.data_parallel
    exchanged_bytes = _exchange_ratio(plan) * n_expert_layers(model) * row_bytes / plan.data_parallel
    return Work(
        weight_bytes=_per(
            (STEP, always_read_parameters(model) * plan.format.bytes_per_weight * plan.data_parallel)
        ),
        expert_bytes=_per((TOUCHED, experts_bytes)),
        kv_bytes=_per((HELD, copies * kv_values_per_position(model) * plan.kv_bytes_per_value)),
        logits_bytes=_per((SEQUENCES, model.vocab_size * LOGIT_BYTES / plan.data_parallel)),
        routed_bytes=_per((DECODING, routed_bytes), (PROMPT_TOKENS, routed_bytes)),
        decode_dense_flop=_per((DECODING, dense), (DECODE_SEEN, attention_flop_per_position(model))),
        decode_expert_flop=_per((DECODING, expert)),
        dense_flop=_per((PROMPT_TOKENS, dense)),
        expert_flop=_per((PROMPT_TOKENS, expert)),
        attention_flop=_per((PROMPT_SEEN, prompt_attention_flop_per_position(model))),
        reduced_bytes=_per((DECODING, reduced_bytes), (PROMPT_TOKENS, reduced_bytes)),
        exchanged_bytes=_per((DECODING, exchanged_bytes), (PROMPT_TOKENS, exchanged_bytes)),
    )


def step_amounts(plan: ServingPlan, batch: BatchShape) -> tuple[Floats, Numeric]:
    """The amounts of one micro-batch, shape (N_AMOUNTS, ...), and how many micro-batches are under way."""
    model = plan.model
    n_reading, n_decoding, decode_context_tokens = _split(batch)
    n_micro = _micro_batches(plan, n_reading + n_decoding)
    n_reading, n_decoding = n_reading / n_micro, n_decoding / n_micro
    fresh_tokens = np.maximum(np.asarray(batch.prompt_tokens) - batch.cached_tokens, 0.0)
    known_tokens = batch.context_tokens + np.asarray(batch.cached_tokens)
    prompt_tokens = n_reading * fresh_tokens
    n_tokens = prompt_tokens + n_decoding
    held = n_decoding * seen_positions(model, decode_context_tokens + 1.0)
    shape = np.broadcast_shapes(np.shape(n_tokens), np.shape(held), np.shape(known_tokens))
    amounts = np.zeros((N_AMOUNTS, *shape))
    amounts[STEP] = np.sign(n_reading + n_decoding)
    if model.n_experts:
        amounts[TOUCHED] = 1.0 - untouched_ratio(model, n_tokens)
    amounts[SEQUENCES] = n_reading + n_decoding
    amounts[DECODING] = n_decoding
    amounts[DECODE_SEEN] = n_decoding * seen_positions(model, decode_context_tokens)
    amounts[HELD] = held
    if np.any(n_reading):
        amounts[PROMPT_TOKENS] = prompt_tokens
        amounts[PROMPT_SEEN] = prompt_tokens * seen_positions(model, known_tokens + fresh_tokens / 2.0)
        amounts[HELD] += n_reading * seen_positions(model, known_tokens + fresh_tokens)
    return amounts, n_micro


def _split(batch: BatchShape) -> tuple[Numeric, Numeric, Numeric]:
    """Sequences that read a prompt, those that decode, and the context of the latter."""
    if np.ndim(batch.prompt_tokens) == 0:
        if batch.prompt_tokens > 0:
            return batch.n_sequences, batch.n_decoding, batch.decoding_context_tokens
        return 0.0, batch.n_sequences + batch.n_decoding, batch.context_tokens + batch.cached_tokens
    reading = np.asarray(batch.prompt_tokens) > 0
    n_reading = np.where(reading, batch.n_sequences, 0.0)
    n_decoding = np.where(reading, batch.n_decoding, batch.n_sequences + batch.n_decoding)
    known_tokens = batch.context_tokens + batch.cached_tokens
    return n_reading, n_decoding, np.where(reading, batch.decoding_context_tokens, known_tokens)


def _micro_batches(plan: ServingPlan, n_sequences: Numeric) -> Numeric:
    """Micro-batches under way: one per stage, but no more than there are sequences."""
    if plan.pipeline_parallel == 1:
        return 1.0
    clipped: Numeric = np.clip(n_sequences, 1.0, float(plan.pipeline_parallel))
    return clipped


def kv_shards(plan: ServingPlan) -> int:
    """Over how many devices of a tensor-parallel group the keys of one sequence are divided."""
    return 1 if plan.model.kv_lora_rank else min(plan.tensor_parallel, plan.model.n_kv_heads)


def _per(*parts: tuple[int, float]) -> Floats:
    """Work that each amount causes."""
    row = np.zeros(N_AMOUNTS)
    for amount, work in parts:
        row[amount] = work
    return row


def _ring_ratio(n: int) -> float:
    """Data through each link of a ring of ``n`` that sums a value, over the size of the value."""
    return 2.0 * (n - 1) / n


def _exchange_ratio(plan: ServingPlan) -> float:
    """Rows that a device sends and receives per token of its own, to the experts and back.

    Where attention runs on copies the experts are elsewhere; within a tensor-parallel group every device has
    the token already.
    """
    n = plan.data_parallel
    return 2.0 * plan.model.n_experts_per_token * (n - 1) / n / plan.tensor_parallel
