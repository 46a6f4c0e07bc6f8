"""The terms of the one formula: what each coefficient of a calibration multiplies.

    t = Σ coefficient · term

Times of traffic and arithmetic are ideal ones, from the datasheet; the last term counts kernels. The product
and the fit of the coefficients use this same list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galerne.catalog import Calibration, WeightFormat
from galerne.perf.kernels import kernels_per_step
from galerne.perf.records import BatchShape, ServingPlan
from galerne.perf.work import N_AMOUNTS, STEP, Work, plan_work, step_amounts

MEMORY = (
    "weight_traffic_ratio",
    "expert_traffic_ratio",
    "kv_traffic_ratio",
    "logits_traffic_ratio",
    "route_traffic_ratio",
)
COMPUTE = (
    "decode_flop_ratio",
    "prefill_flop_ratio",
    "prefill_wide_flop_ratio",
    "attention_flop_ratio",
    "expert_flop_ratio",
)
LINK = ("reduce_traffic_ratio", "exchange_traffic_ratio")
FIXED = ("kernel_s",)
TERMS = (*MEMORY, *COMPUTE, *LINK, *FIXED)
"""Fields of a calibration, in the order of the terms."""
_ROW = {name: row for row, name in enumerate(TERMS)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Roofline:
    """What executes one stage of the plan: all its devices together.

    Attributes:
        dense_flop_per_s: peak in the format of the dense weights.
        expert_flop_per_s: peak in the format of the experts.
        wide_flop_per_s: peak of 16-bit arithmetic, in which attention works whatever the weights.
        link_bytes_per_s: of one device, one way.
    """

    n_devices: int
    memory_bytes_per_s: float
    dense_flop_per_s: float
    expert_flop_per_s: float
    wide_flop_per_s: float
    link_bytes_per_s: float


def roofline(plan: ServingPlan) -> Roofline:
    """Bandwidth and peaks of the accelerators of a stage, or of the host where there are none."""
    machine = plan.machine
    if not machine.accelerators:
        peak = machine.peak_flop_per_s
        return Roofline(
            n_devices=1,
            memory_bytes_per_s=machine.memory_bytes_per_s,
            dense_flop_per_s=peak,
            expert_flop_per_s=peak,
            wide_flop_per_s=peak,
            link_bytes_per_s=machine.memory_bytes_per_s,
        )
    device = machine.accelerators[0]
    n, reached = plan.tensor_parallel * plan.data_parallel, device.reached_peak_ratio

    def peak_of(weight_format: WeightFormat) -> float:
        fp16 = device.peak_flop_per_s["fp16"]
        return n * reached * max(device.peak_flop_per_s.get(weight_format.compute, fp16), fp16)

    return Roofline(
        n_devices=n,
        memory_bytes_per_s=n * device.memory_bytes_per_s,
        dense_flop_per_s=peak_of(plan.format),
        expert_flop_per_s=peak_of(plan.expert_format_or_format),
        wide_flop_per_s=n * reached * device.peak_flop_per_s["fp16"],
        link_bytes_per_s=device.link_bytes_per_s / 2.0,
    )


def step_terms(plan: ServingPlan, batch: BatchShape) -> npt.NDArray[np.float64]:
    """The terms of one step, shape (len(TERMS), ...) over the broadcast batch."""
    amounts, _ = step_amounts(plan, batch)
    return np.tensordot(plan_terms(plan, plan_work(plan)), amounts, axes=1)


def plan_terms(plan: ServingPlan, work: Work) -> npt.NDArray[np.float64]:
    """The terms per unit of each amount, shape (len(TERMS), N_AMOUNTS)."""
    roof = roofline(plan)
    terms = np.zeros((len(TERMS), N_AMOUNTS))
    times = {
        "weight_traffic_ratio": work.weight_bytes / roof.memory_bytes_per_s,
        "expert_traffic_ratio": work.expert_bytes / roof.memory_bytes_per_s,
        "kv_traffic_ratio": work.kv_bytes / roof.memory_bytes_per_s,
        "logits_traffic_ratio": work.logits_bytes * roof.n_devices / roof.memory_bytes_per_s,
        "route_traffic_ratio": work.routed_bytes * roof.n_devices / roof.memory_bytes_per_s,
        "decode_flop_ratio": work.decode_dense_flop / roof.dense_flop_per_s,
        "prefill_flop_ratio": work.dense_flop / roof.dense_flop_per_s,
        "prefill_wide_flop_ratio": work.dense_flop / roof.wide_flop_per_s,
        "attention_flop_ratio": work.attention_flop / roof.wide_flop_per_s,
        "expert_flop_ratio": (work.decode_expert_flop + work.expert_flop) / roof.expert_flop_per_s,
        "reduce_traffic_ratio": work.reduced_bytes / roof.link_bytes_per_s,
        "exchange_traffic_ratio": work.exchanged_bytes / roof.link_bytes_per_s,
    }
    for name, row in times.items():
        terms[_ROW[name]] = row
    terms[_ROW["kernel_s"], STEP] = kernels_per_step(plan)
    return terms


def coefficients(calibration: Calibration) -> npt.NDArray[np.float64]:
    """The coefficients of a calibration, in the order of the terms."""
    return np.array([getattr(calibration, name) for name in TERMS])
