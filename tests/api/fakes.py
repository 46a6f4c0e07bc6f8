"""Doubles of the parts behind the routes, and the application over them."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from starlette.testclient import TestClient

from galerne.api import Services, create_app
from galerne.catalog import default_catalog
from galerne.cli.planner import Planner
from galerne.clock import ManualClock
from galerne.energy import FacilityFactors
from galerne.errors import UnknownModel, UnknownReceipt
from galerne.fleet import (
    ChainView,
    Delivered,
    EngineView,
    Expectation,
    GatewayStatus,
    GridView,
    LoadTerms,
    MachineView,
    PlaceView,
    Presence,
    QueuePlace,
    QueueView,
    ResidentView,
    RouteDecision,
    ServedModel,
)
from galerne.generation import (
    Embedded,
    Finished,
    FinishReason,
    GenerationRequest,
    PromptRead,
    TextToken,
    TokenChunk,
    ToolCall,
    Usage,
)
from galerne.ledger import (
    Accounts,
    Answer,
    Factors,
    GridFactors,
    MachineFactors,
    Metered,
    Payer,
    Receipt,
    Settlement,
    Standing,
    UsageReport,
    UsageRow,
)
from galerne.ledger.receipt import receipt_of

BASE_URL = "http://127.0.0.1:4747"
USAGE = Usage(prompt_tokens=21, cached_tokens=5, new_tokens=3, queued_s=0.01, prefill_s=0.11, decode_s=0.05)
FACTORS = Factors(
    place="home",
    facility=FacilityFactors(),
    grid=GridFactors(
        zone="FR",
        g_per_kwh=41.4,
        l_per_kwh=3.67,
        eur_per_kwh=0.0942,
        basis="lifecycle",
        kind="annual",
        year=2025,
        sources={"default": "owid-2026", "eur_per_kwh": "user-price"},
    ),
    machine=MachineFactors(embodied_g=2e5, life_years=4.0, source="boavizta"),
    interval_ratio=(0.5, 2.0),
)


def receipt(receipt_id: str = "rcpt_1", *, usage: Usage = USAGE) -> Receipt:
    answer = Answer(
        answer_id=receipt_id,
        request_id="chatcmpl-1",
        key_id=None,
        node_id="home",
        model_id="galerne-mini",
        usage=usage,
        finish_reason=FinishReason.STOP,
        at=1_767_225_600.0,
        factors=FACTORS,
    )
    settlement = Settlement(
        answer_id=receipt_id,
        revision=1,
        started_at=1_767_225_599.0,
        ended_at=1_767_225_600.0,
        active_uj=41_200_000,
        idle_uj=14_700_000,
        device_s=0.5,
        method="modelled",
        coverage_ratio=1.0,
        final=False,
        at=1_767_225_600.0,
    )
    return receipt_of(answer, settlement)


@dataclass
class FakeGateway:
    """Answers with given pieces; fails where told; remembers what it was asked and how it ended."""

    pieces: tuple[str | TokenChunk | ToolCall, ...] = ("Bon", "jour", " !")
    refusal: Exception | None = None
    failure: Exception | None = None
    waits: bool = False
    ready: bool = True
    reason: FinishReason = FinishReason.STOP
    asked: list[GenerationRequest] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    payers: list[Payer] = field(default_factory=list)
    limits: tuple[Standing, ...] = ()
    terms: list[LoadTerms | None] = field(default_factory=list)
    loads: list[tuple[str, LoadTerms | None, bool | None]] = field(default_factory=list)
    unloads: list[tuple[str, bool]] = field(default_factory=list)
    place: QueuePlace | None = None
    lines: tuple[QueueView, ...] = ()

    def standings(self, request_id: str) -> tuple[Standing, ...]:
        return self.limits

    async def answer(
        self, request: GenerationRequest, *, payer: Payer, terms: LoadTerms | None = None
    ) -> AsyncGenerator:
        self.payers.append(payer)
        self.terms.append(terms)
        if request.model_id not in {"galerne-mini", "mini"}:
            raise UnknownModel(model=request.model_id, nearest="galerne-mini")
        self.asked.append(request)
        try:
            if self.refusal:
                raise self.refusal  # noqa: TRY301  # as an engine would
            yield PromptRead(prompt_tokens=USAGE.prompt_tokens, cached_tokens=USAGE.cached_tokens)
            if request.embeds:
                yield Embedded(vectors=tuple((0.6, -0.8) for _ in request.embeds), usage=USAGE)
            for piece in () if request.embeds else self.pieces:
                yield TokenChunk(text=piece) if isinstance(piece, str) else piece
            if self.failure:
                raise self.failure  # noqa: TRY301
            if self.waits:
                await asyncio.Event().wait()
            self.ends.append("finished")
            decision = RouteDecision(node=None, expectation=EXPECTATION, rejected={}, policy="fastest")
            finished = Finished(reason=self.reason, usage=USAGE)
            yield Delivered(finished=finished, receipt=receipt(), decision=decision)
        except BaseException as error:
            self.ends.append(type(error).__name__)
            raise

    def queue_place(self, request_id: str) -> QueuePlace | None:
        return self.place

    def queues(self) -> tuple[QueueView, ...]:
        return self.lines

    def receipt_id(self, request_id: str) -> str | None:
        return "rcpt_1" if self.asked and request_id == self.asked[-1].request_id else None

    async def count_tokens(self, request: GenerationRequest, *, terms: LoadTerms | None = None) -> int:
        self.asked.append(request)
        return 5

    async def tokenize(
        self, request: GenerationRequest, *, terms: LoadTerms | None = None
    ) -> tuple[TextToken, ...]:
        return tuple(TextToken(token_id=n, text=word) for n, word in enumerate(request.text.text.split()))

    def models(self) -> list[ServedModel]:
        return [
            ServedModel(
                model_id="galerne-mini",
                name="Galerne Mini",
                aliases=("mini",),
                context_tokens=2048,
                created_at=1_767_225_600.0,
            )
        ]

    def status(self) -> GatewayStatus:
        state = "ready" if self.ready else "starting"
        return GatewayStatus(
            ready=self.ready,
            states={"home": state},
            n_active=0,
            n_waiting=0,
            n_loaded=int(self.ready),
            n_loading=int(not self.ready),
            n_installed=3,
        )

    def chain(self) -> ChainView:
        return CHAIN

    async def refresh(self) -> None:
        pass

    def residents(self) -> list[ResidentView]:
        return [RESIDENT]

    async def load(self, name: str, *, terms: LoadTerms | None = None, pinned: bool | None = None) -> None:
        if self.refusal:
            raise self.refusal
        self.loads.append((name, terms, pinned))

    async def unload(self, name: str, *, now: bool = False) -> None:
        if self.refusal:
            raise self.refusal
        self.unloads.append((name, now))


RESIDENT = ResidentView(
    node_id="local/galerne-mini",
    model_id="galerne-mini",
    model_name="Galerne Mini",
    engine="llama.cpp",
    presence=Presence.LOADED,
    state="ready",
    pinned=False,
    n_active=1,
    n_waiting=2,
    n_slots=4,
    context_tokens=2048,
    needed_bytes=450_000_000,
    resident_bytes=120_000_000,
    tokens_per_s=120.0,
    expected_tokens_per_s=150.0,
    power_w=3.5,
    power_method="modelled",
    unload_in_s=None,
    load_s=0.2,
)


EXPECTATION = Expectation(
    first_token_s=0.1, total_s=1.0, tokens_per_s=40.0, it_j=50.0, co2_g=0.001, cost_eur=1e-6
)
CHAIN = ChainView(
    at=1_767_225_600.0,
    grid=GridView(
        zone="FR",
        zone_name="France",
        g_per_kwh=41.4,
        direct_g_per_kwh=None,
        l_per_kwh=3.67,
        eur_per_kwh=0.094,
        kind="annual",
        basis="lifecycle",
        year=2025,
        method="published",
        sources={"g_per_kwh": "owid-2026"},
    ),
    place=PlaceView(name="home", pue_ratio=1.0, onsite_water_l_per_kwh=0.0, method="published", sources={}),
    machine=MachineView(
        name="2 cores",
        n_cores=2,
        memory_bytes=8_000_000_000,
        power_w=12.0,
        idle_w=4.0,
        history_w=(4.0, 12.0),
        method="modelled",
        sources={},
    ),
    engine=EngineView(
        kind="simulated",
        state="ready",
        model_id="galerne-mini",
        n_active=1,
        n_slots=4,
        n_waiting=0,
        tokens_per_s=120.0,
        expected_tokens_per_s=150.0,
        history_tokens_per_s=(0.0, 120.0),
        method="modelled",
    ),
    accounts_j={"answers": 1.0, "idle": 2.0, "meter": 3.0},
    answer=receipt(),
)


@dataclass
class FakeLedger:
    """One receipt and one sum."""

    asked: list[tuple] = field(default_factory=list)

    def receipt(self, receipt_id: str) -> Receipt:
        if receipt_id != "rcpt_1":
            raise UnknownReceipt(receipt_id=receipt_id)
        return receipt()

    def usage(self, group_by="total", *, since_at=None, until_at=None, owner=None) -> UsageReport:
        self.asked.append((group_by, since_at, until_at))
        row = UsageRow(
            group="galerne-mini",
            n_answers=1,
            n_provisional=1,
            prompt_tokens=21,
            cached_tokens=5,
            new_tokens=3,
            active_uj=41_200_000,
            idle_uj=14_700_000,
            impact=receipt().impact,
        )
        return UsageReport(
            group_by=group_by,
            since_at=since_at,
            until_at=until_at,
            rows=(row,),
            accounts=Accounts(answers_uj=55_900_000, meter_uj=55_900_000),
            metered=Metered(by_method_uj={"measured": 55_900_000}, coverage_ratio=1.0),
            open_uj=0,
            adds_up=True,
        )


def services(gateway: FakeGateway | None = None, **changes) -> Services:
    numbers = iter(range(1, 10_000))
    given = {
        "gateway": gateway or FakeGateway(),
        "ledger": FakeLedger(),
        "catalog": default_catalog(),
        "version": "0.1.0",
        "clock": ManualClock(),
        "new_id": lambda: f"{next(numbers):024x}",
        "pad": lambda: 9,
        "site": Planner(default_catalog()),
        **changes,
    }
    return Services(**given)


def client(gateway: FakeGateway | None = None, **changes) -> TestClient:
    app = create_app(services(gateway, **changes))
    return TestClient(app, base_url=BASE_URL, raise_server_exceptions=False)


def ask(**changes) -> dict:
    return {"model": "galerne-mini", "messages": [{"role": "user", "content": "Bonjour"}], **changes}
