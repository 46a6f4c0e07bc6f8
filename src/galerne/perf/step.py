"""The one formula: bytes, seconds and joules of a step of inference.

    t = (α_w W + α_e X + α_k K)/B + (β_d F_d + β_p F_p)/P + L·t_layer + L_e·t_expert + L·[tp>1]·t_tp + t_step

W, X, K are the weight, expert and KV bytes the step reads, F its operations in decode and prefill, B and P
the datasheet's bandwidth and peak over all devices of the plan. The coefficients are the calibration's; with
α = β = 1 and no fixed times this is the plain roofline, summed instead of overlapped. Power while stepping is
a base plus a part for traffic plus a part for arithmetic, under the device's limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galerne.perf.architecture import (
    active_parameter_count,
    always_read_parameters,
    attention_flop_per_token,
    expert_parameters,
    experts_touched,
    kv_bytes_per_token,
    n_expert_layers,
)
from galerne.perf.records import BatchShape, ServingPlan, StepCost, StepWeights
from galerne.units import Numeric

PROBE_PROMPT_TOKENS = 512
"""Prompt length at which the mean energy of a prompt token is taken."""
PROBE_CONTEXT_TOKENS = 1024.0
"""Context at which the energy of reading one more token of context is taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Roofline:
    """What executes the plan: all its devices together."""

    memory_bytes_per_s: float
    peak_flop_per_s: float
    n_devices: int


