"""The journey of a message: route it, generate it, account for it, deliver it with its bill."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from types import TracebackType
from typing import TypeAlias

from galerne.clock import Clock
from galerne.energy import FacilityFactors
from galerne.engines import EngineState
from galerne.errors import EngineCrashed
from galerne.fleet.admission import Admission
from galerne.fleet.aliases import cloud_aliases
from galerne.fleet.chain import ChainObserver, ChainView
from galerne.fleet.records import Delivered, GatewayStatus, Node, RouteDecision, ServedModel
from galerne.fleet.router import Router
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


class _Progress:
    """What an answer has used so far: the bill of one that does not reach its end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s = clock.monotonic_s()
        self._first_token_s: float | None = None
        self.prompt = PromptRead(prompt_tokens=0, cached_tokens=0)
        self.new_tokens = 0

    def note(self, event: PromptRead | TokenChunk) -> None:
        if isinstance(event, PromptRead):
            self.prompt = event
            return
        if self._first_token_s is None:
            self._first_token_s = self._clock.monotonic_s()
        self.new_tokens += event.n_tokens

    def usage(self) -> Usage:
        now_s = self._clock.monotonic_s()
        first_s = now_s if self._first_token_s is None else self._first_token_s
        return Usage(
            prompt_tokens=self.prompt.prompt_tokens,
            cached_tokens=self.prompt.cached_tokens,
            new_tokens=self.new_tokens,
            queued_s=0.0,
            prefill_s=first_s - self._began_s,
            decode_s=now_s - first_s,
        )


