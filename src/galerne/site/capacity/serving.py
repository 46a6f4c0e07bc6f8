"""What a system serves under an objective, and how many systems a connection carries.

One replica is the model over some accelerators of a system (``replicas``), serving by continuous batching
(``batching``); the largest batch that keeps the objective says what the system carries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galerne.catalog import Catalog, ModelSpec, SystemSpec, WeightFormat
from galerne.errors import Infeasible
from galerne.perf import ServingPlan, device_memory_bytes
from galerne.site.capacity.batching import EngineLimits, Floats, Steps, batch_sizes, steady_steps
from galerne.site.capacity.replicas import (
    most_sequences,
    replica_layouts,
    system_machine,
    usable_bytes,
    with_sequences,
)
from galerne.site.capacity.tails import DEFAULT_RATIO
from galerne.site.scenario.records import Objective, Workload
from galerne.units import Numeric

_MOST_TENSOR = 8  # beyond, the sums of a layer cost more than they save


@dataclass(frozen=True, kw_only=True, slots=True)
class CapacityPlan:
    """How one system serves.

    Attributes:
        tensor_parallel: accelerators that share a layer.
        n_devices: accelerators of a replica.
        n_replicas: replicas of a system.
        n_sequences: sequences of a replica at full load.
        output_tokens_per_s: of the system at full load.
        input_tokens_per_s: prompt tokens that are not in the cache, of the system at full load.
        cached_ratio: share of the time that prompts take for what they find in the cache.
        load_levels_ratio: rising loads of the system, over full load, at which its power is known.
        load_levels_w: power of the accelerators of the system at those loads.
        error_ratio: typical relative error of the times.
        tail_ratio: the percentile of the two times that follow.
        tail_token_interval_s: at full load; ``tail_first_token_s`` likewise.
    """

    plan: ServingPlan
    tensor_parallel: int
    n_devices: int
    n_replicas: int
    n_sequences: float
    token_interval_s: float
    first_token_s: float
    prefill_ratio: float
    cached_ratio: float
    output_tokens_per_s: float
    input_tokens_per_s: float
    load_levels_ratio: Floats
    load_levels_w: Floats
    error_ratio: float
    tail_ratio: float
    tail_token_interval_s: float
    tail_first_token_s: float

    def accelerators_w(self, load_ratio: Numeric) -> Floats:
        """Power of the accelerators of a system at a load."""
        return np.asarray(np.interp(load_ratio, self.load_levels_ratio, self.load_levels_w))


def plan_capacity(
    catalog: Catalog,
    system: SystemSpec,
    model: ModelSpec,
    weight_format: WeightFormat,
    *,
    workload: Workload,
    objective: Objective,
    limits: EngineLimits,
) -> CapacityPlan:
    """The replica that gives most tokens per system under the objective.

    Raises:
        Infeasible: the weights fit no replica, or no replica is fast enough; names what binds.
    """
    machine = system_machine(catalog, system)
    context_tokens = round(workload.prompt_tokens + workload.output_tokens)
    layouts = list(
        replica_layouts(
            catalog,
            model,
            weight_format,
            machine,
            context_tokens=context_tokens,
            most_tensor_parallel=_MOST_TENSOR,
        )
    )
    fitting = [
        (plan, most)
        for plan in layouts
        if (most := most_sequences(plan, workload=workload, limits=limits)) >= 1
    ]
    if not fitting:
        roomiest = min(layouts, key=lambda plan: device_memory_bytes(with_sequences(plan, 1)))
        raise Infeasible(
            binding_constraint="accelerator memory of one system",
            needed=device_memory_bytes(with_sequences(roomiest, 1)) * roomiest.n_devices,
            available=usable_bytes(roomiest, limits=limits) * roomiest.n_devices,
            unit="bytes",
        )
    tail_ratio = objective.percentile_ratio or DEFAULT_RATIO
    tried = [
        (
            plan,
            steady_steps(
                plan, batch_sizes(most), workload=workload, limits=limits, tail_ratio=tail_ratio, most=most
            ),
        )
        for plan, most in fitting
    ]
    require_reachable([steps for _, steps in tried], objective)
    best = max(
        (_at_objective(plan, steps, system=system, objective=objective) for plan, steps in tried),
        key=lambda candidate: candidate[0],
    )
    tokens_per_s, plan, steps, index = best
    if not tokens_per_s:
        judged = [s.judged(objective) for _, s in tried]
        in_time = [first_s[interval_s <= objective.token_interval_s] for interval_s, first_s in judged]
        raise Infeasible(
            binding_constraint=at_percentile(
                "time to first token at the wanted time per output token", objective
            ),
            needed=float(min(waits.min() for waits in in_time if waits.size)),
            available=objective.first_token_s,
            unit="s",
        )
    return _capacity(plan, steps, index, system=system, workload=workload, tail_ratio=tail_ratio)


def systems_within(power_w: Numeric, *, system_w: Numeric) -> Numeric:
    """Whole systems that a power carries; one where it carries none, which the plan then refuses."""
    count = np.maximum(np.floor(np.asarray(power_w / system_w)), 1.0)
    return float(count) if count.ndim == 0 else count


def require_reachable(tried: list[Steps], objective: Objective) -> None:
    """Refuse an objective that no layout meets even with one sequence.

    Raises:
        Infeasible: names the time that binds, and the shortest there is.
    """
    judged = [steps.judged(objective) for steps in tried]
    for name, wanted_s, fastest_s in (
        ("time per output token", objective.token_interval_s, min(times[0].min() for times in judged)),
        ("time to first token", objective.first_token_s, min(times[1].min() for times in judged)),
    ):
        if fastest_s > wanted_s:
            raise Infeasible(
                binding_constraint=at_percentile(name, objective),
                needed=float(fastest_s),
                available=wanted_s,
                unit="s",
            )


def at_percentile(name: str, objective: Objective) -> str:
    """A time's name, with the percentile at which the objective means it."""
    if objective.percentile_ratio is None:
        return name
    return f"{100.0 * objective.percentile_ratio:g}th percentile of {name}"


