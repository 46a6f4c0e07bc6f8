"""Does this model fit this machine, and what to expect of it."""

from __future__ import annotations

from galerne.catalog import Catalog, Machine, ModelSpec, WeightFormat
from galerne.perf.architecture import kv_bytes_per_token, weights_bytes
from galerne.perf.records import BatchShape, Fit, ServingPlan
from galerne.perf.step import predict_step

HOST_CALIBRATION = "llama.cpp-host"
ACCELERATOR_CALIBRATION = "vllm-accelerator"


def serving_plan(
    catalog: Catalog,
    model: ModelSpec,
    weight_format: WeightFormat,
    machine: Machine,
    *,
    context_tokens: int = 4096,
    max_sequences: int = 1,
    tensor_parallel: int = 1,
) -> ServingPlan:
    """Assemble a plan with the calibration that belongs to the machine."""
    calibration_id = ACCELERATOR_CALIBRATION if machine.accelerators else HOST_CALIBRATION
    return ServingPlan(
        model=model,
        format=weight_format,
        machine=machine,
        calibration=catalog.calibrations[calibration_id],
        context_tokens=min(context_tokens, model.context_tokens),
        max_sequences=max_sequences,
        tensor_parallel=tensor_parallel,
    )


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
    filled_bytes = weights_bytes(plan.model, plan.format)
    needed_bytes = (
        filled_bytes + kv_per_token_bytes * plan.context_tokens * plan.max_sequences + overhead_bytes
    )
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
