"""Does this model fit this machine, and what to expect of it."""

from __future__ import annotations

from galerne.catalog import Catalog, Machine, ModelSpec, WeightFormat
from galerne.perf.architecture import kv_bytes, kv_bytes_per_token, routed_parameters, weights_bytes
from galerne.perf.records import BatchShape, Fit, ServingPlan
from galerne.perf.step import predict_step
from galerne.perf.work import kv_shards

SERVING_ENGINE = "vllm"
"""Engine of a plan on accelerators where none is named."""


def serving_plan(
    catalog: Catalog,
    model: ModelSpec,
    weight_format: WeightFormat,
    machine: Machine,
    *,
    context_tokens: int = 4096,
    max_sequences: int = 1,
    tensor_parallel: int = 1,
    engine: str = SERVING_ENGINE,
) -> ServingPlan:
    """Assemble a plan with the calibration that belongs to the machine.

    Other degrees of parallelism and formats are set on the plan with ``dataclasses.replace``.

    Args:
        catalog: where the calibrations are.
        model: architecture.
        weight_format: of the weights.
        machine: this computer or a planned one.
        context_tokens: context reserved per sequence.
        max_sequences: sequences at once.
        tensor_parallel: accelerators that share a layer.
        engine: ``vllm``, ``sglang``, ``trtllm``, ``llama.cpp``, or ``any`` for the serving engines together;
            a machine without accelerators runs llama.cpp.

    Raises:
        UnknownId: no calibration of that engine.
    """
    calibration_id = f"{engine}-accelerator" if machine.accelerators else "llama.cpp-host"
    return ServingPlan(
        model=model,
        format=weight_format,
        machine=machine,
        calibration=catalog.calibrations[calibration_id],
        context_tokens=min(context_tokens, model.context_tokens),
        max_sequences=max_sequences,
        tensor_parallel=tensor_parallel,
    )


def device_memory_bytes(plan: ServingPlan) -> float:
    """Weights and reserved context on each device of a plan.

    Dense weights are divided over a tensor-parallel group and the stages, routed experts over all devices;
    the sequences over the copies, and the keys of one over as many devices as it has heads of keys.
    """
    experts_bytes = routed_parameters(plan.model) * plan.expert_format_or_format.bytes_per_weight
    dense_bytes = weights_bytes(plan.model, plan.format, plan.expert_format) - experts_bytes
    context_bytes = _context_bytes(plan) / plan.data_parallel / kv_shards(plan)
    per_stage_bytes = (
        dense_bytes / plan.tensor_parallel
        + experts_bytes / (plan.tensor_parallel * plan.data_parallel)
        + context_bytes
    )
    return per_stage_bytes / plan.pipeline_parallel


def _context_bytes(plan: ServingPlan) -> float:
    """Keys and values of all sequences at full context, one copy."""
    per_sequence_bytes = kv_bytes(
        plan.model, float(plan.context_tokens), kv_bytes_per_value=plan.kv_bytes_per_value
    )
    return float(per_sequence_bytes) * plan.max_sequences


def fit_plan(
    plan: ServingPlan, *, free_bytes: float, prompt_tokens: int = 512, overhead_bytes: float = 0.0
) -> Fit:
    """Memory and expected speed of a plan with one conversation on the machine.

    Args:
        plan: model, format and machine.
        free_bytes: memory free for it now, what would be evicted included.
        prompt_tokens: prompt for which the time to first token is given.
        overhead_bytes: the engine's own buffers.
    """
    kv_per_token_bytes = kv_bytes_per_token(plan.model, kv_bytes_per_value=plan.kv_bytes_per_value)
    filled_bytes = weights_bytes(plan.model, plan.format, plan.expert_format)
    needed_bytes = filled_bytes + _context_bytes(plan) + overhead_bytes
    prefill = predict_step(plan, BatchShape(n_sequences=1.0, prompt_tokens=float(prompt_tokens)))
    decode = predict_step(plan, BatchShape(n_sequences=1.0, context_tokens=float(prompt_tokens)))
    return Fit(
        plan=plan,
        fits=needed_bytes <= free_bytes,
        weights_bytes=filled_bytes,
        kv_bytes_per_token=kv_per_token_bytes,
        needed_bytes=needed_bytes,
        headroom_bytes=free_bytes - needed_bytes,
        prompt_tokens=prompt_tokens,
        first_token_s=float(prefill.duration_s),
        tokens_per_s=1.0 / float(decode.duration_s),
        j_per_token=float(decode.it_j),
        error_ratio=plan.calibration.error_ratio,
    )
