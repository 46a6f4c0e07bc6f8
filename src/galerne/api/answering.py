"""Asks the gateway on somebody's account, and gathers what it says."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from starlette.datastructures import Headers

from galerne.api.limits import limit_headers
from galerne.api.services import Services
from galerne.fleet import Delivered, GatewayEvent, LoadTerms
from galerne.generation import GenerationRequest, PromptRead, TokenChunk, TokenLogprob, ToolCall
from galerne.ledger import Payer

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)
MOST_PATIENCE_S = 86_400.0
CALL_ID_CHARACTERS = 9
"""Mistral's older models accept no other length; everybody else accepts any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One whole answer, and the headers that go with it."""

    text: str
    thoughts: str
    thought_tokens: int
    calls: tuple[ToolCall, ...]
    logprobs: tuple[TokenLogprob, ...]
    delivered: Delivered
    headers: Mapping[str, str]


class Asker:
    """Somebody who asks, and pays."""

    def __init__(self, services: Services, payer: Payer, terms: LoadTerms | None = None) -> None:
        self._services = services
        self._payer = payer
        self._terms = terms

    async def answers(self, questions: Sequence[GenerationRequest]) -> AsyncGenerator[GatewayEvent, None]:
        """The answers one after the other, each ended by its delivery: the prompt is then read but once.

        Calls of tools leave with an id.
        """
        gateway = self._services.gateway
        for question in questions:
            async with aclosing(gateway.answer(question, payer=self._payer, terms=self._terms)) as events:
                async for event in events:
                    if isinstance(event, ToolCall):
                        yield replace(event, call_id=self._services.new_id()[-CALL_ID_CHARACTERS:])
                    else:
                        yield event

    def headers(self, request_id: str) -> dict[str, str]:
        """The receipt of an answer in flight, its place in the line, and the limits it is held to."""
        gateway = self._services.gateway
        line: dict[str, str] = {}
        if (place := gateway.queue_place(request_id)) is not None:
            line["galerne-queue-position"] = str(place.position)
            line["galerne-queued-s"] = f"{place.waited_s:.3f}"
        receipt_id = gateway.receipt_id(request_id)
        receipt = {"galerne-receipt": receipt_id} if receipt_id else {}
        return receipt | line | limit_headers(gateway.standings(request_id))

    async def whole_answers(self, questions: Sequence[GenerationRequest]) -> list[Answered]:
        """The answers, once they are complete."""
        answers: list[Answered] = []
        chunks: list[TokenChunk] = []
        calls: list[ToolCall] = []
        headers: dict[str, str] = {}
        async with aclosing(self.answers(questions)) as events:
            async for event in events:
                if isinstance(event, PromptRead):
                    headers = self.headers(questions[len(answers)].request_id)
                elif isinstance(event, TokenChunk):
                    chunks.append(event)
                elif isinstance(event, ToolCall):
                    calls.append(event)
                elif isinstance(event, Delivered):
                    answers.append(_answered(chunks, calls, event, headers))
                    chunks, calls = [], []
        return answers


def _answered(
    chunks: Sequence[TokenChunk], calls: Sequence[ToolCall], delivered: Delivered, headers: Mapping[str, str]
) -> Answered:
    return Answered(
        text="".join(chunk.text for chunk in chunks if not chunk.thinking),
        thoughts="".join(chunk.text for chunk in chunks if chunk.thinking),
        thought_tokens=sum(chunk.n_tokens for chunk in chunks if chunk.thinking),
        calls=tuple(calls),
        logprobs=tuple(told for chunk in chunks for told in chunk.logprobs),
        delivered=delivered,
        headers=headers,
    )


def load_terms(headers: Headers) -> LoadTerms:
    """How long a client waits for a model that is not loaded, and whether it insists.

    ``Prefer: wait=30`` is how HTTP says it (RFC 7240); ``galerne-load: anyway`` loads what does not fit.
    """
    wait = _WAIT.search(",".join(headers.getlist("prefer")))
    return LoadTerms(
        patience_s=min(float(wait[1]), MOST_PATIENCE_S) if wait else None,
        anyway=headers.get("galerne-load", "").strip().lower() == "anyway",
    )


def served_name(services: Services, name: str) -> str:
    """The id behind an alias; a name nobody has stays as it is, for the gateway to refuse."""
    served = services.gateway.models()
    return next((m.model_id for m in served if name == m.model_id or name in m.aliases), name)
