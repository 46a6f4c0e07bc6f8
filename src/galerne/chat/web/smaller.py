"""Routes of the hint that a smaller model would do: shown once in a conversation, or never again."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from galerne.chat.history.conversations import ConversationStore
from galerne.chat.history.records import ChatMessage
from galerne.chat.smaller import find_smaller, is_plain, view_smaller
from galerne.chat.web import pages
from galerne.chat.web.choice import combined_manner
from galerne.chat.web.guard import read_form
from galerne.chat.web.parts import Web, wants_json
from galerne.errors import GalerneError

COOKIE = "galerne-smaller"
_NEVER = "never"
_YEAR_S = 31_536_000


async def show_smaller(web: Web, request: Request) -> Response:
    """``GET /ui/answers/{message_id}/smaller``: the hint as a fragment; nothing where it has no place."""
    message_id, client = request.path_params["message_id"], web.client
    store = web.stores.of(message_id)
    message = await asyncio.to_thread(store.message, message_id)
    nothing = Response(status_code=204)
    if is_hushed(request) or message.receipt is None or message.model_id is None:
        return nothing
    if not await asyncio.to_thread(_is_plain, store, message):
        return nothing
    try:
        cards, fits, engines = await asyncio.gather(client.models(), client.fits(), client.engines())
    except GalerneError:
        return nothing  # the page says elsewhere that the daemon is away
    found = find_smaller(
        message.model_id,
        energy_j=float(message.receipt["energy_j"]["full"]),
        cards=pages.talking_models(cards),
        fits=fits["data"],
        engines=engines,
    )
    if found is None:
        return nothing
    view = view_smaller(found, machine=str(fits["machine"]), language=pages.language_of(request))
    return pages.smaller_fragment(request, view, message)


async def hush_smaller(_: Web, request: Request) -> Response:
    """``POST /ui/smaller``: show no such hint in this browser any more; with ``again``, show them again."""
    form = await read_form(request) or {}
    response = Response(status_code=204) if wants_json(request) else RedirectResponse("/", status_code=303)
    if form.get("again"):
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    else:
        response.set_cookie(COOKIE, _NEVER, max_age=_YEAR_S, httponly=True, samesite="strict")
    return response


def is_hushed(request: Request) -> bool:
    """Whether the hints are not wanted in this browser."""
    return request.cookies.get(COOKIE) == _NEVER


def _is_plain(store: ConversationStore, message: ChatMessage) -> bool:
    """Whether this is the one answer of a conversation without documents and without an assistant.

    An assistant's model was chosen for it, by somebody who knows why.
    """
    conversation = store.conversation(message.conversation_id)
    if conversation.assistant_id is not None:
        return False
    page = store.page(conversation.id)
    if not is_plain(page, instructions=combined_manner(store, conversation).instructions):
        return False
    homes = {"conversation_id": conversation.id, "project_id": conversation.project_id}
    return page.messages[-1].id == message.id and not store.documents.of(**homes)
