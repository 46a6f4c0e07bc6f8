"""Routes of assistants: make one, its page, copies, files out and in, who answers where, erasure."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from galerne.chat.assistants import Assistant, Profile, read_assistant, write_assistant
from galerne.chat.assistants.exchange import LARGEST_FILE_BYTES
from galerne.chat.client.api import ApiClient
from galerne.chat.documents.records import Document
from galerne.chat.history.records import Manner
from galerne.chat.tools.records import Tool
from galerne.chat.web import pages
from galerne.chat.web.asking import read_manner
from galerne.chat.web.choice import named
from galerne.chat.web.guard import read_body, read_form
from galerne.chat.web.parts import Web, wants_json
from galerne.errors import GalerneError, InvalidRequest, RequestTooLarge
from galerne.language import phrases

PACKAGE = "galerne.chat.assistants"
_MOST_SHOWN = 50
_FILE_NAME = re.compile(r"[^A-Za-z0-9]+")


async def show_assistants(web: Web, request: Request) -> Response:
    """``GET /assistants``: every assistant."""
    store = web.stores.kept
    found = await asyncio.to_thread(store.assistants.all)
    models = await _models(web.client)

    def rows() -> list[dict[str, Any]]:
        return [_row(request, entry, store.documents.of(assistant_id=entry.id), models) for entry in found]

    return pages.assistants_page(request, rows=await asyncio.to_thread(rows))


async def list_assistants(web: Web, _: Request) -> Response:
    """``GET /ui/assistants``: every assistant, as JSON."""
    found = await asyncio.to_thread(web.stores.kept.assistants.all)
    return JSONResponse({"data": [named(entry) for entry in found]})


async def show_assistant(web: Web, request: Request) -> Response:
    """``GET /assistants/{assistant_id}``: an assistant, to be changed."""
    assistant_id = request.path_params["assistant_id"]
    store = web.stores.kept
    assistant = await asyncio.to_thread(store.assistants.assistant, assistant_id)
    documents = await asyncio.to_thread(store.documents.of, assistant_id=assistant_id)
    conversations = await asyncio.to_thread(store.conversations, assistant_id=assistant_id, limit=_MOST_SHOWN)
    words = phrases(PACKAGE, pages.language_of(request))
    models = await _models(web.client)
    wanted = assistant.profile.model_id
    if wanted and wanted not in {entry["id"] for entry in models}:
        models.append({"id": wanted, "name": words["assistant_model_missing"].format(model=wanted)})
    return pages.assistant_page(
        request,
        assistant=assistant,
        documents=documents,
        conversations=conversations,
        models=models,
        tools=_ticked(await _tools(web), assistant.profile.manner),
        saved="saved" in request.query_params,
    )


async def make_assistant(web: Web, request: Request) -> Response:
    """``POST /ui/assistants``: a new one, of which only the name is known."""
    name = (await read_form(request) or {}).get("name", "").strip()
    if not name:
        return Response(status_code=422)
    return await _made(web, request, Profile(name=name))


async def change_assistant(web: Web, request: Request) -> Response:
    """``POST /ui/assistants/{assistant_id}/change``: everything but its documents."""
    assistant_id = request.path_params["assistant_id"]
    form = await read_form(request)
    if form is None:
        return Response(status_code=413)
    store = web.stores.kept.assistants
    before = (await asyncio.to_thread(store.assistant, assistant_id)).profile
    manner = read_manner({"instructions": before.manner.instructions} | form) or Manner()
    tools = before.manner.tools if manner.tools is None else manner.tools
    missing = set(before.manner.tools or ()) - {tool.name for tool in await _tools(web)}
    kept = tuple(sorted({*tools, *missing})) if tools is not None else None  # of a server that is down now
    profile = Profile(
        name=form.get("name", "").strip() or before.name,
        purpose=form.get("purpose", before.purpose),
        model_id=form.get("model", before.model_id or "") or None,
        manner=dataclasses.replace(manner, tools=kept),
    )
    await asyncio.to_thread(store.change, assistant_id, profile)
    return RedirectResponse(f"/assistants/{assistant_id}?saved=1", status_code=303)


async def duplicate_assistant(web: Web, request: Request) -> Response:
    """``POST /ui/assistants/{assistant_id}/duplicate``: the same under another name, its documents too."""
    await read_form(request)
    store, assistant_id = web.stores.kept, request.path_params["assistant_id"]

    def copy() -> Assistant:
        made = store.assistants.add(store.assistants.assistant(assistant_id).profile)
        for document in store.documents.of(assistant_id=assistant_id):
            content = store.documents.content(document.id)
            store.documents.add(content, name=document.name, read=None, assistant_id=made.id)
        return made

    made = await asyncio.to_thread(copy)
    return RedirectResponse(f"/assistants/{made.id}", status_code=303)


async def erase_assistant(web: Web, request: Request) -> Response:
    """``POST /ui/assistants/{assistant_id}/delete``: for good; its conversations stay."""
    await read_form(request)
    await asyncio.to_thread(web.stores.kept.assistants.erase, request.path_params["assistant_id"])
    return RedirectResponse("/assistants", status_code=303)


async def export_assistant(web: Web, request: Request) -> Response:
    """``GET /ui/assistants/{assistant_id}/export``: a small file to keep or to hand on."""
    store, assistant_id = web.stores.kept, request.path_params["assistant_id"]
    profile = (await asyncio.to_thread(store.assistants.assistant, assistant_id)).profile
    documents = await asyncio.to_thread(store.documents.of, assistant_id=assistant_id)
    text = write_assistant(profile, documents=[document.name for document in documents])
    name = _FILE_NAME.sub("-", profile.name).strip("-").lower() or "assistant"
    headers = {"Content-Disposition": f'attachment; filename="{name}.assistant.json"'}
    return Response(text, media_type="application/json", headers=headers)


async def import_assistant(web: Web, request: Request) -> Response:
    """``POST /ui/assistants/import``: one that ``export_assistant`` wrote."""
    try:
        profile = read_assistant(await read_body(request, limit_bytes=LARGEST_FILE_BYTES))
    except (InvalidRequest, RequestTooLarge) as error:
        status = 413 if isinstance(error, RequestTooLarge) else 422
        return JSONResponse({"problem": error.code, "detail": str(error)}, status_code=status)
    return await _made(web, request, profile)


async def give_assistant(web: Web, request: Request) -> Response:
    """``POST /ui/conversations/{conversation_id}/assistant``: who answers from now on."""
    conversation_id = request.path_params["conversation_id"]
    assistant_id = (await read_form(request) or {}).get("assistant") or None
    await asyncio.to_thread(web.stores.kept.assistants.give, conversation_id, assistant_id=assistant_id)
    return RedirectResponse(f"/c/{conversation_id}", status_code=303)


async def _made(web: Web, request: Request, profile: Profile) -> Response:
    made = await asyncio.to_thread(web.stores.kept.assistants.add, profile)
    if wants_json(request):
        return JSONResponse(named(made), status_code=201)
    return RedirectResponse(f"/assistants/{made.id}", status_code=303)


async def _models(client: ApiClient) -> list[dict[str, Any]]:
    """The models of this machine; none while nobody answers: an assistant is changed all the same."""
    try:
        found = await client.models()
    except GalerneError:
        return []
    return [{"id": entry["id"], "name": entry.get("name") or entry["id"]} for entry in found]


async def _tools(web: Web) -> tuple[Tool, ...]:
    try:
        return await web.toolbox.tools()
    except GalerneError:
        return ()


def _ticked(tools: Sequence[Tool], manner: Manner) -> list[dict[str, Any]]:
    """The tools to tick; those that ask nobody are ticked until somebody chooses."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "asks": tool.asks,
            "ticked": not tool.asks if manner.tools is None else tool.name in manner.tools,
        }
        for tool in tools
    ]


def _row(
    request: Request, assistant: Assistant, documents: Sequence[Document], models: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the gallery says of an assistant."""
    words = phrases(PACKAGE, pages.language_of(request))
    profile = assistant.profile
    names = {entry["id"]: entry["name"] for entry in models}
    facts = []
    if profile.model_id:
        missing = words["assistant_model_missing"].format(model=profile.model_id)
        facts.append(names.get(profile.model_id, missing))
    tools = profile.manner.tools
    facts.append(words["assistant_usual_tools"] if tools is None else _counted(len(tools), "tool", words))
    if documents:
        facts.append(_counted(len(documents), "document", words))
    return {**named(assistant), "facts": facts}


def _counted(n: int, what: str, words: Mapping[str, str]) -> str:
    if n == 0:
        return words[f"assistant_no_{what}s"]
    return words[f"assistant_one_{what}"] if n == 1 else words[f"assistant_n_{what}s"].format(n=n)
