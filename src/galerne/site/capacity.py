"""What a system serves under an objective, and how many systems a connection carries.

One replica is the model over some accelerators of a system. In the steady state of continuous batching each
step decodes one token of every sequence and reads, in passing, the prompts of the sequences that replace
those which ended: their share of a step is ``batch / output_tokens`` prompts. All times and energies come
from ``perf.predict_step``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galerne.catalog import Catalog, HostSpec, Machine, ModelSpec, SystemSpec, WeightFormat
from galerne.errors import Infeasible
from galerne.perf import BatchShape, ServingPlan, device_memory_bytes, predict_step, serving_plan
from galerne.site.scenario import Objective, Workload
from galerne.site.tails import DEFAULT_RATIO, in_service, queue_wait_s
from galerne.units import Numeric

_MOST_TENSOR = 8  # beyond, the sums of a layer cost more than they save
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineLimits:
    """What an engine allows itself.

    Attributes:
        usable_memory_ratio: share of accelerator memory it may fill.
        reserve_bytes: what it keeps for itself, per accelerator.
        chunk_tokens: most tokens of one step.
    """

    usable_memory_ratio: float
    reserve_bytes: float
    chunk_tokens: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """Steady serving of one replica at each batch size: arrays of one shape.

    Attributes:
        n_sequences: batch sizes.
        token_interval_s: time of a step, its share of prompts included.
        first_token_s: mean wait for the first token, without a queue.
        prefill_ratio: share of the time that prompts take.
        cached_ratio: share of the time that prompts take for what they find in the cache.
        accelerator_w: power of the replica's accelerators.
        output_tokens_per_s: of the whole batch.
        tail_token_interval_s: time between tokens at the percentile; ``tail_first_token_s`` likewise with its
            queue.
    """

    n_sequences: Floats
    token_interval_s: Floats
    first_token_s: Floats
    tail_token_interval_s: Floats
    tail_first_token_s: Floats
    prefill_ratio: Floats
    cached_ratio: Floats
    accelerator_w: Floats
    output_tokens_per_s: Floats

    def judged(self, objective: Objective) -> tuple[Floats, Floats]:
        """Times between tokens and to the first one, as the objective means them."""
        if objective.percentile_ratio is None:
            return self.token_interval_s, self.first_token_s
        return self.tail_token_interval_s, self.tail_first_token_s

    def meeting(self, objective: Objective) -> npt.NDArray[np.bool_]:
        """Which batches keep the objective."""
        interval_s, first_s = self.judged(objective)
        return np.asarray((interval_s <= objective.token_interval_s) & (first_s <= objective.first_token_s))


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
        roomiest = min(layouts, key=lambda plan: device_memory_bytes(_with_sequences(plan, 1)))
        raise Infeasible(
            binding_constraint="accelerator memory of one system",
            needed=device_memory_bytes(_with_sequences(roomiest, 1)) * roomiest.n_devices,
            available=_usable_bytes(roomiest, limits=limits) * roomiest.n_devices,
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


def steady_steps(
    plan: ServingPlan,
    n_sequences: Floats,
    *,
    workload: Workload,
    limits: EngineLimits,
    tail_ratio: float = DEFAULT_RATIO,
    most: float = np.inf,
) -> Steps:
    """Steady continuous batching of one replica, at several batch sizes.

        t = t_decode(B) + B / O · t_prompt,  TTFT = t / 2 + ⌈fresh / chunk⌉ · t_decode + t_prompt

    ``t_prompt`` is what one more prompt adds to a step that reads the weights anyway. At a percentile more
    answers are in service, prompts queue for the tokens of the steps, and who finds no place waits for one.

    Args:
        plan: of the replica.
        n_sequences: mean numbers of sequences in service.
        workload: shape of a request.
        limits: what the engine allows itself.
        tail_ratio: the percentile.
        most: sequences that the replica can hold.

    Valid for: chunked prefill mixed with decoding; the means for arrivals spread evenly, the percentiles for
        random ones.
    Sources: vllm-engine-defaults, erlang-1917
    """
    prompt_tokens, output_tokens = workload.prompt_tokens, workload.output_tokens
    cached_tokens = prompt_tokens * workload.cached_ratio
    context_tokens = prompt_tokens + output_tokens / 2.0
    decode = predict_step(plan, BatchShape(n_sequences=n_sequences, context_tokens=context_tokens))
    prompt_s, prompt_j = _one_more_prompt(plan, prompt_tokens, cached_tokens)
    fresh_s, _ = _one_more_prompt(plan, prompt_tokens - cached_tokens, 0.0)
    cached_s = max(0.0, prompt_s - fresh_s)  # what attention to the cached part adds
    prompts_per_step = n_sequences / output_tokens
    step_s = decode.duration_s + prompts_per_step * prompt_s
    fresh_tokens = prompt_tokens - cached_tokens
    n_chunks = np.ceil(fresh_tokens / limits.chunk_tokens)
    n_tail = in_service(n_sequences, percentile_ratio=tail_ratio)
    n_served = np.minimum(n_tail, most)
    tail_decode_s = np.asarray(
        predict_step(plan, BatchShape(n_sequences=n_served, context_tokens=context_tokens)).duration_s
    )
    tail_step_s = tail_decode_s + n_served / output_tokens * prompt_s
    turn_s = tail_decode_s * fresh_tokens / (limits.chunk_tokens * plan.data_parallel) + prompt_s
    asked_per_s = prompts_per_step / step_s
    wait_s = queue_wait_s(asked_per_s * turn_s, turn_s, percentile_ratio=tail_ratio)
    wait_s = wait_s + (n_tail - n_served) / asked_per_s
    return Steps(
        n_sequences=n_sequences,
        token_interval_s=np.asarray(step_s),
        first_token_s=np.asarray(step_s / 2.0 + n_chunks * decode.duration_s + prompt_s),
        prefill_ratio=np.asarray(prompts_per_step * prompt_s / step_s),
        cached_ratio=np.asarray(prompts_per_step * cached_s / step_s),
        accelerator_w=np.asarray((decode.accelerator_j + prompts_per_step * prompt_j) / step_s),
        output_tokens_per_s=np.asarray(n_sequences / step_s),
        tail_token_interval_s=tail_step_s,
        tail_first_token_s=np.asarray(
            tail_ratio * tail_step_s + n_chunks * tail_decode_s + prompt_s + wait_s
        ),
    )


def _one_more_prompt(plan: ServingPlan, prompt_tokens: float, cached_tokens: float) -> tuple[float, float]:
    """Seconds and joules that one more prompt adds to a step that reads the weights anyway."""
    prompts = predict_step(
        plan,
        BatchShape(
            n_sequences=np.array([1.0, 2.0]), prompt_tokens=prompt_tokens, cached_tokens=cached_tokens
        ),
    )
    duration_s, accelerator_j = (np.asarray(values) for values in (prompts.duration_s, prompts.accelerator_j))
    return float(np.diff(duration_s)[0]), float(np.diff(accelerator_j)[0])


def systems_within(power_w: Numeric, *, system_w: Numeric) -> Numeric:
    """Whole systems that a power carries; one where it carries none, which the plan then refuses."""
    count = np.maximum(np.floor(np.asarray(power_w / system_w)), 1.0)
    return float(count) if count.ndim == 0 else count


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


def _usable_bytes(plan: ServingPlan, *, limits: EngineLimits) -> float:
    """Memory of a device that weights and context may fill."""
    device = plan.machine.accelerators[0]
    return device.memory_bytes * limits.usable_memory_ratio - limits.reserve_bytes


def _with_sequences(plan: ServingPlan, n_sequences: int) -> ServingPlan:
    return dataclasses.replace(plan, max_sequences=n_sequences)


def most_sequences(plan: ServingPlan, *, workload: Workload, limits: EngineLimits) -> int:
    """Sequences whose context fits the memory and whose tokens and prompts fit the engine's steps."""
    empty_bytes = device_memory_bytes(_with_sequences(plan, 0))
    each_bytes = device_memory_bytes(_with_sequences(plan, 1)) - empty_bytes
    fitting = int(max(0.0, _usable_bytes(plan, limits=limits) - empty_bytes) / each_bytes)
    fresh_tokens = workload.prompt_tokens * (1.0 - workload.cached_ratio)
    step_tokens = 1.0 + fresh_tokens / workload.output_tokens
    return min(fitting, int(limits.chunk_tokens * plan.data_parallel / step_tokens))


def batch_sizes(most: int) -> Floats:
    """Batch sizes to try, from one to the most, evenly on a logarithmic scale."""
    return np.unique(np.round(np.geomspace(1.0, most, 160)))


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
