"""Routes that keep order: the history, search, names, pins, erasure, export and import."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from galerne.chat.archive.conversations import LARGEST_FILE_BYTES, Thread, read_archive, write_archive
from galerne.chat.archive.papers import Papers, papers_written, read_papers, with_papers
from galerne.chat.bill.words import view_bill
from galerne.chat.history.conversations import ConversationStore
from galerne.chat.history.records import Conversation
from galerne.chat.web import pages
from galerne.chat.web.choice import named
from galerne.chat.web.export import FORMATS, export_conversation
from galerne.chat.web.guard import read_body, read_form
from galerne.chat.web.parts import Web, wants_json
from galerne.chat.web.turn_view import sources_of
from galerne.errors import ChatError, ImageRefused, InvalidRequest, RequestTooLarge

_HISTORY_STEP = 100
_LONGEST_HISTORY = 10_000
_LONGEST_EXCERPT = 200


async def show_history(web: Web, request: Request) -> Response:
    """``GET /ui/history``: the list of conversations, as a fragment or as JSON."""
    limit = read_limit(request)
    conversations = await asyncio.to_thread(web.stores.kept.conversations, limit=limit + 1)
    if wants_json(request):
        rows = [
            {"id": entry.id, "title": entry.title, "changed_at": entry.changed_at, "pinned": entry.pinned}
            for entry in conversations[:limit]
        ]
        return JSONResponse({"data": rows})
    return pages.history_fragment(
        request, conversations, limit=limit, current=request.query_params.get("current")
    )


def read_limit(request: Request) -> int:
    """How many conversations the history is to show."""
    asked = request.query_params.get("limit", "")
    return (
        min(_LONGEST_HISTORY, max(1, int(asked))) if asked.isdecimal() and len(asked) < 9 else _HISTORY_STEP
    )


async def search(web: Web, request: Request) -> Response:
    """``GET /search`` and ``GET /ui/search``: where the words are, as a page, a fragment or JSON."""
    query = request.query_params.get("q", "")
    project_id = request.query_params.get("project") or None
    hits = await asyncio.to_thread(web.stores.kept.search, query, project_id=project_id)
    if wants_json(request):
        rows = [
            {
                "id": hit.conversation_id,
                "title": hit.title,
                "changed_at": hit.changed_at,
                "message_id": hit.message_id,
                "excerpt": "".join(piece for piece, _ in hit.excerpt),
            }
            for hit in hits
        ]
        return JSONResponse({"data": rows})
    whole = request.url.path == "/search"
    return pages.search_page(request, hits, query=query, whole=whole, project_id=project_id)


async def show_turns(web: Web, request: Request) -> Response:
    """``GET /ui/conversations/{conversation_id}/turns``: earlier messages as a fragment, or all as JSON."""
    conversation_id = request.path_params["conversation_id"]
    store = web.stores.of(conversation_id)
    if wants_json(request):
        conversation = await asyncio.to_thread(store.conversation, conversation_id)
        thread = await asyncio.to_thread(store.thread, conversation_id)
        rows = [
            {
                "id": turn.id,
                "role": turn.role,
                "content": turn.content,
                "status": turn.status,
                "problem": turn.problem_code,
                "model": turn.model_id,
                "receipt_id": turn.receipt_id,
                "receipt": turn.receipt,
                "sources": sources_of(turn, pages.language_of(request)),
                "quoted": turn.quoted,
            }
            for turn in thread
        ]
        homes = await asyncio.to_thread(_homes, store, conversation)
        return JSONResponse({"id": conversation.id, "title": conversation.title, **homes, "data": rows})
    before_id = request.query_params.get("before")
    page = await asyncio.to_thread(store.page, conversation_id, before_id=before_id)
    html = await asyncio.to_thread(pages.turns_fragment, request, page, web.stores)
    return Response(html, media_type="text/html")


def _homes(store: ConversationStore, conversation: Conversation) -> dict[str, Any]:
    """The project and the assistant of a conversation, by id and name; ``None`` for none."""
    project, assistant = None, None
    if conversation.project_id is not None:
        project = store.projects.project(conversation.project_id)
    if conversation.assistant_id is not None:
        assistant = store.assistants.assistant(conversation.assistant_id)
    return {
        "project": {"id": project.id, "name": project.name} if project else None,
        "assistant": named(assistant) if assistant else None,
    }


async def show_last(web: Web, request: Request) -> Response:
    """``GET /ui/conversations/{conversation_id}/last``: where it ends by now, for a page left open."""
    conversation_id = request.path_params["conversation_id"]
    page = await asyncio.to_thread(web.stores.of(conversation_id).page, conversation_id, limit=1)
    return JSONResponse({"last": page.messages[-1].id if page.messages else ""})


async def show_forks(web: Web, request: Request) -> Response:
    """``GET /ui/conversations/{conversation_id}/branches``: where it forks, and each way, as JSON."""
    conversation_id = request.path_params["conversation_id"]
    forks = await asyncio.to_thread(web.stores.of(conversation_id).forks, conversation_id)
    rows = [
        {
            "id": message.id,
            "role": message.role,
            "model": message.model_id,
            "excerpt": " ".join(message.content[:_LONGEST_EXCERPT].split()),
            "n": n,
            "shown": shown,
        }
        for ways in forks
        for n, (message, shown) in enumerate(ways, start=1)
    ]
    return JSONResponse({"data": rows})


async def show_bill(web: Web, request: Request) -> Response:
    """``GET /ui/conversations/{conversation_id}/bill``: what the conversation cost so far, as a fragment."""
    conversation_id = request.path_params["conversation_id"]
    store = web.stores.of(conversation_id)
    await asyncio.to_thread(store.conversation, conversation_id)
    bill = await asyncio.to_thread(store.bill, conversation_id)
    return pages.bill_fragment(request, view_bill(bill, language=pages.language_of(request)))


async def rename(web: Web, request: Request) -> Response:
    """``POST /ui/conversations/{conversation_id}/rename``."""
    conversation_id = request.path_params["conversation_id"]
    title = (await read_form(request) or {}).get("title", "").strip()
    if not title:
        return Response(status_code=422)
    await asyncio.to_thread(web.stores.of(conversation_id).rename, conversation_id, title=title)
    return RedirectResponse(f"/c/{conversation_id}", status_code=303)


async def pin(web: Web, request: Request) -> Response:
    """``POST /ui/conversations/{conversation_id}/pin``."""
    conversation_id = request.path_params["conversation_id"]
    pinned = (await read_form(request) or {}).get("pinned") == "1"
    await asyncio.to_thread(web.stores.of(conversation_id).pin, conversation_id, pinned=pinned)
    return RedirectResponse(f"/c/{conversation_id}", status_code=303)


async def delete_conversation(web: Web, request: Request) -> Response:
    """``POST /ui/conversations/{conversation_id}/delete``: for good."""
    conversation_id = request.path_params["conversation_id"]
    store = web.stores.of(conversation_id)
    for message in await asyncio.to_thread(store.messages, conversation_id):
        await web.desk.forget(message.id)
    await asyncio.to_thread(store.erase, conversation_id)
    return RedirectResponse("/", status_code=303)


async def erase_every(web: Web, request: Request) -> Response:
    """``POST /ui/erase``: every conversation, for good."""
    await web.desk.close()
    for store in (web.stores.kept, web.stores.temporary):
        await asyncio.to_thread(store.erase_every)
    return RedirectResponse("/", status_code=303)


async def export(web: Web, request: Request) -> Response:
    """``GET /ui/conversations/{conversation_id}/export?format=md|html|json``: a file to keep."""
    conversation_id = request.path_params["conversation_id"]
    kind = request.query_params.get("format", "md")
    if kind not in FORMATS:
        return Response(status_code=422)
    store = web.stores.of(conversation_id)
    conversation = await asyncio.to_thread(store.conversation, conversation_id)
    messages = await asyncio.to_thread(store.messages, conversation_id)
    text = await asyncio.to_thread(
        export_conversation,
        conversation,
        messages,
        kind=kind,
        language=pages.language_of(request),
        beside=partial(papers_written, store),
    )
    return _file(text, name=f"galerne-{conversation_id}.{kind}", media_type=FORMATS[kind])


async def export_all(web: Web, request: Request) -> Response:
    """``GET /ui/export``: every conversation that is kept, as JSON."""

    def write() -> str:
        store = web.stores.kept
        every = store.conversations(limit=_LONGEST_HISTORY * 100)
        return write_archive(
            ((entry, store.messages(entry.id)) for entry in every), beside=partial(papers_written, store)
        )

    return _file(await asyncio.to_thread(write), name="galerne.json", media_type="application/json")


async def import_file(web: Web, request: Request) -> Response:
    """``POST /ui/import``: conversations of ours, of ChatGPT or of Open WebUI; all of the file or none."""
    try:
        body = await read_body(request, limit_bytes=LARGEST_FILE_BYTES)
        found = await asyncio.to_thread(read_archive, body, now_at=web.stores.kept.now_at())
        papers = await asyncio.to_thread(read_papers, body)
    except RequestTooLarge as error:
        return JSONResponse({"problem": error.code, "detail": str(error)}, status_code=413)
    except InvalidRequest as error:
        return JSONResponse({"problem": error.code, "detail": str(error)}, status_code=422)
    await _keep(web, found, papers)
    return JSONResponse({"n_conversations": len(found)}, status_code=201)


async def _keep(web: Web, found: Sequence[Thread], papers: Sequence[Papers]) -> None:
    """Keep threads of a file with what they stand on; a document that cannot be read is cited as gone."""
    store = web.stores.kept
    projects = {
        (entry.name, entry.instructions): entry.id for entry in await asyncio.to_thread(store.projects.all)
    }
    threads, ids = [], [dict[str, str]() for _ in found]
    for thread, paper, mine in zip(found, papers, ids, strict=True):
        if paper.project is not None and paper.project not in projects:
            name, instructions = paper.project
            begun = await asyncio.to_thread(store.projects.add, name, instructions=instructions)
            projects[paper.project] = begun.id
        for document_id, name, content in paper.documents:
            with contextlib.suppress(ChatError, ImageRefused):
                mine[document_id] = (await web.documents.take(store.documents, content, name=name)).id
        project_id = projects[paper.project] if paper.project else None
        threads.append(with_papers(thread, project_id=project_id, ids=mine))
    await asyncio.to_thread(store.add, threads)
    for (conversation, messages), paper, mine in zip(threads, papers, ids, strict=True):
        for old_id, document_id in mine.items() if messages else ():
            place = paper.places.get(old_id, 0)
            message = messages[place if place < len(messages) else 0]
            home = {"conversation_id": conversation.id, "message_id": message.id}
            await asyncio.to_thread(store.documents.attach, [document_id], **home)


def _file(text: str, *, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=media_type, headers=headers)
