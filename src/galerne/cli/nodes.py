"""Makes the nodes that answer: real engines here, or a simulated one on a machine of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from galerne.catalog import Catalog, Machine
from galerne.cli.installed import find_installed
from galerne.clock import Clock
from galerne.engines import Abilities, LlamaEngine, LlamaSettings, SimulatedEngine, default_threads
from galerne.errors import DoesNotFit
from galerne.fleet import Node
from galerne.generation import GenerationRequest
from galerne.models import Library, ModelFile
from galerne.perf import (
    BatchShape,
    ServingPlan,
    fit_plan,
    predict_step,
    serving_plan,
    step_weights,
)
from galerne.perf.advice import prompt_cache_bytes

LOCAL_NODE = "local"
"""Whose meter it is: this computer's. Its nodes are called ``local/MODEL``."""
N_SLOTS = 4
LADDER = ((4, 1 << 30), (2, 1 << 30), (1, 1 << 30), (1, 8192), (1, 4096), (1, 2048))
"""Answers at once and most tokens of context, tried in this order where memory is short."""
TEKKEN_TOKENS = 131_072
"""Vocabulary of the models for which the catalogue gives the size of the engine's buffers."""
LEAST_BUFFERS_BYTES = 64 << 20
"""The engine's process itself: with the built-in model it holds 58 MB in all."""
BUILTIN_TEMPERATURE = 0.0
"""The built-in model states facts: it takes the likeliest word."""
SIMULATED_FORMAT = "fp8"
SIMULATED_SLOTS = 64
SIMULATED_ALIASES = ("default",)
PREFIX_SIMULATED = "Simulated"


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
    """

    node_id: str
    machine: Machine
    find_nodes: Callable[[], Sequence[Node]]
    active_j: Callable[[], float]
    processor_s: Callable[[], float]
    elsewhere_j: Callable[[], float] | None = None


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


class LocalShelf:
    """llama.cpp with each model file of this machine; a node is made when its file is first seen.

    Args:
        catalog: formats, calibrations, the size of the engine's buffers.
        machine: this computer.
        installed: the model files there are now.
        default_id: the model served when none is named: first, and it stays while nothing needs its room.
        context_tokens: of one conversation.
        clock: time.
    """

    def __init__(
        self,
        catalog: Catalog,
        machine: Machine,
        *,
        installed: Callable[[], Library],
        default_id: str,
        context_tokens: int,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._machine = replace(machine, accelerators=())  # the packaged engine computes on processors
        self._installed = installed
        self._default_id = find_installed(installed(), default_id).model_id
        self._context_tokens = context_tokens
        self._clock = clock
        self._nodes: dict[tuple[str, str, str, int, float], Node] = {}

    def stock(self) -> Stock:
        """The nodes with their power: watts of a busy core times the engines' CPU-seconds."""
        busy_core_w = self._machine.host.busy_core_w
        return Stock(
            node_id=LOCAL_NODE,
            machine=self._machine,
            find_nodes=self.find_nodes,
            active_j=lambda: self.processor_s() * busy_core_w,
            processor_s=self.processor_s,
        )

    def find_nodes(self) -> list[Node]:
        """A node per model file, the default one first."""
        files = sorted(self._installed().files, key=lambda file: file.model_id != self._default_id)
        return [self._node(file) for file in files]

    def processor_s(self) -> float:
        """CPU-seconds of every engine so far, those of models that are gone included."""
        return sum(node.engine.processor_s() for node in list(self._nodes.values()))

    def _node(self, file: ModelFile) -> Node:
        made_at = file.path.stat().st_mtime if file.path.exists() else 0.0
        eyes = str(file.projector.path) if file.projector else ""
        key = (file.model_id, str(file.path), eyes, file.size_bytes, made_at)
        if key not in self._nodes:
            self._nodes[key] = self._make(file, made_at=made_at)
        return self._nodes[key]

    def _make(self, file: ModelFile, *, made_at: float) -> Node:
        n_threads = min(default_threads(file.size_bytes), self._machine.n_cores)
        widest = serving_plan(
            self._catalog,
            file.spec,
            file.weight_format,
            _working_part(self._machine, n_threads=n_threads),
            context_tokens=self._context_tokens,
            max_sequences=N_SLOTS,
        )
        engine = LlamaEngine(
            LlamaSettings(
                model_id=file.model_id,
                model_path=file.path,
                context_tokens=widest.context_tokens,
                n_slots=N_SLOTS,
                n_threads=n_threads,
                prompt_cache_bytes=prompt_cache_bytes(widest),
                abilities=Abilities(chat=file.has_chat_template, vision=file.projector is not None),
                projector_path=file.projector.path if file.projector else None,
            ),
            clock=self._clock,
        )
        is_default = file.model_id == self._default_id
        eyes_bytes = file.projector.size_bytes if file.projector else 0
        node = Node(
            node_id=f"{LOCAL_NODE}/{file.model_id}",
            model_id=file.model_id,
            model_name=file.spec.name,
            engine=engine,
            plan=widest,
            weights=step_weights(widest),
            aliases=(*(("default",) if is_default else ()), *file.aliases),
            created_at=made_at,
            default_temperature=BUILTIN_TEMPERATURE if file.is_builtin else None,
            needed_bytes=self._needed_bytes(widest) + eyes_bytes,
            loads_on_demand=True,
            may_leave_idle=not is_default,
        )
        node.adapt = lambda most_bytes: self._adapt(node, engine, widest, most_bytes, eyes_bytes=eyes_bytes)
        return node

    def _adapt(
        self, node: Node, engine: LlamaEngine, widest: ServingPlan, most_bytes: int, *, eyes_bytes: int
    ) -> bool:
        """Take the first of the ladder that fits: fewer answers at once, then a shorter context."""
        for n_slots, most_tokens in LADDER:
            plan = replace(
                widest, max_sequences=n_slots, context_tokens=min(most_tokens, widest.context_tokens)
            )
            needed_bytes = self._needed_bytes(plan) + eyes_bytes
            if needed_bytes <= most_bytes:
                break
        if needed_bytes == node.needed_bytes:
            return False
        engine.resize(n_slots=plan.max_sequences, context_tokens=plan.context_tokens)
        node.plan, node.weights, node.needed_bytes = plan, step_weights(plan), needed_bytes
        return True

    def _needed_bytes(self, plan: ServingPlan) -> int:
        # The largest buffer holds the logits of a batch, and so goes with the vocabulary.
        share_ratio = min(1.0, plan.model.vocab_size / TEKKEN_TOKENS)
        buffers_bytes = max(
            LEAST_BUFFERS_BYTES, self._catalog.facts["local-engine-buffers"].value * share_ratio
        )
        overhead_bytes = buffers_bytes + prompt_cache_bytes(plan)
        return int(fit_plan(plan, free_bytes=0.0, overhead_bytes=overhead_bytes).needed_bytes)


def _working_part(machine: Machine, *, n_threads: int) -> Machine:
    """The cores an engine uses: a small model runs in fewer threads than there are cores."""
    return replace(
        machine, n_cores=n_threads, peak_flop_per_s=machine.peak_flop_per_s * n_threads / machine.n_cores
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
