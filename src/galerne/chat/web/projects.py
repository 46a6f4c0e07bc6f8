"""Routes of projects: begin one, its page, its instructions, conversations moved in and out, erasure."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from galerne.chat.web import pages
from galerne.chat.web.guard import read_form
from galerne.chat.web.parts import Web, wants_json

_LONGEST_INSTRUCTIONS = 20_000
_MOST_SHOWN = 500


async def show_project(web: Web, request: Request) -> Response:
    """``GET /p/{project_id}``: a project with its documents and conversations."""
    project_id = request.path_params["project_id"]
    store = web.stores.kept
    project = await asyncio.to_thread(store.projects.project, project_id)
    documents = await asyncio.to_thread(store.documents.of, project_id=project_id)
    conversations = await asyncio.to_thread(store.conversations, project_id=project_id, limit=_MOST_SHOWN)
    return pages.project_page(request, project, documents=documents, conversations=conversations)


async def show_projects(web: Web, request: Request) -> Response:
    """``GET /ui/projects``: every project, as JSON."""
    found = await asyncio.to_thread(web.stores.kept.projects.all)
    return JSONResponse({"data": [{"id": entry.id, "name": entry.name} for entry in found]})


async def begin_project(web: Web, request: Request) -> Response:
    """``POST /ui/projects``: a new project."""
    name = (await read_form(request) or {}).get("name", "").strip()
    if not name:
        return Response(status_code=422)
    project = await asyncio.to_thread(web.stores.kept.projects.add, name)
    if wants_json(request):
        return JSONResponse({"id": project.id, "name": project.name}, status_code=201)
    return RedirectResponse(f"/p/{project.id}", status_code=303)


async def change_project(web: Web, request: Request) -> Response:
    """``POST /ui/projects/{project_id}/change``: its name and its instructions."""
    project_id = request.path_params["project_id"]
    form = await read_form(request) or {}
    instructions = form.get("instructions", "").strip()[:_LONGEST_INSTRUCTIONS]
    change = web.stores.kept.projects.change
    await asyncio.to_thread(change, project_id, name=form.get("name", ""), instructions=instructions)
    return RedirectResponse(f"/p/{project_id}", status_code=303)


async def erase_project(web: Web, request: Request) -> Response:
    """``POST /ui/projects/{project_id}/delete``: for good; its conversations stay."""
    await read_form(request)
    await asyncio.to_thread(web.stores.kept.projects.erase, request.path_params["project_id"])
    return RedirectResponse("/", status_code=303)


async def move_conversation(web: Web, request: Request) -> Response:
    """``POST /ui/conversations/{conversation_id}/move``: into a project, or out of it."""
    conversation_id = request.path_params["conversation_id"]
    project_id = (await read_form(request) or {}).get("project") or None
    await asyncio.to_thread(web.stores.kept.projects.move, conversation_id, project_id=project_id)
    return RedirectResponse(f"/c/{conversation_id}", status_code=303)
