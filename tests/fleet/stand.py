"""What tests of the fleet share: a gateway over simulated engines, a real accountant and a real ledger."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from galerne.catalog import Catalog
from galerne.clock import Clock, ManualClock
from galerne.energy import FacilityFactors
from galerne.engines import Engine, EngineKind, EngineState, EngineStatus, SimulatedEngine
from galerne.fleet import (
    Admission,
    ChainObserver,
    Delivered,
    Expectation,
    Gateway,
    Node,
    Pool,
    PoolRules,
    Router,
    Surroundings,
    Throughput,
    expect,
)
from galerne.fleet.gateway import GatewayEvent
from galerne.generation import GenerationRequest, Message, Role, Sampling, TokenChunk
from galerne.grid import GridSignal, annual_signal
from galerne.ledger import OWNER_OF_MACHINE, Accountant, Ledger, Payer
from galerne.machine.meter import IdleTracker, ModelledMeter
from galerne.perf import ServingPlan, StepWeights
from galerne.storage import sqlite_url
from tests.ledger.bench import FACTORS
from tests.perf.factories import LAPTOP, plan

ANSWER = "Le vent du nord-ouest passe."
N_ANSWER_TOKENS = 10
IDLE_W = 4.0
BUSY_W = 12.0
WEIGHTS = StepWeights(fixed_j=0.02, per_sequence_j=0.01, per_prompt_token_j=0.005, per_context_token_j=0.0)
CATALOG = Catalog()
GRID = annual_signal(CATALOG, "FR", 1_767_225_600.0)
HOME = FacilityFactors()


@dataclass
class FakeEngine:
    """An engine of which only the state matters."""

    n_active: int = 0
    n_waiting: int = 0
    n_slots: int = 4
    state: EngineState = EngineState.READY

    def status(self) -> EngineStatus:
        return EngineStatus(
            kind=EngineKind.SIMULATED,
            state=self.state,
            model_id="mini",
            n_slots=self.n_slots,
            context_tokens=4096,
            n_active=self.n_active,
            n_waiting=self.n_waiting,
        )


def make_node(
    node_id: str = "here",
    *,
    engine: Engine | FakeEngine | None = None,
    model_id: str = "mini",
    aliases: tuple[str, ...] = (),
    serving_plan: ServingPlan | None = None,
) -> Node:
    return Node(
        node_id=node_id,
        model_id=model_id,
        model_name=model_id.title(),
        engine=cast("Engine", engine or FakeEngine()),
        plan=serving_plan or plan(machine=LAPTOP),
        weights=WEIGHTS,
        aliases=aliases,
    )


def ask(
    request_id: str = "r", *, text: str = "D'où vient le vent ?", model_id: str = "mini", **sampling: Any
) -> GenerationRequest:
    return GenerationRequest(
        request_id=request_id,
        model_id=model_id,
        messages=(Message(role=Role.USER, content=text),),
        sampling=Sampling(**sampling),
    )


def expected(node: Node, request: GenerationRequest | None = None, *, grid: GridSignal = GRID) -> Expectation:
    return expect(node, request or ask(), grid=grid, facility=HOME)


@dataclass
class Stand:
    """A gateway with one engine, everything below it real."""

    folder: Path
    clock: Clock = field(default_factory=ManualClock)
    text: str = ANSWER
    n_slots: int = 4
    engine: Engine | None = None
    model_id: str = "mini"
    context_tokens: int = 4096
    others: tuple[Node, ...] = ()
    free_bytes: int = 1 << 40
    rules: PoolRules = field(default_factory=PoolRules)
    ledger_url: str = ""

    def __post_init__(self) -> None:
        self.engine = self.engine or self._simulated()
        self.node = make_node(engine=self.engine, model_id=self.model_id, aliases=("default",))
        self.ledger = Ledger.open(self.ledger_url or sqlite_url(self.folder / "ledger.db"))
        self.meter = ModelledMeter(
            active_j=lambda: BUSY_W * self.node.engine.processor_s(), idle_w=IDLE_W, clock=self.clock
        )
        self.accountant = Accountant(
            node_id="here",
            meter=self.meter,
            idle=IdleTracker(host_w=IDLE_W),
            clock=self.clock,
            ledger=self.ledger,
            factors=lambda: FACTORS,
        )
        self.throughput = Throughput(clock=self.clock)
        self.admission = Admission(quotas=self.ledger.quotas, accountant=self.accountant, clock=self.clock)
        self.pool = Pool(
            find_nodes=lambda: [self.node, *self.others],
            free_bytes=lambda: self.free_bytes,
            booking=self.accountant.loading,
            clock=self.clock,
            rules=self.rules,
        )
        self.gateway = Gateway(
            pool=self.pool,
            router=Router(),
            accountant=self.accountant,
            admission=self.admission,
            clock=self.clock,
            grid=lambda: GRID,
            facility=HOME,
            throughput=self.throughput,
            observer=self._observer(),
        )

    def _observer(self) -> ChainObserver:
        return ChainObserver(
            surroundings=Surroundings(
                catalog=CATALOG,
                machine=LAPTOP,
                meter_method="modelled",
                place="home",
                facility=HOME,
                grid=lambda: GRID,
                direct_g_per_kwh=lambda: 23.0,
            ),
            accountant=self.accountant,
            ledger=self.ledger,
            clock=self.clock,
            throughput=self.throughput,
        )

    def _simulated(self) -> SimulatedEngine:
        return SimulatedEngine(
            model_id=self.model_id,
            prefill_s=lambda prompt_tokens, cached_tokens, _: 0.01 * (prompt_tokens - cached_tokens),
            decode_step_s=lambda n_active, _: 0.05 + 0.01 * n_active,
            text_for=lambda _: self.text,
            context_tokens=self.context_tokens,
            n_slots=self.n_slots,
            clock=self.clock,
            sleep=self._pass,
        )

    async def _pass(self, duration_s: float) -> None:
        assert isinstance(self.clock, ManualClock)
        self.clock.advance(duration_s)
        await asyncio.sleep(0)

    def answer(
        self, request: GenerationRequest, *, payer: Payer = OWNER_OF_MACHINE
    ) -> AsyncGenerator[GatewayEvent, None]:
        return self.gateway.answer(request, payer=payer)

    async def collect(self, request: GenerationRequest | None = None) -> tuple[str, list[GatewayEvent]]:
        events = [event async for event in self.answer(request or ask())]
        return "".join(event.text for event in events if isinstance(event, TokenChunk)), events

    def close(self) -> None:
        """Settle everything; the ledger stays open to be read."""
        self.accountant.close()


@contextlib.asynccontextmanager
async def open_stand(folder: Path, **changes: Any) -> AsyncIterator[Stand]:
    stand = Stand(folder=folder, **changes)
    try:
        async with stand.gateway:
            yield stand
    finally:
        stand.ledger.close()


async def read_until(answer: AsyncGenerator[GatewayEvent, None], n_tokens: int) -> list[GatewayEvent]:
    """The first events of an answer, to its n-th token."""
    events: list[GatewayEvent] = []
    async for event in answer:
        events.append(event)
        if sum(isinstance(event, TokenChunk) for event in events) == n_tokens:
            break
    return events


def delivery_of(events: list[GatewayEvent]) -> Delivered:
    """The last event, which must be the only delivery."""
    deliveries = [event for event in events if isinstance(event, Delivered)]
    assert deliveries == events[-1:]
    return deliveries[0]
