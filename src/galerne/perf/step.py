"""The one formula: bytes, seconds and joules of a step of inference.

The duration is the sum of the terms of ``perf.terms`` times the calibration's coefficients; with all ratios
1 and kernels of no time this is the plain roofline, summed instead of overlapped. Power while stepping is a
base plus parts for traffic, for arithmetic, for each sequence and each kernel, under the device's limit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from galerne.catalog import Calibration
from galerne.perf.kernels import WIDE_BYTES, kernels_per_step
from galerne.perf.records import BatchShape, ServingPlan, StepCost, StepWeights
from galerne.perf.terms import COMPUTE, MEMORY, coefficients, plan_terms, roofline
from galerne.perf.work import N_AMOUNTS, SEQUENCES, STEP, Work, plan_work, step_amounts
from galerne.units import Numeric

PROBE_PROMPT_TOKENS = 512
"""Prompt length at which the mean energy of a prompt token is taken."""
PROBE_CONTEXT_TOKENS = 1024.0
"""Context at which the energy of reading one more token of context is taken."""
POWER_TERMS = ("traffic_power_ratio", "flop_power_ratio", "sequence_power_s", "kernel_power_s")
"""Fields of a calibration, in the order of the terms of power."""
LEAST_CAP_RATIO = 0.01
"""A cap leaves at least so much of the limit above the base, or the step would never end."""
LEAST_STEP_S = 1e-12
"""A step of nothing takes no time; its power is the base."""
_PLANS_KEPT = 128
_parts_kept: dict[int, tuple[ServingPlan, npt.NDArray[np.float64]]] = {}
_N_MEMORY, _N_COMPUTE = len(MEMORY), len(MEMORY) + len(COMPUTE)


def predict_step(plan: ServingPlan, batch: BatchShape) -> StepCost:
    """Memory, time and joules of one step: prefill, decode or both.

    Args:
        plan: model, format and machine.
        batch: the step; floats, or arrays that broadcast together.

    Returns:
        Floats for floats, else arrays of the broadcast shape.

    Valid for: decoder-only models held in the memory of the plan's devices; one step of one replica.
    Sources: williams-2009-roofline, and the calibration's own source.
    """
    amounts, n_micro = step_amounts(plan, batch)
    sums = np.dot(_parts_of(plan), amounts.reshape(N_AMOUNTS, -1)).reshape(-1, *amounts.shape[1:])
    memory_s, compute_s, overhead_s, moved_bytes, flop, full_power_s = sums
    duration_s = memory_s + compute_s + overhead_s
    accelerator_w, host_w, slowdown = _power_w(plan, n_micro * full_power_s, duration_s)
    duration_s = duration_s * slowdown
    return StepCost(
        duration_s=_plain(duration_s),
        memory_s=_plain(memory_s * slowdown),
        compute_s=_plain(compute_s * slowdown),
        overhead_s=_plain(overhead_s * slowdown),
        accelerator_j=_plain(accelerator_w * duration_s),
        host_j=_plain(host_w * duration_s),
        moved_bytes=_plain(n_micro * moved_bytes),
        flop=_plain(n_micro * flop),
    )


def _parts_of(plan: ServingPlan) -> npt.NDArray[np.float64]:
    """What each amount adds to a step: a row for each of memory, compute, overhead, bytes, operations, power.

    Counted once for a plan, which is kept beside it: no other can take its place meanwhile.
    """
    kept, parts = _parts_kept.get(id(plan), (None, None))
    if kept is plan and parts is not None:
        return parts
    work = plan_work(plan)
    terms = plan_terms(plan, work) * coefficients(plan.calibration)[:, None]
    parts = np.array(
        [
            terms[:_N_MEMORY].sum(axis=0),
            terms[_N_MEMORY:_N_COMPUTE].sum(axis=0),
            terms[_N_COMPUTE:].sum(axis=0),
            work.moved_bytes,
            work.flop,
            _power_factors(plan.calibration) @ plan_power_terms(plan, work),
        ]
    )
    if len(_parts_kept) >= _PLANS_KEPT:
        _parts_kept.clear()
    _parts_kept[id(plan)] = plan, parts
    return parts


def _power_w(
    plan: ServingPlan, full_power_s: Numeric, duration_s: Numeric
) -> tuple[Numeric, Numeric, Numeric]:
    """Power of accelerators and host while stepping, idle power included, and how far a cap slows the step.

        P = limit · min(1, base + traffic · bandwidth used + flop · arithmetic used
                           + (s · sequences + k · kernels) / t)
        slowdown = ((P − base) / (cap − base))^½

    Under a cap set by the operator the clock falls and the voltage with it: power above the base goes with
    the square of the clock, between the first power (voltage held) and the third (voltage in proportion).

    Args:
        plan: machine and calibration.
        full_power_s: energy of the step above the base, per device, over the power limit.
        duration_s: of the step, without a cap.
    """
    machine, cal = plan.machine, plan.calibration
    step_ratio = cal.base_power_ratio
    if plan.format.bytes_per_weight < WIDE_BYTES:
        step_ratio += cal.quantised_power_ratio
    load_ratio = step_ratio + full_power_s / np.maximum(duration_s, LEAST_STEP_S)
    if not machine.accelerators:
        busy_w = machine.n_cores * machine.host.busy_core_w * np.minimum(1.0, load_ratio)
        return 0.0 * busy_w, machine.idle_w + busy_w, 1.0
    device = machine.accelerators[0]
    idle_ratio = device.idle_w / device.power_limit_w
    used_ratio = np.clip(load_ratio, idle_ratio, 1.0)
    slowdown: Numeric = 1.0
    if plan.power_cap_w is not None and plan.power_cap_w < device.power_limit_w:
        base_ratio = max(cal.base_power_ratio, idle_ratio)
        cap_ratio = max(plan.power_cap_w / device.power_limit_w, base_ratio + LEAST_CAP_RATIO)
        above = np.maximum(1.0, (used_ratio - base_ratio) / (cap_ratio - base_ratio))
        slowdown = np.sqrt(above)
        used_ratio = np.minimum(used_ratio, cap_ratio)
    host_w = machine.accelerator_host_w * plan.n_devices / len(machine.accelerators)
    return device.power_limit_w * plan.n_devices * used_ratio, host_w, slowdown


def plan_power_terms(plan: ServingPlan, work: Work) -> npt.NDArray[np.float64]:
    """Per device and unit of each amount: ideal times of traffic and arithmetic, sequences and kernels.

    Shape (len(POWER_TERMS), N_AMOUNTS).
    """
    roof, stages = roofline(plan), plan.pipeline_parallel
    dense_s = (work.decode_dense_flop + work.dense_flop) / roof.dense_flop_per_s
    expert_s = (work.decode_expert_flop + work.expert_flop) / roof.expert_flop_per_s
    sequences, kernels = np.zeros((2, N_AMOUNTS))
    sequences[SEQUENCES] = 1.0 / plan.data_parallel
    kernels[STEP] = kernels_per_step(plan)
    traffic_s = work.moved_bytes / roof.memory_bytes_per_s
    flop_s = dense_s + expert_s + work.attention_flop / roof.wide_flop_per_s
    return np.array([traffic_s, flop_s, sequences, kernels]) / stages


def _power_factors(calibration: Calibration) -> npt.NDArray[np.float64]:
    return np.array([getattr(calibration, name) for name in POWER_TERMS])


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