def _at_objective(
    plan: ServingPlan, steps: Steps, *, system: SystemSpec, objective: Objective
) -> tuple[float, ServingPlan, Steps, int]:
    good = steps.meeting(objective)
    n_replicas = system.n_accelerators // plan.n_devices
    tokens_per_s = np.where(good, steps.output_tokens_per_s * n_replicas, 0.0)
    index = int(np.argmax(tokens_per_s))
    return float(tokens_per_s[index]), plan, steps, index


def _capacity(
    plan: ServingPlan,
    steps: Steps,
    index: int,
    *,
    system: SystemSpec,
    workload: Workload,
    tail_ratio: float,
) -> CapacityPlan:
    n_replicas = system.n_accelerators // plan.n_devices
    output_tokens_per_s = float(steps.output_tokens_per_s[index]) * n_replicas
    fresh_tokens = workload.prompt_tokens * (1.0 - workload.cached_ratio)
    device = plan.machine.accelerators[0]
    spare_w = (system.n_accelerators - n_replicas * plan.n_devices) * device.idle_w
    idle_w = system.n_accelerators * device.idle_w
    levels = slice(0, index + 1)
    return CapacityPlan(
        plan=plan,
        tensor_parallel=plan.tensor_parallel,
        n_devices=plan.n_devices,
        n_replicas=n_replicas,
        n_sequences=float(steps.n_sequences[index]),
        token_interval_s=float(steps.token_interval_s[index]),
        first_token_s=float(steps.first_token_s[index]),
        prefill_ratio=float(steps.prefill_ratio[index]),
        cached_ratio=float(steps.cached_ratio[index]),
        output_tokens_per_s=output_tokens_per_s,
        input_tokens_per_s=output_tokens_per_s * fresh_tokens / workload.output_tokens,
        load_levels_ratio=np.concatenate(
            ([0.0], steps.output_tokens_per_s[levels] / steps.output_tokens_per_s[index])
        ),
        load_levels_w=np.concatenate(([idle_w], steps.accelerator_w[levels] * n_replicas + spare_w)),
        error_ratio=plan.calibration.error_ratio,
        tail_ratio=tail_ratio,
        tail_token_interval_s=float(steps.tail_token_interval_s[index]),
        tail_first_token_s=float(steps.tail_first_token_s[index]),
    )
