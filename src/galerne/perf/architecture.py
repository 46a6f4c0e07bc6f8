"""What a model's architecture says before any hardware: parameters, bytes, operations.

Everything here is arithmetic on the numbers of ``params.json``; nothing is fitted.
"""

from __future__ import annotations

import numpy as np

from galerne.catalog import ModelSpec, WeightFormat
from galerne.units import Numeric


def attention_parameters(model: ModelSpec) -> float:
    """Weights of one attention layer: grouped queries, or latent attention where ``kv_lora_rank`` > 0."""
    if model.kv_lora_rank:
        query_dim = model.n_heads * (model.qk_nope_head_dim + model.qk_rope_head_dim)
        query = model.q_lora_rank * (model.dim + query_dim) if model.q_lora_rank else model.dim * query_dim
        latent = model.dim * (model.kv_lora_rank + model.qk_rope_head_dim)
        expand = model.kv_lora_rank * model.n_heads * (model.qk_nope_head_dim + model.v_head_dim)
        return float(query + latent + expand + model.n_heads * model.v_head_dim * model.dim)
    return float(2 * model.dim * model.head_dim * (model.n_heads + model.n_kv_heads))


def n_expert_layers(model: ModelSpec) -> int:
    """Layers whose feed-forward part is a mixture of experts."""
    return model.n_layers - model.n_dense_layers if model.n_experts else 0


def expert_parameters(model: ModelSpec) -> float:
    """Weights of one expert."""
    return 3.0 * model.dim * model.expert_hidden_dim


def routed_parameters(model: ModelSpec) -> float:
    """Weights of all experts among which a router chooses."""
    return n_expert_layers(model) * model.n_experts * expert_parameters(model)


def always_read_parameters(model: ModelSpec) -> float:
    """Weights every decode step reads whatever the batch: all but the routed experts and the input table."""
    dense_layers = model.n_layers - n_expert_layers(model)
    shared = n_expert_layers(model) * (
        model.n_shared_experts * expert_parameters(model) + model.dim * model.n_experts
    )
    feed_forward = dense_layers * 3.0 * model.dim * model.hidden_dim + shared
    norms = (2 * model.n_layers + 1) * model.dim
    return model.n_layers * attention_parameters(model) + feed_forward + norms + model.vocab_size * model.dim


def parameter_count(model: ModelSpec) -> float:
    """All weights of the text part."""
    input_table = 0.0 if model.tied_embeddings else float(model.vocab_size * model.dim)
    return always_read_parameters(model) + routed_parameters(model) + input_table


def active_expert_parameters(model: ModelSpec) -> float:
    """Weights of the routed experts one token is multiplied by."""
    return n_expert_layers(model) * model.n_experts_per_token * expert_parameters(model)


def active_parameter_count(model: ModelSpec) -> float:
    """Weights one token is multiplied by."""
    return always_read_parameters(model) + active_expert_parameters(model)


def untouched_ratio(model: ModelSpec, n_tokens: Numeric) -> Numeric:
    """Expected share of the experts of one layer that a step of ``n_tokens`` does not read.

        untouched = (1 − k/E)^n

    Valid for: independent uniform routing; skewed routing touches fewer.
    Sources: aiconfigurator-core-0-12
    """
    kept_ratio = 1.0 - model.n_experts_per_token / model.n_experts
    if kept_ratio <= 0.0:
        return np.where(np.asarray(n_tokens) > 0, 0.0, 1.0)
    # exp is several times faster on arrays than a power.
    untouched: Numeric = np.exp(np.log(kept_ratio) * n_tokens)
    return untouched


def experts_touched(model: ModelSpec, n_tokens: Numeric) -> Numeric:
    """Expected distinct experts of one layer that a step of ``n_tokens`` reads; 0 without experts."""
    if not model.n_experts:
        return 0.0 * n_tokens
    return model.n_experts * (1.0 - untouched_ratio(model, n_tokens))


def weights_bytes(
    model: ModelSpec, weight_format: WeightFormat, expert_format: WeightFormat | None = None
) -> float:
    """Memory the weights fill; the routed experts may have a format of their own."""
    routed = routed_parameters(model)
    dense_bytes = (parameter_count(model) - routed) * weight_format.bytes_per_weight
    return dense_bytes + routed * (expert_format or weight_format).bytes_per_weight


def kv_bytes_per_token(model: ModelSpec, *, kv_bytes_per_value: float = 2.0) -> float:
    """Keys and values kept for one more token of a long context, over the layers that see all of it.

    grouped queries: 2 · L · n_kv · d_head · b;  latent attention: L · (r_kv + d_rope) · b
    """
    return (model.n_layers - model.n_windowed_layers) * kv_values_per_position(model) * kv_bytes_per_value


def kv_bytes(model: ModelSpec, context_tokens: Numeric, *, kv_bytes_per_value: float = 2.0) -> Numeric:
    """Keys and values of one sequence with its context, over all layers.

    per layer · (L_full · ctx + L_windowed · min(ctx, window))
    """
    return seen_positions(model, context_tokens) * kv_values_per_position(model) * kv_bytes_per_value


def kv_values_per_position(model: ModelSpec) -> float:
    """Values kept for one token in one layer."""
    if model.kv_lora_rank:
        return float(model.kv_lora_rank + model.qk_rope_head_dim)
    return 2.0 * model.n_kv_heads * model.head_dim


def attention_flop_per_position(model: ModelSpec) -> float:
    """Operations of one token attending to one position in one layer.

    grouped queries: 4 · n_h · d_head;  latent (absorbed): 2 · n_h · (2 r_kv + d_rope)
    """
    if model.kv_lora_rank:
        return 2.0 * model.n_heads * (2 * model.kv_lora_rank + model.qk_rope_head_dim)
    return 4.0 * model.n_heads * model.head_dim


def prompt_attention_flop_per_position(model: ModelSpec) -> float:
    """The same while reading a prompt, where latent attention is expanded to its heads.

    latent (expanded): 2 · n_h · (d_nope + d_rope + d_v)
    """
    if not model.kv_lora_rank:
        return attention_flop_per_position(model)
    head_dims = model.qk_nope_head_dim + model.qk_rope_head_dim + model.v_head_dim
    return 2.0 * model.n_heads * head_dims


def seen_positions(model: ModelSpec, context_tokens: Numeric) -> Numeric:
    """Positions that one token attends to, and that its sequence keeps, summed over the layers."""
    whole = (model.n_layers - model.n_windowed_layers) * context_tokens
    if not model.n_windowed_layers:
        return whole
    return whole + model.n_windowed_layers * np.minimum(context_tokens, model.sliding_window)
