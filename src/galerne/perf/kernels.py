"""How many kernels one step starts one after the other, counted on the architecture; nothing fitted.

Below a few microseconds a kernel is not done whatever its bytes and operations: it must be started, wait for
the one before it and drain. A step of a large model on several devices starts over a thousand, so that this
decides what a small batch takes. What is counted is what an engine with fused kernels runs in a row:

    attention: norm, query-key-value product, rotation and cache write, attention, output product
    latent attention: besides, norm of the latents, query product, key and value absorption
    feed-forward: norm, gate-and-up product, activation, down product
    experts: besides, router product, choice, sort, weighted sum; three for shared experts
    weights below 16 bits: quantisation of what enters each product
    several devices: the two sums of a layer, or sending tokens to experts and back
"""

from __future__ import annotations

from galerne.perf.architecture import n_expert_layers
from galerne.perf.records import ServingPlan

WIDE_BYTES = 2.0
"""Width of a weight whose products need no quantised input: 16 bits."""
ATTENTION, LATENT = 5, 4
FEED_FORWARD, EXPERTS, SHARED_EXPERTS = 4, 4, 3
QUANTISED_ATTENTION, QUANTISED_LATENT, QUANTISED_FEED_FORWARD = 2, 1, 2
SUMS, EXCHANGES = 2, 2


def kernels_per_step(plan: ServingPlan) -> float:
    """Kernels of one micro-batch on its way through all stages, each waiting for the one before.

    Valid for: engines that replay a recorded graph, so that the host does not hold the device up.
    """
    model, latent = plan.model, bool(plan.model.kv_lora_rank)
    expert_layers = n_expert_layers(model)
    per_layer = ATTENTION + FEED_FORWARD + LATENT * latent + model.n_extra_layer_kernels
    if plan.tensor_parallel > 1:
        per_layer += SUMS
    if plan.format.bytes_per_weight < WIDE_BYTES:
        per_layer += QUANTISED_ATTENTION + QUANTISED_LATENT * latent
    per_expert_layer = EXPERTS + (SHARED_EXPERTS if model.n_shared_experts else 0)
    if plan.expert_format_or_format.bytes_per_weight < WIDE_BYTES:
        per_expert_layer += QUANTISED_FEED_FORWARD
    if plan.data_parallel > 1:
        per_expert_layer += EXCHANGES
    per_dense_layer = QUANTISED_FEED_FORWARD if plan.format.bytes_per_weight < WIDE_BYTES else 0
    dense_layers = model.n_layers - expert_layers
    return model.n_layers * per_layer + expert_layers * per_expert_layer + dense_layers * per_dense_layer
