"""Routes of the pages, and how the parts behind them are put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from galerne.chat.chain_view import view_chain
from galerne.chat.client import ApiClient
from galerne.chat.store import ChatMessage, ConversationStore
from galerne.chat.web import pages
from galerne.chat.web.answers import AnswerDesk
from galerne.chat.web.assets import serve_asset
from galerne.chat.web.chain import chain_update
from galerne.chat.web.guard import SESSION_COOKIE, GuardedPages, KeyDesk, OneKey, PageKeys, is_same_origin, read_form
from galerne.chat.web.stream import answer_events
from galerne.errors import GalerneError, UnknownConversation
from galerne.language import Language

_YEAR_S = 31_536_000
_OPEN_PATHS = ("/static/", "/ui/session", "/ui/language")

Endpoint = Callable[["Web", Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Web:
    """What the routes share."""

    client: ApiClient
    store: ConversationStore
    desk: AnswerDesk
    keys: KeyDesk


def create_web(
    client: ApiClient, *, store: ConversationStore, key: str | None = None, keys: PageKeys | None = None
) -> Starlette:
    """The pages, to be mounted at ``/``.

    A mounted application's lifespan is not run by its host: enter
    ``web.router.lifespan_context(web)`` in the host's own.

    Args:
        client: our API, not yet entered.
        store: the conversations; closing it is the caller's.
        key: asked of every browser; ``None`` asks nothing (a loopback address).
        keys: the daemon's own list of keys, instead.
    """
    web = Web(client=client, store=store, desk=AnswerDesk(client, store), keys=KeyDesk(keys or OneKey(key)))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            try:
                yield
            finally:
                await web.desk.close()

    def route(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        async def answer(request: Request) -> Response:
            return await _guarded(web, request, endpoint)

        return Route(path, answer, methods=[method], name=endpoint.__name__)

    return Starlette(
        routes=[
            route("/", show_start),
            route("/c/{conversation_id}", show_conversation),
            route("/chain", show_chain),
            route("/ui/chain", update_chain),
            route("/ui/history", show_history),
            route("/ui/answers", ask, "POST"),
            route("/ui/answers/{message_id}", show_foot),
            route("/ui/answers/{message_id}/events", stream_answer),
            route("/ui/answers/{message_id}/stop", stop_answer, "POST"),
            route("/ui/conversations/{conversation_id}/delete", delete_conversation, "POST"),
            route("/ui/language", choose_language, "POST"),
            route("/ui/session", open_session, "POST"),
            Route("/static/{digest}/{name}", serve_asset),
        ],
        middleware=[Middleware(GuardedPages)],
        lifespan=lifespan,
    )


async def _guarded(web: Web, request: Request, endpoint: Endpoint) -> Response:
    if request.method == "POST" and not is_same_origin(request):
        return pages.problem_page(request, "not_allowed", status=403)
    if not web.keys.admits(request) and not request.url.path.startswith(_OPEN_PATHS):
        return pages.key_page(request, wrong=False)
    try:
        return await endpoint(web, request)
    except UnknownConversation:
        return pages.problem_page(request, "not_found", status=404)


async def show_start(web: Web, request: Request) -> Response:
    """``GET /``: a new conversation."""
    return await _conversation_page(web, request, conversation_id=None)


async def show_conversation(web: Web, request: Request) -> Response:
    """``GET /c/{conversation_id}``."""
    return await _conversation_page(web, request, conversation_id=request.path_params["conversation_id"])


async def _conversation_page(web: Web, request: Request, *, conversation_id: str | None) -> Response:
    thread: list[ChatMessage] = []
    if conversation_id is not None:
        thread = await asyncio.to_thread(web.store.thread, conversation_id)
    conversations = await asyncio.to_thread(web.store.conversations)
    try:
        models, problem = await web.client.models(), ""
    except GalerneError as error:
        models, problem = [], error.code
    # In a thread: a long conversation takes a while to render, and answers stream in this loop meanwhile.
    return await asyncio.to_thread(
        pages.conversation_page,
        request,
        conversation_id=conversation_id,
        thread=thread,
        conversations=conversations,
        models=models,
        problem=problem,
    )


async def show_history(web: Web, request: Request) -> Response:
    """``GET /ui/history``: the list of conversations, as a fragment."""
    conversations = await asyncio.to_thread(web.store.conversations)
    return pages.history_fragment(request, conversations, current=request.query_params.get("current"))


async def ask(web: Web, request: Request) -> Response:
    """``POST /ui/answers``: take a question, begin its answer, show both."""
    form = await read_form(request)
    question = (form or {}).get("question", "").strip()
    if form is None or not question:
        return Response(status_code=413 if form is None else 422)
    model = form.get("model") or None
    asked, answer = await asyncio.to_thread(
        web.store.begin, question, conversation_id=form.get("conversation") or None, model_id=model
    )
    thread = await asyncio.to_thread(web.store.thread, asked.conversation_id)
    await web.desk.start(answer, thread[:-1], model=model)
    address = f"/c/{asked.conversation_id}"
    if request.headers.get("accept") != "application/json":
        return RedirectResponse(address, status_code=303)
    html = pages.turns_fragment(request, [asked, answer])
    facts = {"conversation": asked.conversation_id, "address": address, "answer": answer.id, "html": html}
    return JSONResponse(facts, status_code=201)


async def stream_answer(web: Web, request: Request) -> Response:
    """``GET /ui/answers/{message_id}/events``: the answer as it is written, from where the page left it."""
    message = await asyncio.to_thread(web.store.message, request.path_params["message_id"])
    after = request.headers.get("last-event-id", "")
    events = answer_events(
        web.desk.find(message.id), message=message, after=int(after) if after.isdecimal() else 0
    )
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def stop_answer(web: Web, request: Request) -> Response:
    """``POST /ui/answers/{message_id}/stop``; what is written stays."""
    web.desk.stop(request.path_params["message_id"])
    return Response(status_code=204)


async def show_foot(web: Web, request: Request) -> Response:
    """``GET /ui/answers/{message_id}``: what stands under an answer, its receipt brought up to date."""
    message = await asyncio.to_thread(web.store.message, request.path_params["message_id"])
    if message.receipt_id and not _is_settled(message):
        message = await _with_latest_receipt(web, message)
    return pages.foot_fragment(request, message)


def _is_settled(message: ChatMessage) -> bool:
    receipt = message.receipt
    return receipt is not None and receipt.get("status") == "final" and "sources" in receipt


async def _with_latest_receipt(web: Web, message: ChatMessage) -> ChatMessage:
    try:
        receipt = await web.client.receipt(message.receipt_id or "")
    except GalerneError:
        return message
    await asyncio.to_thread(web.store.save_receipt, message.id, receipt=receipt)
    return await asyncio.to_thread(web.store.message, message.id)


async def delete_conversation(web: Web, request: Request) -> Response:
    """``POST /ui/conversations/{conversation_id}/delete``: for good."""
    conversation_id = request.path_params["conversation_id"]
    for message in await asyncio.to_thread(web.store.thread, conversation_id):
        web.desk.stop(message.id)
    await asyncio.to_thread(web.store.erase, conversation_id)
    return RedirectResponse("/", status_code=303)


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


async def choose_language(_: Web, request: Request) -> Response:
    """``POST /ui/language``: remember the language and go back."""
    form = await read_form(request) or {}
    target = form.get("back", "/")
    local = target.startswith("/") and not target.startswith(("//", "/\\"))
    response = RedirectResponse(target if local else "/", status_code=303)
    if form.get("language") in set(Language):
        response.set_cookie(
            pages.LANGUAGE_COOKIE, form["language"], max_age=_YEAR_S, httponly=True, samesite="strict"
        )
    return response


async def open_session(web: Web, request: Request) -> Response:
    """``POST /ui/session``: let a browser in that shows the key."""
    form: dict[str, Any] = await read_form(request) or {}
    session = web.keys.open_session(form.get("key", ""))
    if session is None:
        return pages.key_page(request, wrong=True)
    response = RedirectResponse("/", status_code=303)
    secure = request.url.scheme == "https"
    response.set_cookie(SESSION_COOKIE, session, httponly=True, samesite="strict", secure=secure)
    return response
