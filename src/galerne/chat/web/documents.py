"""Routes of documents: hand one in, list them, remove one, take its bytes back, open a passage."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from galerne.chat.documents.limits import LARGEST_DOCUMENT_BYTES
from galerne.chat.documents.pictures import media_type
from galerne.chat.documents.prompt import PACKAGE, place_text
from galerne.chat.documents.records import Document, Passage
from galerne.chat.web import pages
from galerne.chat.web.guard import read_body
from galerne.chat.web.parts import Web, wants_json
from galerne.errors import ChatError, GalerneError, ImageRefused, RequestTooLarge, UnknownDocument
from galerne.language import Language, phrases

_STATUSES = {"request_too_large": 413, "document_too_large": 413, "document_unsupported": 415}


async def take(web: Web, request: Request) -> Response:
    """``POST /ui/documents?name=``: the bytes of a file; a draft until a question takes it along.

    With ``project=`` or ``assistant=``, it belongs to that at once; with ``temporary=1``, no disk sees it.
    """
    asked = request.query_params
    project_id, assistant_id = asked.get("project") or None, asked.get("assistant") or None
    if project_id is not None:
        await asyncio.to_thread(web.stores.kept.projects.project, project_id)
    if assistant_id is not None:
        await asyncio.to_thread(web.stores.kept.assistants.assistant, assistant_id)
    stays = project_id is not None or assistant_id is not None
    beside = "" if stays else asked.get("conversation") or ""
    store = web.stores.temporary if asked.get("temporary") and not stays else web.stores.of(beside)
    try:
        content = await read_body(request, limit_bytes=LARGEST_DOCUMENT_BYTES)
        document = await web.documents.take(
            store.documents,
            content,
            name=asked.get("name", ""),
            project_id=project_id,
            assistant_id=assistant_id,
        )
    except (ChatError, ImageRefused, RequestTooLarge) as error:
        facts = {"code": error.code, "message": explain(error, language=pages.language_of(request))}
        return JSONResponse(facts, status_code=_STATUSES.get(error.code, 422))
    return JSONResponse(_row(document) | {"facts": pages.document_facts(request, document)}, status_code=201)


async def show_list(web: Web, request: Request) -> Response:
    """``GET /ui/documents?conversation=``: those that a conversation may look into, as JSON."""
    conversation_id = request.query_params.get("conversation", "")
    store = web.stores.of(conversation_id)
    conversation = await asyncio.to_thread(store.conversation, conversation_id)
    found = await asyncio.to_thread(
        store.documents.of,
        conversation_id=conversation_id,
        project_id=conversation.project_id,
        assistant_id=conversation.assistant_id,
    )
    rows = [_row(entry) | {"facts": pages.document_facts(request, entry)} for entry in found]
    return JSONResponse({"data": rows})


async def remove(web: Web, request: Request) -> Response:
    """``POST /ui/documents/{document_id}/remove``: for good."""
    document_id = request.path_params["document_id"]
    store = web.stores.of(document_id).documents
    document = await asyncio.to_thread(store.document, document_id)
    await asyncio.to_thread(store.remove, document_id)
    if wants_json(request):
        return Response(status_code=204)
    homes = (
        ("/p/", document.project_id),
        ("/assistants/", document.assistant_id),
        ("/c/", document.conversation_id),
    )
    home = next((f"{path}{home_id}" for path, home_id in homes if home_id), "/")
    return RedirectResponse(home, status_code=303)


async def download(web: Web, request: Request) -> Response:
    """``GET /ui/documents/{document_id}/file``: its bytes as they came; never shown by the browser itself."""
    document_id = request.path_params["document_id"]
    store = web.stores.of(document_id).documents
    document = await asyncio.to_thread(store.document, document_id)
    content = await asyncio.to_thread(store.content, document_id)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


async def show_image(web: Web, request: Request) -> Response:
    """``GET /ui/documents/{document_id}/image``: an image, to be seen; nothing in it can run."""
    document_id = request.path_params["document_id"]
    store = web.stores.of(document_id).documents
    document = await asyncio.to_thread(store.document, document_id)
    if not document.kind.is_image:
        raise UnknownDocument(document_id=document_id)
    content = await asyncio.to_thread(store.content, document_id)
    headers = {
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(document.name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=86400",
    }
    return Response(content, media_type=media_type(document), headers=headers)


async def show_passage(web: Web, request: Request) -> Response:
    """``GET /passages/{message_id}/{n}``: what ``[n]`` of an answer stands on; a page, a fragment or JSON."""
    message_id, number = request.path_params["message_id"], request.path_params["n"]
    store = web.stores.of(message_id)
    message = await asyncio.to_thread(store.message, message_id)
    n = int(number) if number.isdecimal() and len(number) < 4 else 0
    if not 1 <= n <= len(message.citations):
        raise UnknownDocument(document_id=f"passage {number[:8]}")
    citation = message.citations[n - 1]
    around: list[Passage] = []
    with contextlib.suppress(UnknownDocument):  # the sheet says that it is gone
        around = await asyncio.to_thread(
            store.documents.passages, citation.document_id, first=max(0, citation.passage_n - 1), limit=3
        )
    place = place_text(citation.position, language=pages.language_of(request))
    facts: dict[str, Any] = {"n": n, "name": citation.name, "place": place}
    if wants_json(request):
        text = next((entry.text for entry in around if entry.n == citation.passage_n), None)
        return JSONResponse(facts | {"text": text})
    parts = [
        (entry.text, entry.n == citation.passage_n) for entry in around if _near(entry, citation.passage_n)
    ]
    whole = request.url.path.startswith("/passages")
    return pages.passage_page(
        request,
        **facts,
        parts=parts,
        document_id=citation.document_id if parts else None,
        conversation_id=message.conversation_id,
        message_id=message_id,
        whole=whole,
    )


def explain(error: GalerneError, *, language: Language) -> str:
    """Why a document was not taken, in the reader's words."""
    say = phrases(PACKAGE, language)
    if error.facts().get("found") == "empty":
        return say["problem_document_empty"]
    return say.get(f"problem_{error.code}", say["problem_other"]).format(**error.facts())


def _near(passage: Passage, n: int) -> bool:
    return abs(passage.n - n) <= 1


def _row(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.name,
        "kind": document.kind.value,
        "is_image": document.kind.is_image,
        "size_bytes": document.size_bytes,
        "n_pages": document.n_pages,
        "n_passages": document.n_passages,
        "n_vectors": document.n_vectors,
    }
