"""The chain at one moment: grid, place, machine, engine, last answer. One view, for every screen.

Each number keeps its method and its source, so that a screen can always say where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from galerne.catalog import Catalog, Machine
from galerne.clock import Clock
from galerne.energy import FacilityFactors
from galerne.engines import EngineKind
from galerne.fleet.pool import Pool
from galerne.fleet.records import Node, Presence
from galerne.fleet.residents import Resident, ResidentView
from galerne.fleet.throughput import Throughput
from galerne.grid import GridSignal
from galerne.ledger import Accountant, Ledger, Receipt
from galerne.machine.meter import IDLE_SOURCE
from galerne.perf import BatchShape, predict_step

PROBE_CONTEXT_TOKENS = 256.0
"""Context at which the expected speed is given: a short conversation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridView:
    """Where the electricity comes from.

    Attributes:
        direct_g_per_kwh: emissions of what burns at this hour, where a profile is known.
        market_g_per_kwh: of the operator's contract, where there is one.
        as_of_at: instant that a live figure holds for.
        missing: the live figure that was asked for and cannot be had, and why; else empty.
    """

    zone: str
    zone_name: str
    g_per_kwh: float
    direct_g_per_kwh: float | None
    l_per_kwh: float
    eur_per_kwh: float
    kind: str
    basis: str
    year: int
    method: str
    sources: Mapping[str, str]
    market_g_per_kwh: float | None = None
    price_kind: str = "industrial"
    as_of_at: float | None = None
    missing: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceView:
    """What the building adds."""

    name: str
    pue_ratio: float
    onsite_water_l_per_kwh: float
    method: str
    sources: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineView:
    """What the computer draws.

    Attributes:
        history_w: mean power of the last windows, oldest first.
    """

    name: str
    n_cores: int
    memory_bytes: int
    power_w: float
    idle_w: float
    history_w: tuple[float, ...]
    method: str
    sources: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineView:
    """What the engine makes of it.

    Attributes:
        tokens_per_s: of the last window, all answers together.
        expected_tokens_per_s: of one answer alone, by the shared model.
    """

    kind: str
    state: str
    model_id: str
    n_active: int
    n_slots: int
    n_waiting: int
    tokens_per_s: float
    expected_tokens_per_s: float
    history_tokens_per_s: tuple[float, ...]
    method: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainView:
    """The whole chain at one moment.

    Attributes:
        accounts_j: where all the energy metered so far went, by account.
        answer: the last one, with its latest revision; None before the first.
    """

    at: float
    grid: GridView
    place: PlaceView
    machine: MachineView
    engine: EngineView
    accounts_j: Mapping[str, float]
    answer: Receipt | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What stands around the engines and changes slowly: zone, place and computer.

    Attributes:
        meter_method: how the machine's energy is had: ``measured``, ``derived`` or ``modelled``.
        direct_g_per_kwh: emissions of what burns now in the zone, by a profile; None where none is known.
    """

    catalog: Catalog
    machine: Machine
    meter_method: str
    place: str
    facility: FacilityFactors
    grid: Callable[[], GridSignal]
    direct_g_per_kwh: Callable[[], float | None]


class ChainObserver:
    """Composes the view from the parts that know."""

    def __init__(
        self,
        *,
        surroundings: Surroundings,
        accountant: Accountant,
        ledger: Ledger,
        clock: Clock,
        throughput: Throughput,
    ) -> None:
        self._around = surroundings
        self._accountant = accountant
        self._ledger = ledger
        self._clock = clock
        self._throughput = throughput

    def view(self, node: Node) -> ChainView:
        """The chain through one node, now."""
        return ChainView(
            at=self._clock.now_at(),
            grid=self._grid_view(),
            place=self._place_view(),
            machine=self._machine_view(),
            engine=self._engine_view(node),
            accounts_j=self._accountant.totals().joules(),
            answer=self._ledger.latest_receipt(),
        )

    def resident_view(self, resident: Resident, pool: Pool) -> ResidentView:
        """One model's life in memory, now."""
        node, status = resident.node, resident.node.engine.status()
        presence = resident.presence()
        is_here = presence is not Presence.INSTALLED
        history_tokens_per_s = resident.throughput.history_tokens_per_s()
        alone = predict_step(node.plan, BatchShape(n_sequences=1.0, context_tokens=PROBE_CONTEXT_TOKENS))
        return ResidentView(
            node_id=node.node_id,
            model_id=node.model_id,
            model_name=node.model_name,
            engine=str(status.kind),
            presence=presence,
            state=str(status.state),
            pinned=resident.pinned,
            n_active=status.n_active,
            n_waiting=status.n_waiting + resident.n_wanted,
            n_slots=status.n_slots,
            context_tokens=status.context_tokens,
            needed_bytes=node.needed_bytes,
            resident_bytes=node.engine.memory().resident_bytes if is_here else 0,
            tokens_per_s=history_tokens_per_s[-1] if history_tokens_per_s and is_here else 0.0,
            expected_tokens_per_s=1.0 / float(alone.duration_s),
            power_w=self._share_w(resident, pool) if is_here else None,
            power_method="modelled" if self._around.meter_method == "modelled" else "derived",
            unload_in_s=pool.leaves_in_s(resident),
            load_s=status.load_s,
            loading=resident.loading(now_s=self._clock.monotonic_s())
            if presence is Presence.LOADING
            else None,
            problem=resident.failure.code if resident.failure else None,
            settings=node.settings(),
        )

    def _share_w(self, resident: Resident, pool: Pool) -> float | None:
        """A model's part of the power above idle: its engine's part of the CPU time of all engines."""
        history_w = self._accountant.recent_power_w()
        shares = [each.processor_ratio or 0.0 for each in pool.residents]
        if not history_w or resident.processor_ratio is None:
            return None
        above_idle_w = max(0.0, history_w[-1] - self._accountant.idle_power().total_w)
        total = sum(shares)
        return above_idle_w * resident.processor_ratio / total if total > 0 else 0.0

    def _method_of(self, source_key: str) -> str:
        """How a packaged figure is known: an estimate of ours is a model, and is called so."""
        quality = self._around.catalog.sources[source_key].quality
        return "modelled" if quality == "estimated" else quality

    def _grid_view(self) -> GridView:
        signal = self._around.grid()
        return GridView(
            zone=signal.zone,
            zone_name=self._around.catalog.zones[signal.zone].name,
            g_per_kwh=signal.g_per_kwh,
            direct_g_per_kwh=self._around.direct_g_per_kwh(),
            market_g_per_kwh=signal.market_g_per_kwh,
            price_kind=signal.price_kind,
            as_of_at=signal.as_of_at,
            missing=signal.missing,
            l_per_kwh=signal.l_per_kwh,
            eur_per_kwh=signal.eur_per_kwh,
            kind=signal.kind,
            basis=signal.basis,
            year=signal.year,
            method=self._method_of(signal.sources["g_per_kwh"]),
            sources=signal.sources,
        )

    def _place_view(self) -> PlaceView:
        facility = self._around.facility
        return PlaceView(
            name=self._around.place,
            pue_ratio=float(facility.pue_ratio),
            onsite_water_l_per_kwh=float(facility.onsite_water_l_per_kwh),
            method=self._method_of(facility.source),
            sources={"pue_ratio": facility.source, "onsite_water_l_per_kwh": facility.source},
        )

    def _machine_view(self) -> MachineView:
        machine = self._around.machine
        history_w, idle = tuple(self._accountant.recent_power_w()), self._accountant.idle_power()
        # The first accelerator stands for all: a machine holds one kind.
        row = machine.accelerators[0] if machine.accelerators else machine.host
        busy_field = "power_limit_w" if machine.accelerators else "busy_core_w"
        idle_field = "idle_w" if machine.accelerators else "idle_core_w"
        return MachineView(
            name=machine.name,
            n_cores=machine.n_cores,
            memory_bytes=machine.memory_bytes,
            power_w=history_w[-1] if history_w else idle.total_w,
            idle_w=idle.total_w,
            history_w=history_w,
            method=self._around.meter_method,
            sources={
                "power_w": row.sources.get(busy_field) or row.sources.get("default", ""),
                "idle_w": IDLE_SOURCE
                if idle.method != "modelled"
                else row.sources.get(idle_field) or row.sources.get("default", ""),
            },
        )

    def _engine_view(self, node: Node) -> EngineView:
        status = node.engine.status()
        history_tokens_per_s = self._throughput.history_tokens_per_s()
        alone = predict_step(node.plan, BatchShape(n_sequences=1.0, context_tokens=PROBE_CONTEXT_TOKENS))
        return EngineView(
            kind=str(status.kind),
            state=str(status.state),
            model_id=node.model_id,
            n_active=status.n_active,
            n_slots=status.n_slots,
            n_waiting=status.n_waiting,
            tokens_per_s=history_tokens_per_s[-1] if history_tokens_per_s else 0.0,
            expected_tokens_per_s=1.0 / float(alone.duration_s),
            history_tokens_per_s=history_tokens_per_s,
            method="modelled" if status.kind is EngineKind.SIMULATED else "measured",
        )
