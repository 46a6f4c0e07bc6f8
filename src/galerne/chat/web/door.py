"""The door of the pages: a key or nothing where one person lives, an account each where there are several."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from galerne.chat.people.records import Person, device_of
from galerne.chat.people.store import SESSION_S, PeopleStore
from galerne.chat.people.throttle import Throttle
from galerne.chat.web import pages, people_pages
from galerne.chat.web.guard import SESSION_COOKIE, KeyDesk, is_same_origin, read_form
from galerne.chat.web.parts import Visitor, local_path
from galerne.clock import Clock
from galerne.errors import AccountRefused, SignInDelayed

FRESH_S = 1.0
"""For how long it is remembered whether anybody has an account; another program may make the first."""
_AT_ONCE = 2
"""How many passwords are looked at together: each look takes memory."""


@dataclass(kw_only=True, slots=True)
class Door:
    """Knows who comes in.

    Attributes:
        keys: the door of one person's house.
        people: the accounts.
        clock: time.
    """

    keys: KeyDesk
    people: PeopleStore
    clock: Clock
    throttle: Throttle = field(init=False)
    looking: asyncio.Semaphore = field(init=False)
    _asked_s: float | None = field(init=False, default=None)
    _peopled: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.throttle = Throttle(self.clock)
        self.looking = asyncio.Semaphore(_AT_ONCE)

    def has_people(self) -> bool:
        """Whether anybody has an account."""
        now_s = self.clock.monotonic_s()
        if self._asked_s is None or now_s - self._asked_s >= FRESH_S:
            self._peopled = self.people.exist()
            self._asked_s = now_s
        return self._peopled

    def look_again(self) -> None:
        """Forget what is known of accounts: one was made or removed here."""
        self._asked_s = None

    def visitor(self, request: HTTPConnection) -> Visitor | None:
        """Who this is; ``None`` for who may not come in."""
        if not self.has_people():
            return Visitor() if self.keys.admits(request) else None
        token = request.cookies.get(SESSION_COOKIE)
        found = self.people.session(token) if token else None
        if found is not None:
            person, session = found
            return Visitor(person=person, session_id=session.id, team=True)
        return Visitor(team=True) if self.keys.shows_key(request) else None


OpenEndpoint: TypeAlias = Callable[[Door, Request], Awaitable[Response]]


def forged(request: Request) -> Response | None:
    """What is said to a change that no page of ours asks."""
    if request.method == "POST" and not is_same_origin(request):
        return pages.problem_page(request, "not_allowed", status=403)
    return None


async def come_in(door: Door, request: Request, *, administrator: bool = False) -> Visitor | Response:
    """Who asks, or what is said to them instead of an answer."""
    if refusal := forged(request):
        return refusal
    visitor = await asyncio.to_thread(door.visitor, request)
    request.state.visitor = visitor
    if visitor is None:
        return await ask_in(door, request)
    if administrator and not visitor.is_administrator:
        return pages.problem_page(request, "administrators_only", status=403)
    return visitor


async def ask_in(door: Door, request: Request) -> Response:
    """What is shown to who may not come in: the question for a name, or for the key."""
    if await asyncio.to_thread(door.has_people):
        is_page = request.method == "GET" and not request.url.path.startswith("/ui/")
        return people_pages.sign_in_page(request, back=request.url.path if is_page else "/")
    return pages.key_page(request, wrong=False)


async def open_session(door: Door, request: Request) -> Response:
    """``POST /ui/session``: let a browser in that shows the key, or a name and its password."""
    form = await read_form(request) or {}
    if not await asyncio.to_thread(door.has_people):
        session = door.keys.open_session(form.get("key", ""))
        return pages.key_page(request, wrong=True) if session is None else _signed_in(request, session)
    name, back = form.get("name", ""), local_path(form.get("back", ""))
    try:
        door.throttle.begin(name)
    except SignInDelayed as error:
        return people_pages.sign_in_page(request, back=back, name=name, retry_after_s=error.retry_after_s)
    async with door.looking:
        person = await asyncio.to_thread(door.people.known_by, name, form.get("password", ""))
    if person is None:
        return people_pages.sign_in_page(request, back=back, name=name, wrong=True)
    door.throttle.succeeded(name)
    return await _welcome(door, request, person, back=back)


async def show_invitation(door: Door, request: Request) -> Response:
    """``GET /invitation/{token}``: choose a password."""
    token = request.path_params["token"]
    person = await asyncio.to_thread(door.people.invited, token)
    return people_pages.invitation_page(request, person, token=token)


async def accept_invitation(door: Door, request: Request) -> Response:
    """``POST /invitation/{token}``: the password is chosen; the invitation opens no more."""
    token = request.path_params["token"]
    form = await read_form(request) or {}
    person = await asyncio.to_thread(door.people.invited, token)
    if form.get("password", "") != form.get("again", ""):
        return people_pages.invitation_page(request, person, token=token, reason="password_differs")
    try:
        async with door.looking:
            accepted = await asyncio.to_thread(door.people.accept, token, form.get("password", ""))
    except AccountRefused as error:
        return people_pages.invitation_page(request, person, token=token, reason=error.reason)
    if accepted is None:
        return people_pages.invitation_page(request, None, token=token)
    return await _welcome(door, request, accepted, back="/")


async def _welcome(door: Door, request: Request, person: Person, *, back: str) -> Response:
    device = device_of(request.headers.get("user-agent", ""))
    token = await asyncio.to_thread(door.people.open_session, person.id, device=device)
    return _signed_in(request, token, back=back, lasts_s=SESSION_S)


def _signed_in(request: Request, token: str, *, back: str = "/", lasts_s: float | None = None) -> Response:
    response = RedirectResponse(back, status_code=303)
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=None if lasts_s is None else int(lasts_s),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response
