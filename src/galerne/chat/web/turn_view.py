"""What the template of a message is given: its blocks, its receipts, its sources, where it stands."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from galerne.chat.bill.budget import opens_text
from galerne.chat.bill.difference import view_difference
from galerne.chat.bill.figures import quantity
from galerne.chat.bill.receipt import view_receipt
from galerne.chat.documents.prompt import place_text
from galerne.chat.documents.records import Document
from galerne.chat.history.records import ChatMessage, MessageStatus, ThreadPage
from galerne.chat.history.temporary import Stores
from galerne.chat.history.turns import marked_use
from galerne.chat.tools.records import ToolUse
from galerne.chat.web.markdown import cited_numbers, renderer_version
from galerne.chat.web.rendered import draw, keep_drawn
from galerne.language import Language, phrases

_PACKAGE = "galerne.chat"
_DOCUMENTS = "galerne.chat.documents"
_RESUMABLE = {MessageStatus.CUT, MessageStatus.STOPPED, MessageStatus.FAILED}


def turns_of_page(page: ThreadPage, language: Language, stores: Stores) -> list[dict[str, Any]]:
    """The messages of a page; under ``beside``, what stands beside the last one."""
    if not page.messages:
        return []
    attached: dict[str | None, list[tuple[Document, str]]] = {}
    home = page.messages[0].conversation_id
    for document in stores.of(home).documents.of(conversation_id=home):
        attached.setdefault(document.message_id, []).append((document, document_facts(document, language)))
    every = [*page.messages, *([page.beside] if page.beside else [])]
    blocks = _blocks(every, stores)
    turns = [
        turn_facts(message, language)
        | {
            "blocks": blocks[message.id],
            "place": page.places.get(message.id),
            "documents": attached.get(message.id, []),
            "beside": None,
        }
        for message in every
    ]
    if page.beside:
        beside = turns.pop()
        difference = view_difference(page.messages[-1], page.beside, language=language)
        turns[-1] |= {"beside": beside, "difference": difference}
    return turns


def turn_facts(message: ChatMessage, language: Language) -> dict[str, Any]:
    """What stands under a message and around it."""
    receipts = [*message.past_receipts, *([message.receipt] if message.receipt else [])]
    say = phrases(_PACKAGE, language)
    return {
        "message": message,
        "writing": message.status is MessageStatus.WRITING,
        "receipts": [view_receipt(receipt, language=language) for receipt in receipts],
        "awaits_receipt": bool(message.receipt_id) and message.receipt is None,
        "advice": advice_for(message.problem_code, language) if message.problem_code else "",
        "opens": opens_text(message.opens_at, language=language) if message.opens_at is not None else "",
        "resumable": bool(message.content) and message.status in _RESUMABLE,
        "sources": sources_of(message, language),
        "model": message.model_id or say["assistant"],
    }


def advice_for(problem_code: str, language: Language) -> str:
    """What a person can do about a problem."""
    say = phrases(_PACKAGE, language)
    return say.get(f"advice_{problem_code}", say["advice_other"])


def sources_of(message: ChatMessage, language: Language) -> list[dict[str, Any]]:
    """The passages of an answer: those it names first, the others after them."""
    named = cited_numbers(message.content, len(message.citations))
    return [
        {
            "n": n,
            "name": citation.name,
            "place": place_text(citation.position, language=language),
            "cited": n in named,
        }
        for n, citation in enumerate(message.citations, start=1)
    ]


def document_facts(document: Document, language: Language) -> str:
    """Size, passages and how they are found, in a few words."""
    say = phrases(_DOCUMENTS, language)
    size = str(quantity(float(document.size_bytes), "B", language=language, digits=2))
    if document.kind.is_image:
        return say["document_picture"].format(size=size)
    found = "document_by_both" if document.n_vectors == document.n_passages else "document_by_text"
    facts = say["document_facts_one" if document.n_passages == 1 else "document_facts"]
    return f"{facts.format(size=size, passages=document.n_passages)}, {say[found]}"


def _blocks(messages: list[ChatMessage], stores: Stores) -> dict[str, list[Markup | ToolUse]]:
    """The blocks of answers that change no more, by message; what had to be drawn is kept, all at once."""
    drawn: dict[str, tuple[str, ...]] = {}
    blocks: dict[str, list[Markup | ToolUse]] = {message.id: [] for message in messages}
    for message in messages:
        if message.role != "assistant" or message.status is MessageStatus.WRITING:
            continue
        html = message.rendered
        if message.rendered_by != renderer_version():
            html = drawn[message.id] = draw(message, message.content, message.tool_uses)
        # Sanitised last by the renderer: the only HTML that does not come from a template.
        blocks[message.id] = [marked_use(block, message.tool_uses) or Markup(block) for block in html]  # noqa: S704 - see above
    if drawn:
        keep_drawn(stores, drawn)
    return blocks
