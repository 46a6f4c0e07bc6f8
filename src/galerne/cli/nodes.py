"""Makes the node that answers: a real engine here, or a simulated one on a machine of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from galerne.catalog import Catalog, Machine
from galerne.clock import Clock
from galerne.engines import LlamaEngine, LlamaSettings, SimulatedEngine, default_threads
from galerne.errors import DoesNotFit
from galerne.fleet import Node
from galerne.generation import GenerationRequest
from galerne.models import ModelFile
from galerne.perf import BatchShape, ServingPlan, fit_plan, predict_step, serving_plan, step_weights

LOCAL_NODE = "local"
N_SLOTS = 4
BUILTIN_TEMPERATURE = 0.0
"""The built-in model states facts: it takes the likeliest word."""
SIMULATED_FORMAT = "fp8"
SIMULATED_SLOTS = 64
SIMULATED_ALIASES = ("default",)
PREFIX_SIMULATED = "Simulated"


@dataclass(frozen=True, kw_only=True, slots=True)
class PoweredNode:
    """A node, and what its work adds to the machine's idle energy, for the modelled meter.

    Attributes:
        active_j: joules above idle since the start.
    """

    node: Node
    machine: Machine
    active_j: Callable[[], float]


def local_node(
    catalog: Catalog, machine: Machine, file: ModelFile, *, context_tokens: int, clock: Clock
) -> PoweredNode:
    """llama.cpp with a model file on this machine."""
    host_only = replace(machine, accelerators=())  # the packaged engine computes on processors
    n_threads = min(default_threads(file.size_bytes), machine.n_cores)
    plan = serving_plan(
        catalog,
        file.spec,
        file.weight_format,
        _working_part(host_only, n_threads=n_threads),
        context_tokens=context_tokens,
        max_sequences=N_SLOTS,
    )
    engine = LlamaEngine(
        LlamaSettings(
            model_id=file.model_id,
            model_path=file.path,
            context_tokens=plan.context_tokens,
            n_slots=N_SLOTS,
            n_threads=n_threads,
        ),
        clock=clock,
    )
    node = Node(
        node_id=LOCAL_NODE,
        model_id=file.model_id,
        model_name=file.spec.name,
        engine=engine,
        plan=plan,
        weights=step_weights(plan),
        aliases=("default",),
        created_at=file.path.stat().st_mtime,
        default_temperature=BUILTIN_TEMPERATURE if file.is_builtin else None,
    )
    busy_core_w = machine.host.busy_core_w
    return PoweredNode(node=node, machine=host_only, active_j=lambda: engine.processor_s() * busy_core_w)


def _working_part(machine: Machine, *, n_threads: int) -> Machine:
    """The cores an engine uses: a small model runs in fewer threads than there are cores."""
    return replace(
        machine, n_cores=n_threads, peak_flop_per_s=machine.peak_flop_per_s * n_threads / machine.n_cores
    )


def simulated_node(
    catalog: Catalog, this_machine: Machine, *, system_id: str, model_id: str, clock: Clock
) -> PoweredNode:
    """A simulated engine on a system of the catalogue, in the time and energy the shared model predicts.

    Raises:
        UnknownId: no such system or model.
        DoesNotFit: the system's accelerators do not hold the model.
    """
    machine = system_machine(catalog, this_machine, system_id=system_id)
    model = catalog.models[model_id]
    plan = serving_plan(
        catalog,
        model,
        catalog.formats[SIMULATED_FORMAT],
        machine,
        max_sequences=SIMULATED_SLOTS,
        tensor_parallel=len(machine.accelerators),
    )
    _require_room(plan)
    engine = SimulatedEngine(
        model_id=model_id,
        prefill_s=lambda prompt, cached, _: _step_s(plan, prompt_tokens=prompt, cached_tokens=cached),
        decode_step_s=lambda n, context_tokens: _step_s(plan, n_sequences=n, context_tokens=context_tokens),
        text_for=lambda request: _simulated_text(request, model.name, machine.name),
        context_tokens=plan.context_tokens,
        n_slots=SIMULATED_SLOTS,
        clock=clock,
    )
    node = Node(
        node_id=f"simulated-{system_id}",
        model_id=model_id,
        model_name=f"{PREFIX_SIMULATED} {model.name}",
        engine=engine,
        plan=plan,
        weights=step_weights(plan),
        aliases=SIMULATED_ALIASES,
    )
    middle = predict_step(plan, BatchShape(n_sequences=SIMULATED_SLOTS / 2.0, context_tokens=1024.0))
    above_idle_w = max(float(middle.it_j) / float(middle.duration_s) - machine.idle_w, 0.0)
    return PoweredNode(node=node, machine=machine, active_j=lambda: engine.processor_s() * above_idle_w)


def _require_room(plan: ServingPlan) -> None:
    """Refuse a model that the simulated machine could not hold: a real one would not start either."""
    fit = fit_plan(plan, free_bytes=float(plan.machine.memory_bytes))
    if fit.weights_bytes > plan.machine.memory_bytes:
        raise DoesNotFit(needed_bytes=int(fit.weights_bytes), free_bytes=plan.machine.memory_bytes)


def system_machine(catalog: Catalog, this_machine: Machine, *, system_id: str) -> Machine:
    """A machine made of a system's row: its accelerators, and its host's power at full load."""
    system = catalog.systems[system_id]
    accelerator = catalog.accelerators[system.accelerator_id]
    return Machine(
        name=system.name,
        host=this_machine.host,
        n_cores=1,
        memory_bytes=int(accelerator.memory_bytes * min(8, system.n_accelerators)),
        memory_bytes_per_s=this_machine.memory_bytes_per_s,
        peak_flop_per_s=this_machine.peak_flop_per_s,
        accelerators=(accelerator,) * min(8, system.n_accelerators),
        accelerator_host_w=system.host_busy_w * min(8, system.n_accelerators) / system.n_accelerators,
        methods={"accelerators": "published"},
    )


def _step_s(
    plan: ServingPlan,
    *,
    n_sequences: float = 1.0,
    prompt_tokens: float = 0.0,
    cached_tokens: float = 0.0,
    context_tokens: float = 0.0,
) -> float:
    batch = BatchShape(
        n_sequences=float(n_sequences),
        prompt_tokens=float(prompt_tokens),
        cached_tokens=float(cached_tokens),
        context_tokens=float(context_tokens),
    )
    return float(predict_step(plan, batch).duration_s)


def _simulated_text(request: GenerationRequest, model_name: str, machine_name: str) -> str:
    return (
        f"This is a simulated answer: no model has run. It comes at the pace at which {model_name} would "
        f"write it on one {machine_name}, by the shared model of performance, to a question of "
        f"{request.n_characters()} characters. Its energy is modelled in the same way."
    )
