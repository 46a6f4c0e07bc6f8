"""Replicas: how a model is divided over the accelerators of a system, and how many sequences each holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from galerne.catalog import Catalog, HostSpec, Machine, ModelSpec, SystemSpec, WeightFormat
from galerne.perf import ServingPlan, device_memory_bytes, serving_plan
from galerne.site.capacity.batching import EngineLimits
from galerne.site.scenario.records import Workload


def system_machine(catalog: Catalog, system: SystemSpec) -> Machine:
    """The system as the shared model sees it; its processors do not matter to a plan on accelerators."""
    host: HostSpec = catalog.hosts["any"]
    device = catalog.accelerators[system.accelerator_id]
    return Machine(
        name=system.name,
        host=host,
        n_cores=0,
        memory_bytes=0,
        memory_bytes_per_s=0.0,
        peak_flop_per_s=0.0,
        accelerators=(device,) * system.n_accelerators,
        accelerator_host_w=system.host_busy_w,
    )


def replica_layouts(
    catalog: Catalog,
    model: ModelSpec,
    weight_format: WeightFormat,
    machine: Machine,
    *,
    context_tokens: int,
    most_tensor_parallel: int,
    stages: tuple[int, ...] = (1,),
    engine: str = "vllm",
) -> Iterator[ServingPlan]:
    """Ways to divide a replica over accelerators of one machine.

    Args:
        catalog: where calibrations are.
        model: what is divided; copies of the attention only help where experts are shared.
        weight_format: of the weights.
        machine: one system.
        context_tokens: of one sequence.
        most_tensor_parallel: accelerators that may share a layer.
        stages: numbers of pipeline stages to try.
        engine: whose calibration.
    """
    n_accelerators = len(machine.accelerators)
    plan = serving_plan(catalog, model, weight_format, machine, context_tokens=context_tokens, engine=engine)
    for n_devices in _sizes(n_accelerators):
        for n_stages in stages:
            for tensor_parallel in _sizes(min(n_devices, most_tensor_parallel)):
                data_parallel, left = divmod(n_devices, tensor_parallel * n_stages)
                if left or not data_parallel or (data_parallel > 1 and not model.n_experts):
                    continue
                yield dataclasses.replace(
                    plan,
                    tensor_parallel=tensor_parallel,
                    pipeline_parallel=n_stages,
                    data_parallel=data_parallel,
                    # Engines that copy the attention put whole experts on each device.
                    expert_parallel=min(tensor_parallel * data_parallel, model.n_experts)
                    if data_parallel > 1
                    else 1,
                )


def _sizes(most: int) -> list[int]:
    """Powers of two, and the whole."""
    sizes = [2**power for power in range(most.bit_length()) if 2**power <= most]
    return sizes if sizes[-1] == most else [*sizes, most]


def usable_bytes(plan: ServingPlan, *, limits: EngineLimits) -> float:
    """Memory of a device that weights and context may fill."""
    device = plan.machine.accelerators[0]
    return device.memory_bytes * limits.usable_memory_ratio - limits.reserve_bytes


def with_sequences(plan: ServingPlan, n_sequences: int) -> ServingPlan:
    """The plan for that many sequences at once."""
    return dataclasses.replace(plan, max_sequences=n_sequences)


def most_sequences(plan: ServingPlan, *, workload: Workload, limits: EngineLimits) -> int:
    """Sequences whose context fits the memory and whose tokens and prompts fit the engine's steps."""
    empty_bytes = device_memory_bytes(with_sequences(plan, 0))
    each_bytes = device_memory_bytes(with_sequences(plan, 1)) - empty_bytes
    fitting = int(max(0.0, usable_bytes(plan, limits=limits) - empty_bytes) / each_bytes)
    fresh_tokens = workload.prompt_tokens * (1.0 - workload.cached_ratio)
    step_tokens = 1.0 + fresh_tokens / workload.output_tokens
    return min(fitting, int(limits.chunk_tokens * plan.data_parallel / step_tokens))
