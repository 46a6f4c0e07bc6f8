"""The nodes of this machine: llama.cpp with each model file that is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from galerne.catalog import Catalog, Machine
from galerne.cli.installed import find_installed
from galerne.cli.needed import LEAST_BUFFERS_BYTES, needed_bytes, working_part
from galerne.cli.nodes import Stock
from galerne.cli.tuned import NEVER_TUNED, RememberedTunings, Tuned, told_settings
from galerne.clock import Clock
from galerne.engines import Abilities, LlamaEngine, LlamaSettings, Tuning, default_threads
from galerne.engines.llama_settings import DEFAULT_SLOTS, KV_BYTES_PER_VALUE
from galerne.engines.offload import NO_GPUS, Burden, GpuShare, plan_offload
from galerne.engines.tuning import MORE_SLOTS
from galerne.fleet import Node
from galerne.models import Library, ModelFile
from galerne.perf import ServingPlan, fit_plan, kv_bytes_per_token, serving_plan, step_weights
from galerne.perf.advice import LOCAL_ENGINE, prompt_cache_bytes

LOCAL_NODE = "local"
"""Whose meter it is: this computer's. Its nodes are called ``local/MODEL``."""
N_SLOTS = DEFAULT_SLOTS
LADDER = ((4, 1 << 30), (2, 1 << 30), (1, 1 << 30), (1, 8192), (1, 4096), (1, 2048))
"""Answers at once and most tokens of context, tried in this order where memory is short."""
MOST_FOR_SLOTS_RATIO = 0.1
"""More answers at once may take so much of the machine's memory: it is of use only while many ask."""
BUILTIN_TEMPERATURE = 0.0
"""The built-in model states facts: it takes the likeliest word."""


@dataclass(kw_only=True, slots=True)
class _Shelved:
    """A model file with its engine, and the settings it was last given."""

    file: ModelFile
    engine: LlamaEngine
    tuned: Tuned
    widest: ServingPlan

    @property
    def eyes_bytes(self) -> int:
        return self.file.projector.size_bytes if self.file.projector else 0


