"""Routes of the pages, and how the parts behind them are put together."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from galerne.chat.chain_view import view_chain
from galerne.chat.client.api import ApiClient
from galerne.chat.history.records import ThreadPage
from galerne.chat.history.store import ChatStore
from galerne.chat.history.temporary import is_temporary, open_temporary
from galerne.chat.tools.records import Tool
from galerne.chat.tools.toolbox import Toolbox
from galerne.chat.web import (
    asking,
    assistants,
    budget,
    documents,
    house_pages,
    keeping,
    models,
    pages,
    people,
    places,
    planner,
    projects,
    smaller,
)
from galerne.chat.web.assets import serve_asset
from galerne.chat.web.chain import chain_update
from galerne.chat.web.door import (
    Door,
    OpenEndpoint,
    accept_invitation,
    come_in,
    forged,
    open_session,
    show_invitation,
)
from galerne.chat.web.guard import GuardedPages, KeyDesk, OneKey, PageKeys, read_form
from galerne.chat.web.parts import Endpoint, House, HouseEndpoint, Web, local_path
from galerne.chat.web.rooms import Rooms
from galerne.clock import Clock, SystemClock
from galerne.errors import (
    GalerneError,
    UnknownAssistant,
    UnknownConversation,
    UnknownDocument,
    UnknownPerson,
    UnknownProject,
)
from galerne.language import Language

_YEAR_S = 31_536_000


def create_web(
    client: ApiClient,
    *,
    store: ChatStore,
    key: str | None = None,
    keys: PageKeys | None = None,
    toolbox: Toolbox | None = None,
    clock: Clock | None = None,
) -> Starlette:
    """The pages, to be mounted at ``/``.

    A mounted application's lifespan is not run by its host: enter
    ``web.router.lifespan_context(web)`` in the host's own.

    Args:
        client: our API, not yet entered.
        store: the conversations; closing it is the caller's.
        key: asked of every browser; ``None`` asks nothing (a loopback address).
        keys: the daemon's own list of keys, instead.
        toolbox: what models may call; Galerne's own tools by default.
        clock: slows who guesses at passwords.
    """
    temporary = open_temporary(clock=SystemClock())
    door = Door(keys=KeyDesk(keys or OneKey(key)), people=store.people, clock=clock or SystemClock())
    rooms = Rooms(client, kept=store, temporary=temporary, toolbox=toolbox)
    house = House(
        client=client, store=store, leave=rooms.leave, look_again=door.look_again, looking=door.looking
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with rooms.open():
            yield

    def anybody(path: str, endpoint: OpenEndpoint, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            return forged(request) or await endpoint(door, request)

        return Route(path, answer, methods=[method], name=endpoint.__name__)

    def route(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            visitor = await come_in(door, request)
            if isinstance(visitor, Response):
                return visitor
            return await _found(endpoint(await rooms.of(visitor), request), request)

        return Route(path, answer, methods=[method], name=endpoint.__name__)

    def account(path: str, endpoint: HouseEndpoint, method: str = "GET", *, everybody: bool = True) -> Route:
        async def answer(request: Request) -> Response:
            visitor = await come_in(door, request, administrator=not everybody)
            if isinstance(visitor, Response):
                return visitor
            return await _found(endpoint(house, await rooms.of(visitor), request), request)

        return Route(path, answer, methods=[method], name=endpoint.__name__)

    administrator = partial(account, everybody=False)

    return Starlette(
        routes=[
            route("/", show_start),
            route("/c/{conversation_id}", show_conversation),
            route("/chain", show_chain),
            route("/plan", planner.show_planner),
            route("/plan/places", places.show_places),
            administrator("/operator", house_pages.show_operator),
            anybody("/developer", house_pages.show_developer),
            route("/ui/plan", planner.show_result),
            route("/ui/plan/{what}", planner.save),
            route("/search", keeping.search),
            route("/ui/chain", update_chain),
            route("/ui/models", models.show_models),
            route("/ui/models", models.load_model, "POST"),
            route("/ui/budget", budget.show_budget),
            route("/ui/budget", budget.set_budget, "POST"),
            route("/ui/search", keeping.search),
            route("/ui/history", keeping.show_history),
            route("/ui/export", keeping.export_all),
            route("/ui/import", keeping.import_file, "POST"),
            route("/ui/erase", keeping.erase_every, "POST"),
            route("/ui/answers", asking.ask, "POST"),
            route("/ui/answers/{message_id}", asking.show_foot),
            route("/ui/answers/{message_id}/difference", asking.show_difference),
            route("/ui/answers/{message_id}/smaller", smaller.show_smaller),
            route("/ui/smaller", smaller.hush_smaller, "POST"),
            route("/ui/answers/{message_id}/events", asking.stream_answer),
            route("/ui/answers/{message_id}/words", asking.stream_words),
            route("/ui/answers/{message_id}/stop", asking.stop_answer, "POST"),
            route("/ui/answers/{message_id}/tools/{use_id}", asking.decide_use, "POST"),
            route("/ui/messages/{message_id}/edit", asking.edit_question, "POST"),
            route("/ui/messages/{message_id}/regenerate", asking.regenerate, "POST"),
            route("/ui/messages/{message_id}/compare", asking.compare, "POST"),
            route("/ui/messages/{message_id}/keep", asking.keep_answer, "POST"),
            route("/ui/messages/{message_id}/continue", asking.continue_answer, "POST"),
            route("/ui/messages/{message_id}/show", asking.show_branch, "POST"),
            route("/ui/conversations/{conversation_id}/turns", keeping.show_turns),
            route("/ui/conversations/{conversation_id}/last", keeping.show_last),
            route("/ui/conversations/{conversation_id}/bill", keeping.show_bill),
            route("/ui/conversations/{conversation_id}/export", keeping.export),
            route("/ui/conversations/{conversation_id}/rename", keeping.rename, "POST"),
            route("/ui/conversations/{conversation_id}/pin", keeping.pin, "POST"),
            route("/ui/conversations/{conversation_id}/delete", keeping.delete_conversation, "POST"),
            route("/p/{project_id}", projects.show_project),
            route("/ui/projects", projects.show_projects),
            route("/ui/projects", projects.begin_project, "POST"),
            route("/ui/projects/{project_id}/change", projects.change_project, "POST"),
            route("/ui/projects/{project_id}/delete", projects.erase_project, "POST"),
            route("/ui/conversations/{conversation_id}/move", projects.move_conversation, "POST"),
            route("/assistants", assistants.show_assistants),
            route("/assistants/{assistant_id}", assistants.show_assistant),
            route("/ui/assistants", assistants.list_assistants),
            route("/ui/assistants", assistants.make_assistant, "POST"),
            route("/ui/assistants/import", assistants.import_assistant, "POST"),
            route("/ui/assistants/{assistant_id}/export", assistants.export_assistant),
            route("/ui/assistants/{assistant_id}/change", assistants.change_assistant, "POST"),
            route("/ui/assistants/{assistant_id}/duplicate", assistants.duplicate_assistant, "POST"),
            route("/ui/assistants/{assistant_id}/delete", assistants.erase_assistant, "POST"),
            route("/ui/conversations/{conversation_id}/assistant", assistants.give_assistant, "POST"),
            route("/ui/conversations/{conversation_id}/branches", keeping.show_forks),
            route("/ui/documents", documents.take, "POST"),
            route("/ui/documents", documents.show_list),
            route("/ui/documents/{document_id}/file", documents.download),
            route("/ui/documents/{document_id}/image", documents.show_image),
            route("/ui/documents/{document_id}/remove", documents.remove, "POST"),
            route("/ui/passages/{message_id}/{n}", documents.show_passage),
            route("/passages/{message_id}/{n}", documents.show_passage),
            account("/account", people.show_account),
            account("/ui/account/password", people.change_password, "POST"),
            account("/ui/account/sessions/{session_id}/end", people.end_session, "POST"),
            account("/ui/sign-out", people.sign_out, "POST"),
            administrator("/people", people.show_people),
            administrator("/ui/people", people.invite, "POST"),
            administrator("/ui/people/adopt", people.adopt, "POST"),
            administrator("/ui/people/{person_id}/{what}", people.change_person, "POST"),
            anybody("/invitation/{token}", show_invitation),
            anybody("/invitation/{token}", accept_invitation, "POST"),
            anybody("/ui/language", choose_language, "POST"),
            anybody("/ui/session", open_session, "POST"),
            Route("/static/{digest}/{name}", serve_asset),
        ],
        # Not streams of events: each is to leave at once.
        middleware=[Middleware(GuardedPages), Middleware(GZipMiddleware, compresslevel=5)],
        exception_handlers={404: _no_page},
        lifespan=lifespan,
    )


async def _no_page(request: Request, _: Exception) -> Response:
    """What an address leads to that is none of ours."""
    return pages.problem_page(request, "no_page", status=404, advice="no_page")


async def _found(reply: Awaitable[Response], request: Request) -> Response:
    """What an endpoint replies; what is not this visitor's is not there."""
    try:
        return await reply
    except (UnknownConversation, UnknownPerson):
        return pages.problem_page(request, "not_found", status=404)
    except (UnknownAssistant, UnknownDocument, UnknownProject) as error:
        return pages.problem_page(request, error.code, status=404)


