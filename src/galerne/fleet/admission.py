"""Asks for room in the payer's limits before an answer begins: its worst case on the node that was chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from galerne.clock import Clock
from galerne.energy import EnergySplit
from galerne.errors import OutOfScope
from galerne.fleet.estimates import step_cost
from galerne.fleet.records import Node
from galerne.generation import GenerationRequest
from galerne.ledger import Accountant, Hold, Payer, Quotas, Standing, Unit

TEMPLATE_TOKENS = 512
"""What a model's template may add to a conversation; some bring a system prompt of their own."""
TEMPLATE_TOKENS_PER_MESSAGE = 16
ENERGY_MARGIN_RATIO = 2.0
"""How far the meter may be above the model before an answer in flight can cost more than was held for it."""


class Admission:
    """Lets in what the limits of its payer leave room for.

    Args:
        quotas: the limits.
        accountant: knows what energy comes to.
        clock: time.
    """

    def __init__(self, *, quotas: Quotas, accountant: Accountant, clock: Clock) -> None:
        self._quotas = quotas
        self._accountant = accountant
        self._clock = clock
        self._asked: list[_Asked] = []
        self._holding: asyncio.Task[None] | None = None

    async def admit(self, request: GenerationRequest, payer: Payer, node: Node) -> list[Standing]:
        """Hold the worst case of a request; its receipt will charge the truth.

        Returns:
            The limits that hold for it, as they stand with it.

        Raises:
            OutOfScope: the key may not use this model.
            QuotaExhausted: a limit does not leave as much.
            StoreUnreachable: the ledger does not answer.
        """
        if payer.models is not None and node.model_id not in payer.models:
            raise OutOfScope(what=f"use the model {node.model_id}")
        if self._quotas.none_limited(payer.subjects(node.model_id), at=self._clock.now_at()):
            return []
        asked = _Asked(request, payer, node, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if self._holding is None:
            self._holding = asyncio.create_task(self._hold_all(), name="galerne-holds")
        try:
            return await asyncio.shield(asked.outcome)
        except asyncio.CancelledError:  # whoever asked has left; what was held must not stay
            asked.outcome.add_done_callback(lambda done: self._give_back(request.request_id, done))
            raise

    async def _hold_all(self) -> None:
        """Whoever comes while the database decides on others shares the next transaction, and one thread."""
        try:
            while self._asked:
                together, self._asked = self._asked, []
                outcomes = await asyncio.to_thread(self._hold, together)
                for asked, outcome in zip(together, outcomes, strict=True):
                    asked.tell(outcome)
        finally:
            self._holding = None

    async def withdraw(self, request: GenerationRequest, standings: Sequence[Standing]) -> None:
        """Give back what was held for a request that will have no receipt; nothing was, without a limit."""
        if not standings:
            return
        await asyncio.shield(asyncio.to_thread(self._quotas.release, request.request_id))

    def _hold(self, together: Sequence[_Asked]) -> Sequence[list[Standing] | Exception]:
        """What becomes of each; one whose worst case cannot be worked out is alone refused for it."""
        needs = [self._need(asked) for asked in together]
        try:
            decided = iter(self._quotas.hold_all([need for need in needs if isinstance(need, Hold)]))
        except Exception as error:  # noqa: BLE001  # each is told, where it waits
            return [error for _ in together]
        return [need if isinstance(need, Exception) else next(decided) for need in needs]

    def _need(self, asked: _Asked) -> Hold | Exception:
        try:
            return self._hold_of(asked)
        except Exception as error:  # noqa: BLE001  # it is told, where it waits
            return error

    def _hold_of(self, asked: _Asked) -> Hold:
        return Hold(
            request_id=asked.request.request_id,
            subjects=asked.payer.subjects(asked.node.model_id),
            need=worst_case(asked.node, asked.request, self._accountant),
            node_id=self._accountant.node_id,
            at=self._clock.now_at(),
        )

    def _give_back(self, request_id: str, done: asyncio.Future[list[Standing]]) -> None:
        if not done.cancelled() and done.exception() is None and done.result():
            done.get_loop().run_in_executor(None, self._quotas.release, request_id)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that waits for room."""

    request: GenerationRequest
    payer: Payer
    node: Node
    outcome: asyncio.Future[list[Standing]]

    def tell(self, outcome: list[Standing] | Exception) -> None:
        if isinstance(outcome, Exception):
            self.outcome.set_exception(outcome)
        else:
            self.outcome.set_result(outcome)


def worst_case(node: Node, request: GenerationRequest, accountant: Accountant) -> dict[Unit, int | None]:
    """The most an answer can count for.

    In tokens this is a bound: a token is a byte or more, an answer ends at its limit, and both together fit
    the context. In energy, grams and euros it is the shared model's figure for every token there may be,
    alone on the machine, with a margin: the meter has the last word.
    """
    context_tokens = node.engine.status().context_tokens
    n_bytes = len(repr(request).encode(errors="surrogatepass"))  # at least as long as every text in it
    template_tokens = TEMPLATE_TOKENS + TEMPLATE_TOKENS_PER_MESSAGE * len(request.messages)
    prompt_tokens = min(n_bytes + template_tokens, context_tokens)
    new_tokens = min(request.sampling.max_new_tokens or context_tokens, context_tokens)
    prefill = step_cost(node.plan, prompt_tokens=float(prompt_tokens))
    decode = step_cost(node.plan, context_tokens=float(context_tokens))
    energy = EnergySplit(
        accelerator_j=prefill.accelerator_j + new_tokens * decode.accelerator_j,
        host_j=prefill.host_j + new_tokens * decode.host_j,
    )
    device_s = float(prefill.duration_s) + new_tokens * float(decode.duration_s)
    return accountant.foresee(
        node.model_id,
        prompt_tokens=prompt_tokens,
        new_tokens=new_tokens,
        most_tokens=context_tokens,
        it_j=float(energy.it_j) * ENERGY_MARGIN_RATIO,
        device_s=device_s * ENERGY_MARGIN_RATIO,
    )
