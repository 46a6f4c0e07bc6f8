"""What answers, and what it draws; and a node that is simulated on a machine of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from galerne.catalog import Catalog, Machine
from galerne.clock import Clock
from galerne.engines import LlamaEngine, LlamaSettings, SimulatedEngine
from galerne.errors import DoesNotFit
from galerne.fleet import Node
from galerne.generation import GenerationRequest
from galerne.models import ModelFile
from galerne.perf import (
    BatchShape,
    ServingPlan,
    fit_plan,
    predict_step,
    serving_plan,
    step_weights,
)

SIMULATED_FORMAT = "fp8"
SIMULATED_SLOTS = 64
SIMULATED_ALIASES = ("default",)
PREFIX_SIMULATED = "Simulated"


class Shelf(Protocol):
    """Where models lie that can be measured."""

    def untuned(self, node: Node) -> tuple[ModelFile, LlamaSettings, bool] | None:
        """A node's file, its settings without tuning, and whether there is room for more answers at once."""
        ...

    def note_measured(self, engine: LlamaEngine) -> None:
        """Count the work of an engine that answers nobody."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Stock:
    """The nodes of this installation, and what their work draws.

    Attributes:
        node_id: whose meter it is.
        find_nodes: those there are now, the default one first; may look at the disk.
        active_j: joules above the machine's idle since the start, for the modelled meter.
        processor_s: CPU-seconds of the engines on this computer since the start; never goes back.
        elsewhere_j: joules that work on other machines, or on accelerators of our own vLLM, has taken since
            the start, above their idle; None where there are none.
        shelf: what of this can be measured; None for nothing.
    """

    node_id: str
    machine: Machine
    find_nodes: Callable[[], Sequence[Node]]
    active_j: Callable[[], float]
    processor_s: Callable[[], float]
    elsewhere_j: Callable[[], float] | None = None
    shelf: Shelf | None = None


def simulated_stock(
    catalog: Catalog, this_machine: Machine, *, system_id: str, model_id: str, clock: Clock
) -> Stock:
    """One simulated engine on a system of the catalogue.

    Raises:
        UnknownId: no such system or model.
        DoesNotFit: the system's accelerators do not hold the model.
    """
    machine = system_machine(catalog, this_machine, system_id=system_id)
    node = simulated_node(catalog, machine, system_id=system_id, model_id=model_id, clock=clock)
    middle = predict_step(node.plan, BatchShape(n_sequences=SIMULATED_SLOTS / 2.0, context_tokens=1024.0))
    above_idle_w = max(float(middle.it_j) / float(middle.duration_s) - machine.idle_w, 0.0)
    return Stock(
        node_id=node.node_id,
        machine=machine,
        find_nodes=lambda: [node],
        active_j=lambda: node.engine.processor_s() * above_idle_w,
        processor_s=lambda: 0.0,  # it only waits
    )


def simulated_node(
    catalog: Catalog, machine: Machine, *, system_id: str, model_id: str, clock: Clock
) -> Node:
    """A simulated engine on a machine, in the time and energy that the shared model predicts."""
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
    return Node(
        node_id=f"simulated-{system_id}",
        model_id=model_id,
        model_name=f"{PREFIX_SIMULATED} {model.name}",
        engine=engine,
        plan=plan,
        weights=step_weights(plan),
        aliases=SIMULATED_ALIASES,
        may_leave_idle=False,
    )


def _require_room(plan: ServingPlan) -> None:
    """Refuse a model that the simulated machine could not hold: a real one would not start either."""
    fit = fit_plan(plan, free_bytes=float(plan.machine.memory_bytes))
    if fit.weights_bytes > plan.machine.memory_bytes:
        raise DoesNotFit(needed_bytes=int(fit.weights_bytes), free_bytes=plan.machine.memory_bytes)


def system_machine(
    catalog: Catalog, this_machine: Machine, *, system_id: str, n_accelerators: int = 8
) -> Machine:
    """A machine made of a system's row: so many accelerators, and their part of the host's full power."""
    system = catalog.systems[system_id]
    n = min(n_accelerators, system.n_accelerators)
    accelerator = catalog.accelerators[system.accelerator_id]
    return Machine(
        name=system.name,
        host=this_machine.host,
        n_cores=1,
        memory_bytes=int(accelerator.memory_bytes * n),
        memory_bytes_per_s=this_machine.memory_bytes_per_s,
        peak_flop_per_s=this_machine.peak_flop_per_s,
        accelerators=(accelerator,) * n,
        accelerator_host_w=system.host_busy_w * n / system.n_accelerators,
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
