"""Routes that ask: a question, other words for it, another answer, the rest of one; and what streams back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)

from galerne.chat.documents.grounding import find_passages, ground
from galerne.chat.documents.pictures import Shown, show_again, shown_in, with_text
from galerne.chat.history.records import (
    HOTTEST,
    LONGEST_INSTRUCTIONS,
    MOST_NEW_TOKENS,
    ChatMessage,
    Manner,
)
from galerne.chat.history.threads import PAGE_MESSAGES
from galerne.chat.history.turns import answer_turns
from galerne.chat.tools.document_search import MOST_PASSAGES
from galerne.chat.tools.records import Decision
from galerne.chat.web import pages
from galerne.chat.web.answers import Plan
from galerne.chat.web.choice import choose, combined_manner
from galerne.chat.web.guard import read_form
from galerne.chat.web.parts import Web, wants_json
from galerne.chat.web.stream import answer_events, answer_words
from galerne.errors import GalerneError

_MOST_DRAFTS = 50


async def ask(web: Web, request: Request) -> Response:
    """``POST /ui/answers``: take a question, begin its answer, show both."""
    form = await read_form(request)
    if form is None or not form.get("question", "").strip():
        return Response(status_code=413 if form is None else 422)
    conversation_id = form.get("conversation") or None
    choice = await choose(web, form, conversation_id=conversation_id)
    temporary = conversation_id is None and bool(form.get("temporary"))
    store = web.stores.temporary if temporary else web.stores.of(conversation_id or "")
    asked, answer = await asyncio.to_thread(
        store.begin,
        choice.question,
        conversation_id=conversation_id,
        model_id=choice.model,
        after_id=form.get("after") or None,
        manner=read_manner(form),
        project_id=None if temporary else await _known_project(web, form.get("project", "")),
        assistant_id=choice.assistant.id if choice.assistant else None,
    )
    drafts = form.get("documents", "").split()[:_MOST_DRAFTS]
    if drafts:
        home = {"conversation_id": asked.conversation_id, "message_id": asked.id}
        await asyncio.to_thread(store.documents.attach, drafts, **home)
    await _start(web, request, answer, model=choice.model)
    if beside := form.get("beside"):
        await _start_beside(web, request, answer, model=beside)
    return await _reply(web, request, first=asked, answer=answer, named=choice.named_assistant)


async def edit_question(web: Web, request: Request) -> Response:
    """``POST /ui/messages/{message_id}/edit``: ask in other words, as a branch."""
    form = await read_form(request)
    if form is None or not form.get("question", "").strip():
        return Response(status_code=413 if form is None else 422)
    message_id = request.path_params["message_id"]
    store = web.stores.of(message_id)
    old = await asyncio.to_thread(store.message, message_id)
    choice = await choose(web, form, conversation_id=old.conversation_id)
    asked, answer = await asyncio.to_thread(store.edit, message_id, choice.question, model_id=choice.model)
    again = {"conversation_id": asked.conversation_id, "old_id": message_id, "new_id": asked.id}
    await asyncio.to_thread(show_again, store.documents, **again)
    await _start(web, request, answer, model=choice.model)
    return await _reply(web, request, first=asked, answer=answer, named=choice.named_assistant)


async def regenerate(web: Web, request: Request) -> Response:
    """``POST /ui/messages/{message_id}/regenerate``: another answer, as a branch."""
    message_id = request.path_params["message_id"]
    model = (await read_form(request) or {}).get("model") or None
    answer = await asyncio.to_thread(web.stores.of(message_id).regenerate, message_id, model_id=model)
    await _start(web, request, answer, model=model)
    return await _reply(web, request, first=answer, answer=answer)


async def compare(web: Web, request: Request) -> Response:
    """``POST /ui/messages/{message_id}/compare``: another model's answer, beside this one."""
    message_id = request.path_params["message_id"]
    model = (await read_form(request) or {}).get("model")
    message = await asyncio.to_thread(web.stores.of(message_id).message, message_id)
    if not model:
        models = pages.talking_models(await web.client.models())
        model = next((entry["id"] for entry in models if entry["id"] != message.model_id), None)
    await _start_beside(web, request, message, model=model)
    return await _reply(web, request, first=message, answer=message)


async def keep_answer(web: Web, request: Request) -> Response:
    """``POST /ui/messages/{message_id}/keep``: go on with one of two answers beside each other."""
    message_id = request.path_params["message_id"]
    await asyncio.to_thread(web.stores.of(message_id).keep_answer, message_id)
    message = await asyncio.to_thread(web.stores.of(message_id).message, message_id)
    return await _reply(web, request, first=message, answer=None)


