"""What answers the questions of the published cases, from the shared model alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from galerne.catalog import AcceleratorSpec, Catalog, Machine, ModelSpec, packaged_text
from galerne.perf.architecture import kv_bytes, kv_bytes_per_token, parameter_count
from galerne.perf.cases import Case
from galerne.perf.fit import device_memory_bytes, serving_plan
from galerne.perf.records import BatchShape, ServingPlan
from galerne.perf.steady import SteadyLoad, steady_cost, token_interval_s
from galerne.perf.step import predict_step
from galerne.perf.work import kv_shards

Inputs = Mapping[str, Any]
Evaluator = Callable[[Catalog, Inputs], float]
DAY_S = 86_400.0
N_BATCHES = 200
ARCHITECTURE_TOLERANCE = 0.03
"""Cards round, and count the input table or not."""


def parameter_cases(catalog: Catalog) -> list[Case]:
    """The published number of weights of every model."""
    rows = [*catalog.models.rows.values(), *catalog.reference_models.rows.values()]
    return [
        Case(
            id=f"parameters-{model.id}",
            name=f"{model.name}: weights",
            question="parameters",
            inputs={"model": model.id},
            expected=model.n_parameters,
            unit="weights",
            tolerance_ratio=ARCHITECTURE_TOLERANCE,
            source=catalog.source_of(model, "n_parameters").key,
        )
        for model in rows
    ]


def parameters(catalog: Catalog, inputs: Inputs) -> float:
    """Weights counted from the architecture."""
    return parameter_count(_model(catalog, inputs["model"]))


def cache_bytes(catalog: Catalog, inputs: Inputs) -> float:
    """Keys and values of one token of context."""
    return kv_bytes_per_token(
        _model(catalog, inputs["model"]), kv_bytes_per_value=inputs["kv_bytes_per_value"]
    )


def offline_tokens_per_s(catalog: Catalog, inputs: Inputs) -> float:
    """Most output tokens per second of a machine without a latency objective.

    The batch is what the memory holds at the mean length of its sequences, up to the engine's limit; where no
    division of the machine is given, the best one.
    """
    n_devices = int(inputs["n_accelerators"])
    degrees = [inputs["tensor_parallel"]] if "tensor_parallel" in inputs else _powers_of_two(n_devices)
    return max(
        _replica_tokens_per_s(catalog, _plan(catalog, inputs, tensor_parallel=degree), inputs)
        * (n_devices // degree)
        for degree in degrees
    )


def steady_accelerator_j(catalog: Catalog, inputs: Inputs) -> float:
    """Energy of the accelerators per output token at a given batch."""
    plan = _plan(catalog, inputs, tensor_parallel=int(inputs["n_accelerators"]))
    return float(steady_cost(plan, _load(inputs, n_sequences=inputs["n_sequences"])).accelerator_j)


def wall_j_per_token(catalog: Catalog, inputs: Inputs) -> float:
    """Energy of a whole server per output token, without a latency objective."""
    system = catalog.systems[inputs["system"]]
    given = {**inputs, "accelerator": system.accelerator_id, "n_accelerators": system.n_accelerators}
    plan = _plan(catalog, given, tensor_parallel=int(inputs["tensor_parallel"]))
    if "power_cap_w" in inputs:
        plan = replace(plan, power_cap_w=float(inputs["power_cap_w"]))
    cost = steady_cost(plan, _load(given, n_sequences=_most_sequences(catalog, plan, given)))
    n_replicas = system.n_accelerators // plan.n_devices
    accelerators_w = n_replicas * float(cost.accelerator_w)
    device = plan.machine.accelerators[0]
    idle_w, limit_w = (system.n_accelerators * w for w in (device.idle_w, device.power_limit_w))
    # fans and supplies follow the heat: all of the host's busy power belongs to accelerators at their limit
    busy_ratio = max(0.0, (accelerators_w - idle_w) / (limit_w - idle_w))
    server_w = accelerators_w + system.host_idle_w + busy_ratio * (system.host_busy_w - system.host_idle_w)
    return server_w / (n_replicas * float(cost.output_tokens_per_s))


def one_stream_tokens_per_s(catalog: Catalog, inputs: Inputs) -> float:
    """Decoding speed of one conversation under llama.cpp, on a GPU or on a host by its bandwidth."""
    plan = _plan(catalog, {"engine": "llama.cpp", **inputs}, tensor_parallel=1)
    step = predict_step(plan, BatchShape(n_sequences=1.0, context_tokens=float(inputs["context_tokens"])))
    return 1.0 / float(step.duration_s)


def production_nodes(catalog: Catalog, inputs: Inputs) -> float:
    """Nodes that carry a day's tokens: prefill and decode apart, experts spread over many nodes.

    As published of the engine: two micro-batches take turns, one computing while the other exchanges tokens;
    tokens go to their experts in one byte a value and come back in two; a prompt's token is sent once to each
    of the few nodes that hold its experts.
    """
    node = int(inputs["node_accelerators"])
    fresh_tokens = inputs["daily_prompt_tokens"] - inputs["daily_cached_tokens"]
    prefill = _spread(catalog, inputs, n_devices=int(inputs["prefill_nodes"]) * node)
    chunk = BatchShape(
        n_sequences=float(prefill.n_devices),
        prompt_tokens=float(inputs["chunk_tokens"]),
        context_tokens=float(inputs["mean_context_tokens"]) / 2.0,
    )
    remote = (inputs["routed_nodes"] - 1.0) / (
        prefill.model.n_experts_per_token * (1.0 - 1.0 / prefill.n_devices)
    )
    chunk_s = float(_taking_turns_s(prefill, chunk, exchanged_ratio=remote * _ONE_BYTE_OUT))
    prefill_tokens_per_s = prefill.n_devices * inputs["chunk_tokens"] / chunk_s
    decode = _spread(catalog, inputs, n_devices=int(inputs["decode_nodes"]) * node)
    batches = decode.n_devices * np.arange(1.0, 513.0)
    batch = BatchShape(n_sequences=batches, context_tokens=float(inputs["mean_context_tokens"]))
    step_s = _taking_turns_s(decode, batch, exchanged_ratio=_ONE_BYTE_OUT)
    in_time = batches[step_s <= 1.0 / inputs["user_tokens_per_s"]]
    decode_tokens_per_s = float(in_time.max(initial=0.0)) * inputs["user_tokens_per_s"]
    prefill_nodes = fresh_tokens / DAY_S / prefill_tokens_per_s * inputs["prefill_nodes"]
    decode_nodes = inputs["daily_output_tokens"] / DAY_S / decode_tokens_per_s * inputs["decode_nodes"]
    return float(prefill_nodes + decode_nodes)


_ONE_BYTE_OUT = 0.75
"""Bytes of a token sent in 8 bits and returned in 16, over those of both ways in 16."""
_NO_WIRE = 1e30


def _taking_turns_s(plan: ServingPlan, batch: BatchShape, *, exchanged_ratio: float) -> Any:
    """Time of a step in two micro-batches, of which one computes while the other exchanges.

    t = 2 · max(compute(half), exchange(half))
    """
    device = replace(plan.machine.accelerators[0], link_bytes_per_s=_NO_WIRE)
    wired = replace(plan.machine, accelerators=(device,) * len(plan.machine.accelerators))
    half = replace(batch, n_sequences=np.asarray(batch.n_sequences) / 2.0)
    compute_s = np.asarray(predict_step(replace(plan, machine=wired), half).duration_s)
    exchange_s = np.asarray(predict_step(plan, half).duration_s) - compute_s
    return 2.0 * np.maximum(compute_s, exchanged_ratio * exchange_s)


def sample_error_ratio(catalog: Catalog, inputs: Inputs) -> float:
    """Mean error of the time per token over the packaged runs of one engine."""
    ratios = np.array(sample_ratios(catalog, engine=inputs["engine"]))
    return float(np.abs(ratios - 1.0).mean())


def covered_ratio(catalog: Catalog, inputs: Inputs) -> float:
    """Share of the packaged runs of one engine that took between p5 and p95 of what was predicted."""
    duration = catalog.calibrations[f"{inputs['engine']}-accelerator"].duration
    measured = 1.0 / np.array(sample_ratios(catalog, engine=inputs["engine"]))
    return float(np.mean((measured >= duration.low) & (measured <= duration.high)))


def sample_ratios(catalog: Catalog, *, engine: str) -> list[float]:
    """Our time per token over the measured one, for each packaged run of an engine."""
    rows = csv.DictReader(io.StringIO(packaged_text("validation", "serving_runs.csv")))
    return [_sample_ratio(catalog, row) for row in rows if row["engine"] == engine]


def _sample_ratio(catalog: Catalog, row: Mapping[str, str]) -> float:
    inputs = {
        "model": row["model_id"],
        "format": row["format_id"],
        "expert_format": row["expert_format_id"],
        "accelerator": row["accelerator_id"],
        "n_accelerators": int(row["tensor_parallel"]) * int(row["data_parallel"]),
        "kv_bytes_per_value": float(row["kv_bytes_per_value"]),
        "engine": row["engine"],
        "prompt_tokens": float(row["prompt_tokens"]),
        "output_tokens": float(row["output_tokens"]),
    }
    plan = _plan(catalog, inputs, tensor_parallel=int(row["tensor_parallel"]))
    plan = replace(plan, data_parallel=int(row["data_parallel"]), expert_parallel=int(row["expert_parallel"]))
    ours_s = token_interval_s(plan, _load(inputs, n_sequences=float(row["n_sequences"])))
    return float(ours_s) / float(row["token_interval_s"])


def _replica_tokens_per_s(catalog: Catalog, plan: ServingPlan, inputs: Inputs) -> float:
    most = _most_sequences(catalog, plan, inputs)
    if most < 1.0:
        return 0.0
    batches = np.unique(np.round(np.geomspace(1.0, most, N_BATCHES)))
    return float(np.max(steady_cost(plan, _load(inputs, n_sequences=batches)).output_tokens_per_s))


def _most_sequences(catalog: Catalog, plan: ServingPlan, inputs: Inputs) -> float:
    """Sequences whose mean context the memory of a replica holds."""
    usable_bytes = plan.machine.accelerators[0].memory_bytes * catalog.facts["usable-memory-ratio"].value
    free_bytes = usable_bytes - catalog.facts["engine-reserve-bytes"].value
    empty = replace(plan, max_sequences=0)
    mean_tokens = inputs["prompt_tokens"] + inputs["output_tokens"] / 2.0
    each_bytes = float(kv_bytes(plan.model, mean_tokens, kv_bytes_per_value=plan.kv_bytes_per_value))
    each_bytes /= kv_shards(plan) * plan.data_parallel
    fitting = (free_bytes - device_memory_bytes(empty)) / each_bytes
    return float(min(fitting, inputs.get("max_sequences", np.inf)))


def _load(inputs: Inputs, *, n_sequences: Any) -> SteadyLoad:
    return SteadyLoad(
        n_sequences=n_sequences,
        prompt_tokens=float(inputs["prompt_tokens"]),
        output_tokens=float(inputs["output_tokens"]),
    )


def _spread(catalog: Catalog, inputs: Inputs, *, n_devices: int) -> ServingPlan:
    """Attention copied on every device, experts divided over all of them, exchanged over the network."""
    plan = _plan(catalog, {**inputs, "n_accelerators": n_devices}, tensor_parallel=1)
    device = replace(plan.machine.accelerators[0], link_bytes_per_s=float(inputs["link_bytes_per_s"]))
    machine = replace(plan.machine, accelerators=(device,) * n_devices)
    return replace(plan, machine=machine, data_parallel=n_devices, expert_parallel=n_devices)


def _plan(catalog: Catalog, inputs: Inputs, *, tensor_parallel: int) -> ServingPlan:
    plan = serving_plan(
        catalog,
        _model(catalog, inputs["model"]),
        catalog.formats[inputs["format"]],
        _machine(catalog, inputs),
        tensor_parallel=tensor_parallel,
        engine=inputs.get("engine", "vllm"),
    )
    expert_format = catalog.formats[inputs.get("expert_format", inputs["format"])]
    return replace(
        plan, expert_format=expert_format, kv_bytes_per_value=float(inputs.get("kv_bytes_per_value", 2.0))
    )


def _machine(catalog: Catalog, inputs: Inputs) -> Machine:
    accelerators: tuple[AcceleratorSpec, ...] = ()
    if "accelerator" in inputs:
        device = catalog.accelerators[inputs["accelerator"]]
        accelerators = (device,) * int(inputs.get("n_accelerators", 1))
    return Machine(
        name="case",
        host=catalog.hosts["any"],
        n_cores=1,
        memory_bytes=0,
        memory_bytes_per_s=float(inputs.get("memory_bytes_per_s", 1.0)),
        peak_flop_per_s=float(inputs.get("peak_flop_per_s", 1.0)),
        accelerators=accelerators,
    )


def _model(catalog: Catalog, model_id: str) -> ModelSpec:
    if model_id in catalog.reference_models.rows:
        return catalog.reference_models[model_id]
    return catalog.models[model_id]


def _powers_of_two(n: int) -> list[int]:
    return [1 << power for power in range(n.bit_length()) if 1 << power <= n]


EVALUATORS: Mapping[str, Evaluator] = {
    "parameters": parameters,
    "cache_bytes": cache_bytes,
    "offline_tokens_per_s": offline_tokens_per_s,
    "steady_accelerator_j": steady_accelerator_j,
    "wall_j_per_token": wall_j_per_token,
    "one_stream_tokens_per_s": one_stream_tokens_per_s,
    "production_nodes": production_nodes,
    "sample_error_ratio": sample_error_ratio,
    "covered_ratio": covered_ratio,
}
"""What answers each question; the parts above add their own."""