class Gateway:
    """One door to every node.

    Use as an async context manager: engines load on entry and stop on exit.

    Args:
        nodes: engines with the plans they run under.
        router: chooses among them.
        accountant: writes the bills.
        admission: keeps to the limits of who pays them.
        clock: time.
        grid: the electricity now.
        facility: what the place adds.
        throughput: counts the tokens that leave.
        observer: composes the view of the chain.
    """

    def __init__(  # noqa: PLR0913  # the composition root names each part
        self,
        *,
        nodes: Sequence[Node],
        router: Router,
        accountant: Accountant,
        admission: Admission,
        clock: Clock,
        grid: Callable[[], GridSignal],
        facility: FacilityFactors,
        throughput: Throughput,
        observer: ChainObserver,
    ) -> None:
        self.nodes = tuple(nodes)
        by_cloud = cloud_aliases([node.model_id for node in self.nodes])
        for node in self.nodes:
            further = [name for name in by_cloud[node.model_id] if name not in node.aliases]
            node.aliases = (*node.aliases, *further)
        self._throughput = throughput
        self._observer = observer
        self._router = router
        self._accountant = accountant
        self._admission = admission
        self._clock = clock
        self._grid = grid
        self._facility = facility
        self._receipt_ids: dict[str, str] = {}
        self._standings: dict[str, Sequence[Standing]] = {}
        self._ticker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Gateway:
        try:
            with self._accountant.loading():
                for node in self.nodes:
                    await node.engine.start()
        except BaseException:
            await self._stop_engines()
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
        await self._stop_engines()
        self._accountant.close_window()

    async def _stop_engines(self) -> None:
        await asyncio.gather(*(node.engine.stop() for node in self.nodes), return_exceptions=True)

    async def _close_windows(self) -> None:
        while True:
            await asyncio.sleep(WINDOW_S)
            self._accountant.close_window()
            self._throughput.close_window()

    def models(self) -> list[ServedModel]:
        """The models clients can ask for, each once."""
        by_id = {node.model_id: node for node in self.nodes}
        return [
            ServedModel(
                model_id=node.model_id,
                name=node.model_name,
                aliases=node.aliases,
                context_tokens=node.engine.status().context_tokens,
                created_at=node.created_at,
                abilities=node.engine.status().abilities,
                n_parameters=node.plan.model.n_parameters,
            )
            for node in by_id.values()
        ]

    def status(self) -> GatewayStatus:
        """Whether answers can be had now."""
        statuses = {node.node_id: node.engine.status() for node in self.nodes}
        return GatewayStatus(
            ready=any(status.state == EngineState.READY for status in statuses.values()),
            states={node_id: str(status.state) for node_id, status in statuses.items()},
            n_active=sum(status.n_active for status in statuses.values()),
            n_waiting=sum(status.n_waiting for status in statuses.values()),
        )

    def chain(self) -> ChainView:
        """Every link from the grid to the last answer, now."""
        return self._observer.view(self.nodes[0])

    def receipt_id(self, request_id: str) -> str | None:
        """The id that the receipt of an answer in flight will have."""
        return self._receipt_ids.get(request_id)

    def standings(self, request_id: str) -> Sequence[Standing]:
        """The limits that hold for an answer in flight, as they stood with its worst case."""
        return self._standings.get(request_id, ())

    def decide(self, request: GenerationRequest) -> RouteDecision:
        """Where this request would go now.

        Raises:
            UnknownModel: no node serves a model of that name.
            NoNode: none that serves it is ready.
        """
        return self._router.choose(request, self.nodes, grid=self._grid(), facility=self._facility)

    async def answer(self, request: GenerationRequest, *, payer: Payer) -> AsyncGenerator[GatewayEvent, None]:
        """Stream one answer; the last event is its delivery, durable in the ledger.

        Closing the generator cancels the work within a token; what was used until then is accounted for.

        Args:
            request: what is asked.
            payer: on whose account, and within whose limits.

        Raises:
            GalerneError: of routing, of the payer's limits or of the engine.
        """
        decision = self.decide(request)
        node = decision.node
        standings = await self._admission.admit(request, payer, node)
        progress = _Progress(self._clock)
        try:
            receipt_id = self._accountant.begin(request.request_id, node.model_id, weights=node.weights)
        except BaseException:
            await self._admission.withdraw(request)
            raise
        self._receipt_ids[request.request_id] = receipt_id
        self._standings[request.request_id] = standings
        finished: Finished | None = None
        reason = FinishReason.CANCELLED
        stream = self._work(node, request)
        try:
            async for event in stream:
                if isinstance(event, Finished):
                    finished = event
                    break
                if isinstance(event, PromptRead | TokenChunk):
                    self._account(request, progress, event)
                yield event
        except Exception:
            reason = FinishReason.ERROR
            raise
        finally:
            del self._receipt_ids[request.request_id], self._standings[request.request_id]
            await asyncio.shield(stream.aclose())
            if finished is None:
                await self._write_bill(request, payer, progress.usage(), reason)
        if finished is None:
            raise EngineCrashed(engine=str(node.engine.status().kind), exit_code=None)
        self._learn(node, request, finished.usage)
        receipt = await self._write_bill(request, payer, finished.usage, finished.reason)
        yield Delivered(finished=finished, receipt=receipt, decision=decision)

    def _work(
        self, node: Node, request: GenerationRequest
    ) -> AsyncGenerator[GenerationEvent | Embedded, None]:
        return _embed(node, request) if request.embeds else node.engine.generate(node.with_defaults(request))

    async def count_tokens(self, request: GenerationRequest) -> int:
        """Tokens of the prompt that a request makes: its text's own, or with the model's template and tools.

        Raises:
            GalerneError: of routing or of the engine.
        """
        engine = self.decide(request).node.engine
        if request.text is not None:
            return len(await engine.tokenize(request.text.text))
        return await engine.count_tokens(request.messages, tools=request.tools)

    async def tokenize(self, request: GenerationRequest) -> tuple[TextToken, ...]:
        """The tokens of a request's text, without a template.

        Raises:
            GalerneError: of routing or of the engine.
        """
        text = request.text.text if request.text else ""
        return await self.decide(request).node.engine.tokenize(text)

    def _account(
        self, request: GenerationRequest, progress: _Progress, event: PromptRead | TokenChunk
    ) -> None:
        progress.note(event)
        if isinstance(event, PromptRead):
            self._accountant.prompt_read(
                request.request_id, prompt_tokens=event.prompt_tokens, cached_tokens=event.cached_tokens
            )
        else:
            self._accountant.tokens(request.request_id, n_tokens=event.n_tokens)
            self._throughput.count(event.n_tokens)

    async def _write_bill(
        self, request: GenerationRequest, payer: Payer, usage: Usage, reason: FinishReason
    ) -> Receipt:
        """Finish the account of an answer, even if whoever waits for it is cancelled meanwhile."""
        facts = AnswerFacts(
            request_id=request.request_id, usage=usage, finish_reason=reason, key_id=payer.key_id
        )
        return await asyncio.shield(asyncio.wrap_future(self._accountant.finish(facts)))

    def _learn(self, node: Node, request: GenerationRequest, usage: Usage) -> None:
        node.learn_prompt(n_characters=request.n_characters(), prompt_tokens=usage.prompt_tokens)
        if not request.embeds:
            node.learn_answer(new_tokens=usage.new_tokens)


async def _embed(node: Node, request: GenerationRequest) -> AsyncGenerator[GenerationEvent | Embedded, None]:
    """Vectors as events, so that they are routed, limited and billed as every answer is."""
    embedded = await node.engine.embed(request.embeds)
    usage = embedded.usage
    yield PromptRead(prompt_tokens=usage.prompt_tokens, cached_tokens=usage.cached_tokens)
    yield embedded
    yield Finished(reason=FinishReason.STOP, usage=usage)