async def show_difference(web: Web, request: Request) -> Response:
    """``GET /ui/answers/{message_id}/difference``: what the answer beside this one took more or less."""
    message_id = request.path_params["message_id"]
    store = web.stores.of(message_id)
    message = await asyncio.to_thread(store.message, message_id)
    if message.beside_id is None:
        return Response(status_code=404)
    other = await asyncio.to_thread(store.message, message.beside_id)
    return pages.difference_fragment(request, message, other)


async def continue_answer(web: Web, request: Request) -> Response:
    """``POST /ui/messages/{message_id}/continue``: the rest of an answer that was cut or stopped."""
    message_id = request.path_params["message_id"]
    await read_form(request)
    answer = await asyncio.to_thread(web.stores.of(message_id).resume, message_id)
    await _start(web, request, answer, model=answer.model_id)
    return await _reply(web, request, first=answer, answer=answer)


async def show_branch(web: Web, request: Request) -> Response:
    """``POST /ui/messages/{message_id}/show``: the branch that goes through a message."""
    message_id = request.path_params["message_id"]
    message = await asyncio.to_thread(web.stores.of(message_id).message, message_id)
    await asyncio.to_thread(web.stores.of(message_id).show_branch, message_id)
    return await _reply(web, request, first=message, answer=None)


