"""What an answer stands on: the passages for a question, as many as the model has room for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.client.api import ApiClient
from galerne.chat.documents.prompt import Source, quotation, with_passages
from galerne.chat.documents.query import question_words
from galerne.chat.documents.records import Citation, Document, Passage
from galerne.chat.documents.retrieval import QueryVector
from galerne.chat.documents.store import DocumentStore, cited
from galerne.errors import GalerneError, UnknownDocument
from galerne.language import Language

MOST_PASSAGES = 12
MOST_QUOTED = 3
LEAST_PARAMETERS = 500_000_000
"""Below this a model puts words together but answers nothing from a text; ours has 5.6 million."""
LEAST_CONTEXT_TOKENS = 2_048
_ANSWER_TOKENS = 1_024
_FEW_WORDS = 3
_GONE = "[removed]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounded:
    """How to answer a question about documents.

    Attributes:
        turns: what the model is asked.
        citations: the passages in it, the first is ``[1]``.
        quotation: the answer itself, where the model cannot read; then it is not asked.
        receipts: of what finding the passages took.
    """

    turns: list[dict[str, Any]]
    citations: tuple[Citation, ...] = ()
    quotation: str | None = None
    receipts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Passages for a query, the best first, and the receipts of finding them."""

    sources: Sequence[Source]
    receipts: tuple[Mapping[str, Any], ...] = ()


async def find_passages(
    client: ApiClient, store: DocumentStore, scope: Sequence[Document], query: str, *, limit: int
) -> Found:
    """Look for a query in documents: by words, and by meaning where a model makes vectors.

    Args:
        client: the API, entered.
        store: where the documents are.
        scope: the documents to look in.
        query: what a model or a person looks for.
        limit: how many passages at most.
    """
    vector, receipts = await _vector(client, await client.models(), query)
    sources = await asyncio.to_thread(store.search, query, scope, limit=limit, query=vector)
    return Found(sources=sources, receipts=receipts)


async def ground(
    client: ApiClient,
    store: DocumentStore,
    scope: Sequence[Document],
    turns: Sequence[Mapping[str, Any]],
    *,
    model: str | None,
    n_answer_tokens: int | None,
    kept: Sequence[Citation],
    language: Language,
) -> Grounded:
    """Find passages for the last question of ``turns`` and put them before the model, or quote them.

    Args:
        client: the API, entered.
        store: where the documents are.
        scope: the documents to look in.
        turns: the conversation.
        model: which is to answer; ``None`` for the first of the server.
        n_answer_tokens: room that the answer needs; ``None`` for the usual.
        kept: passages that the beginning of this answer stands on already.
        language: of our own words.
    """
    cards = await client.models()
    card = next((entry for entry in cards if entry["id"] == model), cards[0])
    query, receipts = await _vector(client, cards, _asked(turns))
    n_found, sources = _again(store, kept) if kept else _find(store, scope, turns, query)
    if not can_read(card):
        found = n_found > 0
        sources = sources[: min(n_found, MOST_QUOTED) if found else 1]
        text = quotation(sources, found=found, model=card.get("name") or card["id"], language=language)
        citations = tuple(citation for citation, _ in sources)
        return Grounded(
            turns=[dict(turn) for turn in turns], citations=citations, quotation=text, receipts=receipts
        )
    n_tokens = int(card.get("max_context_length") or LEAST_CONTEXT_TOKENS)
    n_answer_tokens = n_answer_tokens or min(_ANSWER_TOKENS, n_tokens // 4)
    fitting = await _fit(client, turns, sources, model=card["id"], n_tokens=n_tokens - n_answer_tokens)
    citations = tuple(kept) or tuple(citation for citation, _ in fitting)
    return Grounded(turns=with_passages(turns, fitting), citations=citations, receipts=receipts)


def can_read(card: Mapping[str, Any]) -> bool:
    """Whether a model can answer from a text, by what the API says of it; unknown sizes are trusted."""
    abilities = card.get("capabilities") or {}
    large = int(card.get("n_parameters") or LEAST_PARAMETERS) >= LEAST_PARAMETERS
    room = int(card.get("max_context_length") or LEAST_CONTEXT_TOKENS) >= LEAST_CONTEXT_TOKENS
    return large and room and bool(abilities.get("completion_chat", True))


def embedder_of(cards: Sequence[Mapping[str, Any]]) -> str | None:
    """The first model of the server that makes vectors."""
    able = (card["id"] for card in cards if (card.get("capabilities") or {}).get("embedding"))
    return next(able, None)


async def _vector(
    client: ApiClient, cards: Sequence[Mapping[str, Any]], text: str
) -> tuple[QueryVector | None, tuple[Mapping[str, Any], ...]]:
    """The question's vector, where a model makes such; a failure costs the meaning, not the answer."""
    model_id = embedder_of(cards)
    if model_id is None:
        return None, ()
    try:
        made = await client.embed([text], model=model_id)
    except GalerneError:
        return None, ()
    receipts = (made.receipt,) if made.receipt else ()
    return QueryVector(model_id=model_id, numbers=made.vectors[0]), receipts


def _find(
    store: DocumentStore,
    scope: Sequence[Document],
    turns: Sequence[Mapping[str, Any]],
    query: QueryVector | None,
) -> tuple[int, list[Source]]:
    """How many passages match, and those; after them, how the documents begin, where that is short."""
    ranked = store.search(_asked(turns), scope, limit=MOST_PASSAGES, query=query)
    n_all = sum(document.n_passages for document in scope)
    if n_all > MOST_PASSAGES and ranked:
        return len(ranked), ranked
    # Few passages are given whole, those that match first: a summary needs them all.
    places = {(citation.document_id, citation.passage_n) for citation, _ in ranked}
    rest = [
        cited(document, passage)
        for document in scope
        for passage in store.passages(document.id, limit=MOST_PASSAGES)
        if (document.id, passage.n) not in places
    ]
    return len(ranked), [*ranked, *rest][:MOST_PASSAGES]


def _again(store: DocumentStore, kept: Sequence[Citation]) -> tuple[int, list[Source]]:
    sources = []
    for citation in kept:
        try:
            passage = store.passages(citation.document_id, first=citation.passage_n, limit=1)
        except UnknownDocument:
            passage = []
        # What is gone keeps its place: the numbers that are written already go on meaning the same.
        gone = Passage(n=citation.passage_n, text=_GONE, position=citation.position)
        sources.append((citation, passage[0] if passage else gone))
    return len(sources), sources


def _asked(turns: Sequence[Mapping[str, Any]]) -> str:
    """The last question; with the one before where it has few words of its own ("and the second one?")."""
    questions = [str(turn["content"]) for turn in turns if turn["role"] == "user"]
    few = len(question_words(questions[-1])) < _FEW_WORDS
    return "\n".join(questions[-2:][::-1]) if few else questions[-1]


async def _fit(
    client: ApiClient,
    turns: Sequence[Mapping[str, Any]],
    sources: Sequence[Source],
    *,
    model: str,
    n_tokens: int,
) -> list[Source]:
    """As many of the sources as leave room for the answer, the best first; one at least."""
    fitting = list(sources)
    while len(fitting) > 1:
        n_needed = await client.count_tokens(with_passages(turns, fitting), model=model)
        if n_needed <= n_tokens:
            break
        fitting = fitting[: max(1, min(len(fitting) - 1, len(fitting) * n_tokens // n_needed))]
    return fitting