class LocalShelf:
    """llama.cpp with each model file of this machine; a node is made when its file is first seen.

    Args:
        catalog: formats, calibrations, the size of the engine's buffers.
        machine: this computer.
        installed: the model files there are now.
        default_id: the model served when none is named: first, and it stays while nothing needs its room.
        context_tokens: of one conversation.
        clock: time.
        tunings: what was measured here; a model is loaded with it from its next load on.
        share: the GPUs that the installed engine can compute on, with what is free there now.
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
        tunings: RememberedTunings | None = None,
        share: GpuShare = NO_GPUS,
    ) -> None:
        self._catalog = catalog
        self._host = replace(machine, accelerators=())
        self._gpus = share.gpus
        # Accelerators that the engine does not compute on are no part of what answers here.
        self._machine = machine if self._gpus else self._host
        self._most_gpu_layers = share.most_layers
        self._installed = installed
        self._default_id = find_installed(installed(), default_id).model_id
        self._context_tokens = context_tokens
        self._clock = clock
        self._tunings = tunings
        self._nodes: dict[tuple[str, str, str, int, float], Node] = {}
        self._shelved: dict[str, _Shelved] = {}
        self._measured: list[LlamaEngine] = []

    def stock(self) -> Stock:
        """The nodes with their power: watts of a busy core times the engines' CPU-seconds."""
        busy_core_w = self._machine.host.busy_core_w
        return Stock(
            node_id=LOCAL_NODE,
            machine=self._machine,
            find_nodes=self.find_nodes,
            active_j=lambda: self.processor_s() * busy_core_w,
            processor_s=self.processor_s,
            shelf=self,
        )

    def find_nodes(self) -> list[Node]:
        """A node per model file, the default one first."""
        files = sorted(self._installed().files, key=lambda file: file.model_id != self._default_id)
        return [self._node(file) for file in files]

    def processor_s(self) -> float:
        """CPU-seconds of every engine so far, those of models that are gone and of tuning included."""
        engines = [*(node.engine for node in list(self._nodes.values())), *self._measured]
        return sum(engine.processor_s() for engine in engines)

    def note_measured(self, engine: LlamaEngine) -> None:
        """Count the work of an engine that answers nobody: it is being measured."""
        self._measured.append(engine)

    def untuned(self, node: Node) -> tuple[ModelFile, LlamaSettings, bool] | None:
        """A node's file, its settings without tuning, and whether there is room for more answers at once.

        None where it has been measured, or is none of ours.
        """
        shelved = self._shelved.get(node.node_id)
        if shelved is None or self._tunings is None or self._tunings.of(shelved.file) is not NEVER_TUNED:
            return None
        settings = replace(plain_settings(shelved.file, shelved.widest), burden=self._burden(shelved.widest))
        return shelved.file, settings, room_for_slots(shelved.widest)

    def _node(self, file: ModelFile) -> Node:
        made_at = file.path.stat().st_mtime if file.path.exists() else 0.0
        eyes = str(file.projector.path) if file.projector else ""
        key = (file.model_id, str(file.path), eyes, file.size_bytes, made_at)
        if key not in self._nodes:
            self._nodes[key] = self._make(file, made_at=made_at)
        return self._nodes[key]

    def _make(self, file: ModelFile, *, made_at: float) -> Node:
        tuned = self._tunings.of(file) if self._tunings else NEVER_TUNED
        widest = self._plan(file, tuned.tuning)
        burden = self._burden(widest)
        settings = replace(plain_settings(file, widest), burden=burden, **asdict(tuned.tuning))
        engine = LlamaEngine(settings, clock=self._clock)
        shelved = _Shelved(file=file, engine=engine, tuned=tuned, widest=widest)
        is_default = file.model_id == self._default_id
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
            needed_bytes=self._host_bytes(widest) + shelved.eyes_bytes,
            loads_on_demand=True,
            may_leave_idle=not is_default,
        )
        node.adapt = lambda most_bytes: self._adapt(node, shelved, most_bytes)
        node.settings = lambda: self._told(shelved)
        self._shelved[node.node_id] = shelved
        return node

    def _plan(self, file: ModelFile, tuning: Tuning) -> ServingPlan:
        n_threads = tuning.n_threads or min(default_threads(file.size_bytes), self._machine.n_cores)
        plan = serving_plan(
            self._catalog,
            file.spec,
            file.weight_format,
            working_part(self._host, n_threads=n_threads),
            context_tokens=self._context_tokens,
            max_sequences=tuning.n_slots,
        )
        plan = replace(plan, kv_bytes_per_value=KV_BYTES_PER_VALUE[tuning.kv_type])
        burden = self._burden(plan)
        if burden is None or not self._machine.accelerators or plan_offload(self._gpus, burden).gpu_ratio < 1:
            return plan  # what is partly on the processor is as slow as that part, nearly
        calibration = self._catalog.calibrations[f"{LOCAL_ENGINE}-accelerator"]
        one = replace(self._machine, accelerators=self._machine.accelerators[:1])
        return replace(plan, machine=one, calibration=calibration)

    def _burden(self, plan: ServingPlan) -> Burden | None:
        """What of a model may go to GPUs; None where there are none for the engine."""
        if not self._gpus:
            return None
        fit = fit_plan(plan, free_bytes=0.0)
        return Burden(
            n_layers=plan.model.n_layers, layers_bytes=fit.needed_bytes, most_layers=self._most_gpu_layers
        )

    def _host_bytes(self, plan: ServingPlan) -> int:
        """Memory of this machine that a model takes: all of it, less what GPUs have room for."""
        whole_bytes = needed_bytes(self._catalog, plan)
        if (burden := self._burden(plan)) is None:
            return whole_bytes
        on_gpus_bytes = burden.layers_bytes * plan_offload(self._gpus, burden).gpu_ratio
        return max(LEAST_BUFFERS_BYTES, int(whole_bytes - on_gpus_bytes))

    def _adapt(self, node: Node, shelved: _Shelved, most_bytes: int) -> bool:
        """Take what was measured since the last load, and the first of the ladder that fits.

        Where memory is short: fewer answers at once, then a shorter context.
        """
        tuned = self._tunings.of(shelved.file) if self._tunings else NEVER_TUNED
        is_new = tuned.tuning != shelved.tuned.tuning
        if is_new:
            shelved.widest = self._plan(shelved.file, tuned.tuning)
            shelved.engine.tune(tuned.tuning)
        shelved.tuned, widest = tuned, shelved.widest
        for n_slots, most_tokens in _ladder(widest.max_sequences):
            plan = replace(
                widest, max_sequences=n_slots, context_tokens=min(most_tokens, widest.context_tokens)
            )
            needed = self._host_bytes(plan) + shelved.eyes_bytes
            if needed <= most_bytes:
                break
        if not is_new and plan == node.plan:
            return False
        shelved.engine.resize(n_slots=plan.max_sequences, context_tokens=plan.context_tokens)
        node.plan, node.weights, node.needed_bytes = plan, step_weights(plan), needed
        return True

    def _told(self, shelved: _Shelved) -> Mapping[str, str]:
        """What the engine runs with, and why; what was measured since waits for the next load."""
        told = told_settings(shelved.tuned, size_bytes=shelved.file.size_bytes)
        if self._gpus:
            told["gpu_layers"] = f"{shelved.engine.offload.n_gpu_layers}/{shelved.file.spec.n_layers + 1}"
        if self._tunings and self._tunings.of(shelved.file).tuning != shelved.tuned.tuning:
            told["next_load"] = "measured"
        return told


def plain_settings(file: ModelFile, plan: ServingPlan) -> LlamaSettings:
    """How the engine runs a file before anything has been measured."""
    return LlamaSettings(
        model_id=file.model_id,
        model_path=file.path,
        context_tokens=plan.context_tokens,
        n_slots=DEFAULT_SLOTS,
        prompt_cache_bytes=prompt_cache_bytes(plan),
        abilities=Abilities(chat=file.has_chat_template, vision=file.projector is not None),
        projector_path=file.projector.path if file.projector else None,
    )


def room_for_slots(plan: ServingPlan) -> bool:
    """Whether more answers at once take so little of the memory that they may be had for speed alone."""
    more = MORE_SLOTS - DEFAULT_SLOTS
    more_bytes = more * kv_bytes_per_token(plan.model) * plan.context_tokens
    return more_bytes <= MOST_FOR_SLOTS_RATIO * plan.machine.memory_bytes


def _ladder(n_slots: int) -> list[tuple[int, int]]:
    return [(n_slots, 1 << 30), *((n, most) for n, most in LADDER if n < n_slots or most < 1 << 30)]