async def stream_answer(web: Web, request: Request) -> Response:
    """``GET /ui/answers/{message_id}/events``: the answer as it is written, from where the page left it."""
    message_id = request.path_params["message_id"]
    message = await asyncio.to_thread(web.stores.of(message_id).message, message_id)
    after = request.headers.get("last-event-id", "")
    events = answer_events(
        web.desk.find(message.id),
        message=message,
        after=int(after) if after.isdecimal() else 0,
        draw=lambda use: pages.card_fragment(request, message.id, use),
    )
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def stream_words(web: Web, request: Request) -> Response:
    """``GET /ui/answers/{message_id}/words``: the answer as Markdown, for a terminal."""
    message_id = request.path_params["message_id"]
    message = await asyncio.to_thread(web.stores.of(message_id).message, message_id)
    words = answer_words(web.desk.find(message.id), message=message)
    return StreamingResponse(words, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def stop_answer(web: Web, request: Request) -> Response:
    """``POST /ui/answers/{message_id}/stop``; what is written stays."""
    message_id = request.path_params["message_id"]
    message = await asyncio.to_thread(web.stores.of(message_id).message, message_id)
    web.desk.stop(message.id)
    return Response(status_code=204)


async def decide_use(web: Web, request: Request) -> Response:
    """``POST /ui/answers/{message_id}/tools/{use_id}``: what a person says to a tool that asks."""
    message_id, use_id = request.path_params["message_id"], request.path_params["use_id"]
    message = await asyncio.to_thread(web.stores.of(message_id).message, message_id)
    said = (await read_form(request) or {}).get("decision", "")
    if said not in set(Decision):
        return Response(status_code=422)
    answer = web.desk.find(message.id)
    decided = answer is not None and answer.decide(use_id, Decision(said))
    if not wants_json(request):
        return RedirectResponse(f"/c/{message.conversation_id}#m-{message.id}", status_code=303)
    return Response(status_code=204 if decided else 409)


async def show_foot(web: Web, request: Request) -> Response:
    """``GET /ui/answers/{message_id}``: what stands under an answer, its receipt brought up to date.

    As ``text/markdown``, the answer itself as it was written.
    """
    message_id = request.path_params["message_id"]
    message = await asyncio.to_thread(web.stores.of(message_id).message, message_id)
    if request.headers.get("accept") == "text/markdown":
        return PlainTextResponse(message.content)
    if message.receipt_id and not _is_settled(message):
        message = await _with_latest_receipts(web, message)
    return pages.foot_fragment(request, message)


def read_manner(form: Mapping[str, str]) -> Manner | None:
    """How to answer, as the form says; ``None`` where it has no such fields. What is out of range is cut."""
    if "instructions" not in form:
        return None
    return Manner(
        instructions=form["instructions"].strip()[:LONGEST_INSTRUCTIONS],
        temperature=_bounded(form.get("temperature", ""), most=HOTTEST),
        max_new_tokens=_whole(_bounded(form.get("max_tokens", ""), least=1, most=MOST_NEW_TOKENS)),
        tools=_chosen_tools(form),
    )


def turns_of(
    path: Sequence[ChatMessage],
    manner: Manner,
    *,
    answer: ChatMessage,
    shown: Mapping[str, Shown] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """What the API is asked: the instructions, the branch, and the beginning of the answer if it has one.

    Images stand beside the text, under ``images``, until the request is written.
    """
    turns: list[dict[str, Any]] = []
    if manner.instructions:
        turns.append({"role": "system", "content": manner.instructions})
    for turn in path:
        if turn.tool_uses:
            turns += answer_turns(turn, again=turn.id == answer.id)
        elif turn.content and turns and turns[-1]["role"] == turn.role:  # as imports have it; models do not
            turns[-1]["content"] += f"\n\n{turn.content}"
        elif turn.content:
            turns.append({"role": turn.role, "content": turn.content})
        if (seen := shown.get(turn.id)) and turns:
            turns[-1]["images"] = [*turns[-1].get("images", ()), *seen.urls]
            turns[-1]["content"] += "".join(f"\n\n[{name}: not shown again]" for name in seen.left_out)
    if answer.content and turns[-1]["role"] == "assistant":
        turns[-1]["prefix"] = True
    return turns


async def _start(web: Web, request: Request, answer: ChatMessage, *, model: str | None) -> None:
    store = web.stores.of(answer.id)
    path = await asyncio.to_thread(store.path, answer.id)
    conversation = await asyncio.to_thread(store.conversation, answer.conversation_id)
    manner = await asyncio.to_thread(combined_manner, store, conversation)
    ids = [message.id for message in path]
    shown = await asyncio.to_thread(shown_in, store.documents, conversation.id, ids)
    turns = turns_of(path, manner, answer=answer, shown=shown)
    language = pages.language_of(request)

    async def prepare() -> Plan:
        kept = await asyncio.to_thread(
            store.documents.of,
            conversation_id=conversation.id,
            project_id=conversation.project_id,
            assistant_id=conversation.assistant_id,
        )
        scope = with_text(kept)
        if not scope:
            return Plan(message=answer, turns=turns)
        grounded = await ground(
            web.client,
            store.documents,
            scope,
            turns,
            model=model or None,
            n_answer_tokens=manner.max_new_tokens,
            kept=answer.citations,
            language=language,
        )
        quoted = grounded.quotation is not None
        message = await asyncio.to_thread(
            store.save_grounds, answer.id, grounded.citations, quoted=quoted, receipts=grounded.receipts
        )
        find = partial(find_passages, web.client, store.documents, scope, limit=MOST_PASSAGES)
        return Plan(message=message, turns=grounded.turns, text=grounded.quotation, find=find)

    await web.desk.start(answer, prepare, model=model or None, manner=manner)


async def _start_beside(web: Web, request: Request, answer: ChatMessage, *, model: str | None) -> None:
    store = web.stores.of(answer.id)
    other = await asyncio.to_thread(store.begin_beside, answer.id, model_id=model)
    await _start(web, request, other, model=model)


async def _known_project(web: Web, project_id: str) -> str | None:
    """The project that a question names, if there is one.

    Raises:
        UnknownProject: it names one that is not there.
    """
    if not project_id:
        return None
    return (await asyncio.to_thread(web.stores.kept.projects.project, project_id)).id


async def _reply(
    web: Web,
    request: Request,
    *,
    first: ChatMessage,
    answer: ChatMessage | None,
    named: Mapping[str, Any] | None = None,
) -> Response:
    address = f"/c/{first.conversation_id}"
    if not wants_json(request):
        return RedirectResponse(f"{address}#m-{first.id}", status_code=303)
    page = await asyncio.to_thread(web.stores.of(first.id).page_from, first.id)
    facts: dict[str, Any] = {
        "conversation": first.conversation_id,
        "address": address,
        "first": first.id,
        "answer": answer.id if answer else "",
    }
    if named:  # who answers has changed, and with it what stands around the messages
        facts["assistant"] = named
    elif len(page.messages) <= PAGE_MESSAGES:  # else the page is opened anew
        facts["html"] = await asyncio.to_thread(pages.turns_fragment, request, page, web.stores)
    return JSONResponse(facts, status_code=201)


def _is_settled(message: ChatMessage) -> bool:
    return message.receipt is not None and all(map(_is_final, (*message.past_receipts, message.receipt)))


def _is_final(receipt: Mapping[str, Any]) -> bool:
    return receipt.get("status") == "final" and "sources" in receipt


async def _with_latest_receipts(web: Web, message: ChatMessage) -> ChatMessage:
    store = web.stores.of(message.id)
    known = {str(receipt["id"]): receipt for receipt in (*message.past_receipts, message.receipt) if receipt}
    open_ids = [receipt_id for receipt_id, receipt in known.items() if not _is_final(receipt)]
    if message.receipt_id not in known:
        open_ids.append(str(message.receipt_id))
    try:
        for receipt_id in open_ids:
            receipt = await web.client.receipt(receipt_id)
            await asyncio.to_thread(store.save_receipt, message.id, receipt=receipt)
    except GalerneError:
        return message
    return await asyncio.to_thread(store.message, message.id)


def _chosen_tools(form: Mapping[str, str]) -> tuple[str, ...] | None:
    """The tools that are ticked; ``None`` where the form has none to tick."""
    if "tools" not in form:
        return None
    return tuple(sorted(name.removeprefix("tool:") for name in form if name.startswith("tool:")))


def _bounded(text: str, *, least: float = 0.0, most: float) -> float | None:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return min(most, max(least, value))  # "nan" becomes the least


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
