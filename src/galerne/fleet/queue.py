"""The line before the engines: bounded, fair between keys, visible; who leaves frees the place at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from galerne.clock import Clock
from galerne.errors import Overloaded
from galerne.fleet.fairness import FairLine, Ticket, work_of
from galerne.fleet.records import RouteDecision
from galerne.generation import GenerationRequest, Usage
from galerne.ledger import Payer

MOST_WAITING_TOKENS = 1_000_000.0
MOST_FIRST_TOKEN_S = 300.0
LEAST_RETRY_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuePlace:
    """Where a request stands.

    Attributes:
        position: how many were expected to go before it when it came, in the fair order; 0 for none.
        waited_s: since it came, or until its turn.
        first_token_s: what was expected then, from coming to the first token.
        is_waiting: whether its turn is still to come.
    """

    position: int
    waited_s: float
    first_token_s: float
    is_waiting: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueView:
    """The line before one node.

    Attributes:
        waiting_tokens: expected of all who wait, prompts and answers.
        first_token_s: what somebody new would wait for the first token.
        n_waiting_by_key: who waits, by key.
    """

    node_id: str
    model_id: str
    n_slots: int
    n_active: int
    n_waiting: int
    waiting_tokens: float
    first_token_s: float
    n_waiting_by_key: Mapping[str, int]


class Turn:
    """A place in an engine, for as long as the block lasts."""

    def __init__(self, ticket: Ticket, *, waited_s: float) -> None:
        self.waited_s = waited_s
        self._ticket = ticket
        self.work = 0.0

    def note(self, usage: Usage) -> None:
        """What was really served; cached tokens take nothing."""
        self.work = work_of(
            read_tokens=usage.prompt_tokens - usage.cached_tokens, written_tokens=usage.new_tokens
        )


@dataclass(eq=False, slots=True)
class _Lane:
    node_id: str
    model_id: str
    n_slots: int
    line: FairLine
    running: dict[Ticket, float]
    futures: dict[Ticket, asyncio.Future[None]]


class FairQueue:
    """Lets as many requests at a node as it has places, the others in a fair order.

    Args:
        clock: time.
        most_tokens: how many expected tokens may wait before one node; a key that has less than its share of
            them waiting may still come, up to twice as many in all.
        most_first_token_s: longest expected time to the first token that is still worth waiting.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        most_tokens: float = MOST_WAITING_TOKENS,
        most_first_token_s: float = MOST_FIRST_TOKEN_S,
    ) -> None:
        self._clock = clock
        self.most_tokens = most_tokens
        self.most_first_token_s = most_first_token_s
        self._lanes: dict[str, _Lane] = {}
        self._places: dict[str, tuple[QueuePlace, float]] = {}

    @contextlib.asynccontextmanager
    async def turn(
        self, request: GenerationRequest, payer: Payer, decision: RouteDecision
    ) -> AsyncGenerator[Turn, None]:
        """Wait for a place at the node that was chosen, and hold it.

        Raises:
            Overloaded: too many tokens wait there, or it would take too long; says when to retry.
        """
        lane, ticket = self._lane_of(decision), _ticket_of(request, payer, decision)
        position, first_token_s = self._outlook(lane, ticket, decision.expectation.prefill_s)
        came_s = self._clock.monotonic_s()
        place = QueuePlace(
            position=position, waited_s=0.0, first_token_s=first_token_s, is_waiting=position > 0
        )
        if position == 0:
            lane.line.charge(ticket)
        else:
            self._refuse_excess(lane, ticket, first_token_s)
        self._places[request.request_id] = (place, came_s)
        turn = Turn(ticket, waited_s=0.0)
        try:
            if position > 0:
                await self._wait(lane, ticket)
                turn.waited_s = self._clock.monotonic_s() - came_s
            now_s = self._clock.monotonic_s()
            lane.running[ticket] = now_s
            self._places[request.request_id] = (
                QueuePlace(
                    position=position, waited_s=turn.waited_s, first_token_s=first_token_s, is_waiting=False
                ),
                now_s,
            )
            try:
                yield turn
            finally:
                del lane.running[ticket]
                lane.line.end(ticket, turn.work)
                self._call_next(lane)
        finally:
            self._places.pop(request.request_id, None)

    def place(self, request_id: str) -> QueuePlace | None:
        """Where a request in line or at work stands; None for any other."""
        found = self._places.get(request_id)
        if found is None:
            return None
        place, since_s = found
        if not place.is_waiting:
            return place
        return QueuePlace(
            position=place.position,
            waited_s=self._clock.monotonic_s() - since_s,
            first_token_s=place.first_token_s,
            is_waiting=True,
        )

    def views(self) -> tuple[QueueView, ...]:
        """Every line there was, by node."""
        return tuple(
            QueueView(
                node_id=lane.node_id,
                model_id=lane.model_id,
                n_slots=lane.n_slots,
                n_active=len(lane.running),
                n_waiting=lane.line.n_waiting,
                waiting_tokens=lane.line.waiting_tokens,
                first_token_s=self._ahead_s(lane, lane.line.waiting_s),
                n_waiting_by_key=lane.line.keys(),
            )
            for lane in self._lanes.values()
        )

    def _lane_of(self, decision: RouteDecision) -> _Lane:
        node = decision.node
        lane = self._lanes.get(node.node_id)
        if lane is None:
            lane = self._lanes[node.node_id] = _Lane(node.node_id, node.model_id, 1, FairLine(), {}, {})
        lane.n_slots = max(1, node.engine.status().n_slots)
        return lane

    def _outlook(self, lane: _Lane, ticket: Ticket, prefill_s: float) -> tuple[int, float]:
        """How many will probably go first in the fair order, and the time to the first token.

        While its own key's line passes, every other key gets its share of places, and no more.
        """
        line = lane.line
        n_places_taken = len(lane.running) + len(lane.futures) - line.n_waiting
        if not line.n_waiting and n_places_taken < lane.n_slots:
            return 0, prefill_s
        n_own, own_s, _ = line.waiting_of(ticket.key)
        weights = line.waiting_weight + (0.0 if n_own else ticket.weight)
        shares = weights / ticket.weight
        mean_s = line.waiting_s / line.n_waiting if line.n_waiting else 0.0
        n_ahead = min(float(line.n_waiting), n_own + (n_own + 1) * (shares - 1))
        ahead_s = min(line.waiting_s, own_s + (n_own + 1) * mean_s * (shares - 1))
        return 1 + round(n_ahead), self._ahead_s(lane, ahead_s) + prefill_s

    def _ahead_s(self, lane: _Lane, waiting_s: float) -> float:
        """Time until everything ahead has a place: what waits, and what is still at work."""
        now_s = self._clock.monotonic_s()
        if len(lane.running) < lane.n_slots and not waiting_s:
            return 0.0
        rest_s = sum(max(0.0, ticket.service_s - (now_s - s)) for ticket, s in lane.running.items())
        return (waiting_s + rest_s) / lane.n_slots

    def _refuse_excess(self, lane: _Lane, ticket: Ticket, first_token_s: float) -> None:
        line = lane.line
        n_own, _, own_tokens = line.waiting_of(ticket.key)
        total = line.waiting_tokens + ticket.tokens
        share = self.most_tokens / (len(line.keys()) + (0 if n_own else 1))
        is_own_share = own_tokens + ticket.tokens <= share and total <= 2 * self.most_tokens
        excess_s = first_token_s - self.most_first_token_s
        if total > self.most_tokens and not is_own_share:
            drain_s = self._ahead_s(lane, line.waiting_s) * (total - self.most_tokens) / total
            excess_s = max(excess_s, drain_s, LEAST_RETRY_S)
        if excess_s > 0:
            raise Overloaded(n_waiting=line.n_waiting, retry_after_s=max(excess_s, LEAST_RETRY_S))

    async def _wait(self, lane: _Lane, ticket: Ticket) -> None:
        """Until the ticket is called. Whoever is cancelled frees the place, in line or just called."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.futures[ticket] = future
        lane.line.join(ticket)
        self._call_next(lane)
        try:
            await future
        except BaseException:
            if lane.futures.pop(ticket, None) is not None:
                if future.done() and not future.cancelled():  # called in this very moment
                    lane.line.end(ticket, 0.0)
                else:
                    lane.line.leave(ticket)
            self._call_next(lane)
            raise
        del lane.futures[ticket]

    def _call_next(self, lane: _Lane) -> None:
        while lane.line.n_waiting:
            n_called = len(lane.futures) - lane.line.n_waiting
            if len(lane.running) + n_called >= lane.n_slots:
                return
            ticket = lane.line.take_next()
            if ticket is None:
                return
            if lane.futures[ticket].done():  # it is leaving, and has not come to say so yet
                del lane.futures[ticket]
                lane.line.end(ticket, 0.0)
            else:
                lane.futures[ticket].set_result(None)


def _ticket_of(request: GenerationRequest, payer: Payer, decision: RouteDecision) -> Ticket:
    node, expectation = decision.node, decision.expectation
    read_tokens = node.expected_prompt_tokens(request.n_characters())
    written_tokens = node.expected_new_tokens(request.sampling.max_new_tokens)
    return Ticket(
        key=payer.key_id or payer.owner or "",
        weight=payer.priority.weight,
        work=work_of(read_tokens=read_tokens, written_tokens=written_tokens),
        tokens=read_tokens + written_tokens,
        service_s=expectation.answer_s,
    )