async def show_start(web: Web, request: Request) -> Response:
    """``GET /``: a new conversation; with ``?temporary=1``, one that leaves no trace."""
    return await _conversation_page(web, request, conversation_id=None)


async def show_conversation(web: Web, request: Request) -> Response:
    """``GET /c/{conversation_id}``; ``?before=`` or ``?at=`` a message, what is there."""
    return await _conversation_page(web, request, conversation_id=request.path_params["conversation_id"])


async def _conversation_page(web: Web, request: Request, *, conversation_id: str | None) -> Response:
    problem, served = "", []
    tools: tuple[Tool, ...] = ()
    try:
        served = await web.client.models()
        tools = await web.toolbox.tools()
    except GalerneError as error:
        problem = error.code

    # In a thread: a long conversation takes a while to render, and answers stream in this loop meanwhile.
    def make() -> Response:
        shown = dataclasses.replace(
            _read(web, request, conversation_id, served), tools=tools, tool_problems=web.toolbox.problems()
        )
        return pages.conversation_page(request, shown, stores=web.stores, problem=problem)

    return await asyncio.to_thread(make)


def _read(
    web: Web, request: Request, conversation_id: str | None, served: list[dict[str, Any]]
) -> pages.ShownConversation:
    limit = keeping.read_limit(request)
    history = web.stores.kept.conversations(limit=limit + 1)
    if conversation_id is None:
        return pages.ShownConversation(
            conversation=None,
            page=ThreadPage(messages=(), places={}, earlier_id=None),
            bill=None,
            temporary=bool(request.query_params.get("temporary")),
            conversations=history,
            history_limit=limit,
            models=served,
            projects=web.stores.kept.projects.all(),
            project_id=request.query_params.get("project") or None,
            assistants=web.stores.kept.assistants.all(),
            assistant_id=request.query_params.get("assistant") or None,
        )
    store = web.stores.of(conversation_id)
    at, before_id = request.query_params.get("at"), request.query_params.get("before")
    page = store.page_around(at) if at else store.page(conversation_id, before_id=before_id)
    return pages.ShownConversation(
        conversation=store.conversation(conversation_id),
        page=page,
        bill=store.bill(conversation_id),
        temporary=is_temporary(conversation_id),
        conversations=history,
        history_limit=limit,
        models=served,
        projects=web.stores.kept.projects.all(),
        assistants=web.stores.kept.assistants.all(),
    )


async def show_chain(web: Web, request: Request) -> Response:
    """``GET /chain``."""
    try:
        chain = await web.client.chain()
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=503, advice=error.code)
    return pages.chain_page(request, view_chain(chain, language=pages.language_of(request)))


async def update_chain(web: Web, request: Request) -> Response:
    """``GET /ui/chain``: the numbers of the chain as text, for the page that shows them."""
    try:
        chain = await web.client.chain()
    except GalerneError as error:
        return JSONResponse({"problem": error.code}, status_code=503)
    return JSONResponse(chain_update(view_chain(chain, language=pages.language_of(request))))


async def choose_language(_: Door, request: Request) -> Response:
    """``POST /ui/language``: remember the language and go back."""
    form = await read_form(request) or {}
    response = RedirectResponse(local_path(form.get("back", "/")), status_code=303)
    if form.get("language") in set(Language):
        response.set_cookie(
            pages.LANGUAGE_COOKIE, form["language"], max_age=_YEAR_S, httponly=True, samesite="strict"
        )
    return response