def roofline(plan: ServingPlan) -> Roofline:
    """Bandwidth and peak of the accelerators of a plan, or of the host where there are none."""
    machine = plan.machine
    if not machine.accelerators:
        return Roofline(
            memory_bytes_per_s=machine.memory_bytes_per_s,
            peak_flop_per_s=machine.peak_flop_per_s,
            n_devices=1,
        )
    device = machine.accelerators[0]
    peak = device.peak_flop_per_s.get(plan.format.compute, device.peak_flop_per_s["fp16"])
    n_devices = plan.tensor_parallel
    return Roofline(
        memory_bytes_per_s=device.memory_bytes_per_s * n_devices,
        peak_flop_per_s=peak * n_devices,
        n_devices=n_devices,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    weight_bytes: Numeric
    expert_bytes: Numeric
    kv_bytes: Numeric
    decode_flop: Numeric
    prefill_flop: Numeric


def _work(plan: ServingPlan, batch: BatchShape) -> _Work:
    model = plan.model
    fresh_tokens = np.maximum(np.asarray(batch.prompt_tokens - batch.cached_tokens, dtype=float), 0.0)
    decoding = np.where(np.asarray(batch.prompt_tokens) > 0, 0.0, 1.0)
    tokens_per_sequence = fresh_tokens + decoding
    n_tokens = batch.n_sequences * tokens_per_sequence
    kv_per_token_bytes = kv_bytes_per_token(model, kv_bytes_per_value=plan.kv_bytes_per_value)
    seen_tokens = batch.context_tokens + batch.cached_tokens
    expert_bytes = (
        n_expert_layers(model)
        * experts_touched(model, n_tokens)
        * expert_parameters(model)
        * plan.format.bytes_per_weight
    )
    flop_per_token = 2.0 * active_parameter_count(model) + attention_flop_per_token(
        model, seen_tokens + fresh_tokens / 2.0
    )
    return _Work(
        weight_bytes=always_read_parameters(model) * plan.format.bytes_per_weight * np.sign(n_tokens),
        expert_bytes=expert_bytes,
        kv_bytes=batch.n_sequences * (seen_tokens + tokens_per_sequence) * kv_per_token_bytes,
        decode_flop=batch.n_sequences * decoding * flop_per_token,
        prefill_flop=batch.n_sequences * fresh_tokens * flop_per_token,
    )


def predict_step(plan: ServingPlan, batch: BatchShape) -> StepCost:
    """Memory, time and joules of one prefill or decode step.

    Args:
        plan: model, format and machine.
        batch: the step; floats, or arrays that broadcast together.

    Returns:
        Floats for floats, else arrays of the broadcast shape.

    Valid for: decoder-only models held in the memory of the plan's devices; one step of one replica.
    Sources: williams-2009-roofline, and the calibration's own source.
    """
    work, roof, cal = _work(plan, batch), roofline(plan), plan.calibration
    layers = plan.model.n_layers
    memory_s = (
        cal.weight_traffic_ratio * work.weight_bytes
        + cal.expert_traffic_ratio * work.expert_bytes
        + cal.kv_traffic_ratio * work.kv_bytes
    ) / roof.memory_bytes_per_s
    compute_s = (
        cal.decode_flop_ratio * work.decode_flop + cal.prefill_flop_ratio * work.prefill_flop
    ) / roof.peak_flop_per_s
    overhead_s = layers * cal.layer_s + n_expert_layers(plan.model) * cal.expert_layer_s + cal.step_s
    if plan.tensor_parallel > 1:
        overhead_s += layers * cal.parallel_layer_s
    duration_s = memory_s + compute_s + overhead_s
    moved_bytes = work.weight_bytes + work.expert_bytes + work.kv_bytes
    flop = work.decode_flop + work.prefill_flop
    accelerator_w, host_w = _power_w(plan, roof, moved_bytes / duration_s, flop / duration_s)
    return StepCost(
        duration_s=_plain(duration_s),
        accelerator_j=_plain(accelerator_w * duration_s),
        host_j=_plain(host_w * duration_s),
        moved_bytes=_plain(moved_bytes),
        flop=_plain(flop),
        bound=_bound(memory_s, compute_s, overhead_s),
    )


def _power_w(
    plan: ServingPlan, roof: Roofline, bytes_per_s: Numeric, flop_per_s: Numeric
) -> tuple[Numeric, Numeric]:
    """Power of accelerators and host while stepping, idle power included."""
    machine, cal = plan.machine, plan.calibration
    load_ratio = (
        cal.base_power_ratio
        + cal.traffic_power_ratio * bytes_per_s / roof.memory_bytes_per_s
        + cal.flop_power_ratio * flop_per_s / roof.peak_flop_per_s
    )
    capped_ratio = np.minimum(1.0, load_ratio)
    if not machine.accelerators:
        busy_w = machine.n_cores * machine.host.busy_core_w * capped_ratio
        return 0.0 * busy_w, machine.idle_w + busy_w
    limit_w = machine.accelerators[0].power_limit_w * roof.n_devices
    host_w = machine.accelerator_host_w * roof.n_devices / len(machine.accelerators)
    return limit_w * capped_ratio, host_w + 0.0 * capped_ratio


def _bound(memory_s: Numeric, compute_s: Numeric, overhead_s: float) -> str | np.ndarray:
    times_s = np.stack(np.broadcast_arrays(memory_s, compute_s, np.asarray(overhead_s)))
    names = np.array(["memory", "compute", "overhead"])[np.argmax(times_s, axis=0)]
    return str(names) if names.ndim == 0 else names


def _plain(value: Numeric) -> Numeric:
    array = np.asarray(value, dtype=float)
    return float(array) if array.ndim == 0 else array


def step_weights(plan: ServingPlan) -> StepWeights:
    """The affine form of this plan's step energy, by which measured energy is shared among answers.

    The slope in the batch is taken between one sequence and the plan's ``max_sequences``.
    """
    most = float(max(2, plan.max_sequences))
    decode = predict_step(plan, BatchShape(n_sequences=np.array([1.0, most])))
    one_j, most_j = np.asarray(decode.it_j)
    per_sequence_j = max((most_j - one_j) / (most - 1.0), 0.0)
    far_j = predict_step(plan, BatchShape(n_sequences=1.0, context_tokens=PROBE_CONTEXT_TOKENS)).it_j
    prompt_j = predict_step(plan, BatchShape(n_sequences=1.0, prompt_tokens=float(PROBE_PROMPT_TOKENS))).it_j
    return StepWeights(
        fixed_j=float(one_j - per_sequence_j),
        per_sequence_j=float(per_sequence_j),
        per_prompt_token_j=float(prompt_j) / PROBE_PROMPT_TOKENS,
        per_context_token_j=max(float(far_j - one_j) / PROBE_CONTEXT_TOKENS, 0.0),
    )
