"""The journey of a message: route it, generate it, account for it, deliver it with its bill."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TypeAlias

from galerne.clock import Clock
from galerne.energy import FacilityFactors
from galerne.engines import EngineState
from galerne.errors import EngineCrashed, UnknownModel
from galerne.fleet.admission import Admission
from galerne.fleet.chain import ChainObserver, ChainView
from galerne.fleet.pool import Pool
from galerne.fleet.progress import Progress, with_waiting
from galerne.fleet.queue import FairQueue, QueuePlace, QueueView, Turn
from galerne.fleet.records import (
    Delivered,
    GatewayStatus,
    LoadTerms,
    Node,
    Presence,
    RouteDecision,
    ServedModel,
)
from galerne.fleet.residents import Resident, ResidentView
from galerne.fleet.router import Router, unknown_model
from galerne.fleet.throughput import Throughput
from galerne.generation import (
    Embedded,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    PromptRead,
    TextToken,
    TokenChunk,
    ToolCall,
    Usage,
)
from galerne.grid import GridSignal
from galerne.ledger import Accountant, AnswerFacts, Payer, Receipt, Standing

GatewayEvent: TypeAlias = PromptRead | TokenChunk | ToolCall | Embedded | Delivered

WINDOW_S = 1.0
"""Length of an accounting window."""
FIRST_LOAD_S = 5.0
"""How long the door stays closed for the first model; after that it opens and says how far the load is."""


class Gateway:
    """One door to every node.

    Use as an async context manager: the first model loads on entry, the others when they are asked for, and
    all stop on exit.

    Args:
        pool: the engines with the plans they run under, and which of them are loaded.
        router: chooses among them.
        accountant: writes the bills.
        admission: keeps to the limits of who pays them.
        clock: time.
        grid: the electricity now.
        facility: what the place adds.
        throughput: counts the tokens that leave.
        observer: composes the view of the chain.
        on_run: told of each answer that ended, and how many others were in flight.
        queue: the line before the engines; without one, a line with the usual bounds.
    """

    def __init__(  # noqa: PLR0913  # the composition root names each part
        self,
        *,
        pool: Pool,
        router: Router,
        accountant: Accountant,
        admission: Admission,
        clock: Clock,
        grid: Callable[[], GridSignal],
        facility: FacilityFactors,
        throughput: Throughput,
        observer: ChainObserver,
        on_run: Callable[[Node, Usage, int], None] = lambda _node, _usage, _others: None,
        queue: FairQueue | None = None,
    ) -> None:
        self._on_run = on_run
        self.pool = pool
        self._throughput = throughput
        self._observer = observer
        self._router = router
        self._accountant = accountant
        self._admission = admission
        self.queue = queue or FairQueue(clock=clock)
        self._clock = clock
        self._grid = grid
        self._facility = facility
        self._receipt_ids: dict[str, str] = {}
        self._standings: dict[str, Sequence[Standing]] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[Receipt]] = set()

    async def __aenter__(self) -> Gateway:
        try:
            await self._load_first()
        except BaseException:
            await self.pool.close()
            raise
        self._ticker = asyncio.create_task(self._close_windows(), name="galerne-windows")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        await self.pool.close()
        await asyncio.gather(*self._endings, return_exceptions=True)
        self._accountant.close_window()

    async def _load_first(self) -> None:
        """Load what cannot be loaded later and the default model, which opens the door even while it loads.

        A model that fails at once is a mistake to be told now, not at the first question.
        """
        default, *others = self.pool.residents
        first = [default, *(each for each in others if each.pinned or not each.node.loads_on_demand)]
        loads = [self.pool.start_loading(each.node) for each in first]
        done, _ = await asyncio.wait(loads, timeout=FIRST_LOAD_S)
        if loads[0] in done:
            loads[0].result()

    async def _close_windows(self) -> None:
        while True:
            await asyncio.sleep(WINDOW_S)
            self._accountant.close_window()
            self._throughput.close_window()
            self.pool.tick()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, the default one first."""
        return self.pool.nodes

    def models(self) -> list[ServedModel]:
        """The models clients can ask for, each once."""
        by_id: dict[str, Resident] = {}
        for resident in self.pool.residents:  # of several nodes with one model, the first that is loaded
            known = by_id.setdefault(resident.node.model_id, resident)
            if known.presence() is not Presence.LOADED and resident.presence() is Presence.LOADED:
                by_id[resident.node.model_id] = resident
        return [_served(resident) for resident in by_id.values()]

    async def refresh(self) -> None:
        """Look for models that have come or gone."""
        await self.pool.refresh()

    def residents(self) -> list[ResidentView]:
        """Every node, with its life in memory, and who waits for it in our own line too."""
        in_line = Counter({line.node_id: line.n_waiting for line in self.queues()})
        views = [self._observer.resident_view(resident, self.pool) for resident in self.pool.residents]
        return [replace(view, n_waiting=view.n_waiting + in_line[view.node_id]) for view in views]

    async def load(self, name: str, *, terms: LoadTerms | None = None, pinned: bool | None = None) -> None:
        """Load a model now; pin it, or no longer, where that is said.

        Raises:
            UnknownModel: there is none of that name.
            GalerneError: why it cannot be loaded.
        """
        node = (await self._resident(name)).node
        async with self.pool.held(node, terms):
            if pinned is not None:
                self.pool.pin(node, pinned=pinned)

    async def unload(self, name: str, *, now: bool = False) -> None:
        """Unload a model once its answers have ended, or at once.

        Raises:
            UnknownModel: there is none of that name.
        """
        await self.pool.unload((await self._resident(name)).node, now=now)

    async def _resident(self, name: str) -> Resident:
        if not self.pool.knows(name):
            await self.pool.refresh()
        resident = self.pool.resident(name)
        if resident is None:
            raise unknown_model(name, self.nodes)
        return resident

    def status(self) -> GatewayStatus:
        """Whether answers can be had now."""
        statuses = {node.node_id: node.engine.status() for node in self.nodes}
        presences = [resident.presence() for resident in self.pool.residents]
        is_ready = any(status.state == EngineState.READY for status in statuses.values())
        # With nothing loaded and nothing loading, the next request loads what it needs.
        can_load = any(
            resident.node.loads_on_demand and not resident.failure for resident in self.pool.residents
        )
        return GatewayStatus(
            ready=is_ready or (can_load and Presence.LOADING not in presences),
            n_loaded=presences.count(Presence.LOADED),
            n_loading=presences.count(Presence.LOADING),
            n_installed=presences.count(Presence.INSTALLED) + presences.count(Presence.LEAVING),
            states={node_id: str(status.state) for node_id, status in statuses.items()},
            n_active=sum(status.n_active for status in statuses.values()),
            n_waiting=sum(status.n_waiting for status in statuses.values())
            + sum(view.n_waiting for view in self.queues()),
        )

    def chain(self) -> ChainView:
        """Every link from the grid to the last answer, now."""
        loaded = [each for each in self.pool.residents if each.presence() is Presence.LOADED]
        latest = max(loaded, key=lambda each: (each.n_held, each.used_s), default=self.pool.residents[0])
        view = self._observer.view(latest.node)
        n_waiting = sum(line.n_waiting for line in self.queues() if line.node_id == latest.node.node_id)
        return replace(view, engine=replace(view.engine, n_waiting=view.engine.n_waiting + n_waiting))

    def receipt_id(self, request_id: str) -> str | None:
        """The id that the receipt of an answer in flight will have."""
        return self._receipt_ids.get(request_id)

    def standings(self, request_id: str) -> Sequence[Standing]:
        """The limits that hold for an answer in flight, as they stood with its worst case."""
        return self._standings.get(request_id, ())

    def queue_place(self, request_id: str) -> QueuePlace | None:
        """Where a request in line or at work stands."""
        return self.queue.place(request_id)

    def queues(self) -> tuple[QueueView, ...]:
        """The lines before the nodes."""
        return self.queue.views()

    def decide(self, request: GenerationRequest) -> RouteDecision:
        """Where this request would go now.

        Raises:
            UnknownModel: no node serves a model of that name.
            NoNode: none that serves it is ready.
        """
        return self._router.choose(request, self.nodes, grid=self._grid(), facility=self._facility)

    async def _route(self, request: GenerationRequest) -> RouteDecision:
        """Where a request goes; a model that nobody knows may have come to the disk since."""
        try:
            return self.decide(request)
        except UnknownModel:
            await self.pool.refresh()
            return self.decide(request)

    async def answer(
        self, request: GenerationRequest, *, payer: Payer, terms: LoadTerms | None = None
    ) -> AsyncGenerator[GatewayEvent, None]:
        """Stream one answer; the last event is its delivery, durable in the ledger.

        A model that is not loaded is loaded first. Closing the generator cancels the work within a token;
        what was used until then is accounted for.

        Args:
            request: what is asked.
            payer: on whose account, and within whose limits.
            terms: how long the client waits for a model that is not loaded.

        Raises:
            GalerneError: of routing, of the payer's limits or of the engine.
        """
        decision = await self._route(request)
        standings = await self._admission.admit(request, payer, decision.node)
        async with contextlib.AsyncExitStack() as stack:
            try:
                turn = await stack.enter_async_context(self.queue.turn(request, payer, decision))
                turn.waited_s += await stack.enter_async_context(self.pool.held(decision.node, terms))
                receipt_id = self._accountant.begin(
                    request.request_id, decision.node.model_id, weights=decision.node.weights
                )
            except BaseException:
                await self._admission.withdraw(request, standings)
                raise
            self._receipt_ids[request.request_id] = receipt_id
            self._standings[request.request_id] = standings
            async with contextlib.aclosing(self._answer(request, payer, decision, turn)) as events:
                async for event in events:
                    yield event

    async def _answer(
        self, request: GenerationRequest, payer: Payer, decision: RouteDecision, turn: Turn
    ) -> AsyncGenerator[GatewayEvent, None]:
        """The answer of a model that is loaded and has a place for it."""
        node = decision.node
        progress = Progress(self._clock, queued_s=turn.waited_s)
        finished: Finished | None = None
        reason = FinishReason.CANCELLED
        stream = self._work(node, request)
        try:
            async for event in stream:
                if isinstance(event, Finished):
                    finished = with_waiting(event, turn.waited_s)
                    break
                if isinstance(event, PromptRead | TokenChunk):
                    self._account(node, request, progress, event)
                yield event
            else:
                reason = FinishReason.ERROR
        except Exception:
            reason = FinishReason.ERROR
            raise
        finally:
            del self._receipt_ids[request.request_id], self._standings[request.request_id]
            turn.note(finished.usage if finished else progress.usage())
            ending = asyncio.create_task(self._end(stream, request, payer, finished, reason, progress))
            self._endings.add(ending)
            ending.add_done_callback(self._forget_ending)
            receipt = await asyncio.shield(ending)
        if finished is None:
            raise EngineCrashed(engine=str(node.engine.status().kind), exit_code=None)
        self._learn(node, request, finished.usage)
        yield Delivered(finished=finished, receipt=receipt, decision=decision)

    def _work(
        self, node: Node, request: GenerationRequest
    ) -> AsyncGenerator[GenerationEvent | Embedded, None]:
        return _embed(node, request) if request.embeds else node.engine.generate(node.with_defaults(request))

    async def count_tokens(self, request: GenerationRequest, *, terms: LoadTerms | None = None) -> int:
        """Tokens of the prompt that a request makes: its text's own, or with the model's template and tools.

        Raises:
            GalerneError: of routing or of the engine.
        """
        node = (await self._route(request)).node
        async with self.pool.held(node, terms):
            if request.text is not None:
                return len(await node.engine.tokenize(request.text.text))
            return await node.engine.count_tokens(request.messages, tools=request.tools)

    async def tokenize(
        self, request: GenerationRequest, *, terms: LoadTerms | None = None
    ) -> tuple[TextToken, ...]:
        """The tokens of a request's text, without a template.

        Raises:
            GalerneError: of routing or of the engine.
        """
        text = request.text.text if request.text else ""
        node = (await self._route(request)).node
        async with self.pool.held(node, terms):
            return await node.engine.tokenize(text)

    def _account(
        self, node: Node, request: GenerationRequest, progress: Progress, event: PromptRead | TokenChunk
    ) -> None:
        progress.note(event)
        if isinstance(event, PromptRead):
            self._accountant.prompt_read(
                request.request_id, prompt_tokens=event.prompt_tokens, cached_tokens=event.cached_tokens
            )
        else:
            self._accountant.tokens(request.request_id, n_tokens=event.n_tokens)
            self._throughput.count(event.n_tokens)
            self.pool.resident_of(node).throughput.count(event.n_tokens)

    async def _end(
        self,
        stream: AsyncGenerator[GenerationEvent | Embedded, None],
        request: GenerationRequest,
        payer: Payer,
        finished: Finished | None,
        reason: FinishReason,
        progress: Progress,
    ) -> Receipt:
        """Stop the work and finish its account: a task of its own, however often its client is cancelled.

        A flight that nobody ended would have a share of every window to come.
        """
        try:
            await stream.aclose()
        finally:
            promise = self._accountant.finish(
                AnswerFacts(
                    request_id=request.request_id,
                    usage=finished.usage if finished else progress.usage(),
                    finish_reason=finished.reason if finished else reason,
                    key_id=payer.key_id,
                )
            )
        return await asyncio.wrap_future(promise)

    def _forget_ending(self, ending: asyncio.Task[Receipt]) -> None:
        self._endings.discard(ending)
        if not ending.cancelled():
            ending.exception()  # whoever asked may have left: then nobody else would look

    def _learn(self, node: Node, request: GenerationRequest, usage: Usage) -> None:
        node.learn_prompt(n_characters=request.n_characters(), prompt_tokens=usage.prompt_tokens)
        if not request.embeds:
            node.learn_answer(new_tokens=usage.new_tokens)
        if not request.embeds and node.is_here:
            self._on_run(node, usage, sum(other.engine.status().n_active for other in self.nodes))


def _served(resident: Resident) -> ServedModel:
    node, status = resident.node, resident.node.engine.status()
    return ServedModel(
        model_id=node.model_id,
        name=node.model_name,
        aliases=node.aliases,
        context_tokens=status.context_tokens,
        created_at=node.created_at,
        abilities=status.abilities,
        n_parameters=node.plan.model.n_parameters,
        presence=resident.presence(),
    )


async def _embed(node: Node, request: GenerationRequest) -> AsyncGenerator[GenerationEvent | Embedded, None]:
    """Vectors as events, so that they are routed, limited and billed as every answer is."""
    embedded = await node.engine.embed(request.embeds)
    usage = embedded.usage
    yield PromptRead(prompt_tokens=usage.prompt_tokens, cached_tokens=usage.cached_tokens)
    yield embedded
    yield Finished(reason=FinishReason.STOP, usage=usage)
