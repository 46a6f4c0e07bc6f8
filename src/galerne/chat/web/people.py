"""Routes of people: one's own account, and the page on which administrators see to everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from galerne.chat.people.records import Person, Role
from galerne.chat.web import pages, people_pages
from galerne.chat.web.guard import SESSION_COOKIE, read_form
from galerne.chat.web.parts import House, Web
from galerne.errors import AccountRefused, GalerneError
from galerne.language import Language

_LARGEST_BUDGET = 1e9


async def show_account(house: House, web: Web, request: Request) -> Response:
    """``GET /account``: one's own budget, use, sessions and password."""
    return await _account(house, web, request)


async def change_password(house: House, web: Web, request: Request) -> Response:
    """``POST /ui/account/password``."""
    form = await read_form(request) or {}
    person, new = web.visitor.person, form.get("new", "")
    if person is None:
        return RedirectResponse("/people", status_code=303)
    if new != form.get("again", ""):
        return await _account(house, web, request, reason="password_differs")
    try:
        async with house.looking:
            await asyncio.to_thread(
                house.store.people.change_password,
                person.id,
                old=form.get("old", ""),
                new=new,
                but_session=web.visitor.session_id,
            )
    except AccountRefused as error:
        return await _account(house, web, request, reason=error.reason)
    return await _account(house, web, request, done=True)


async def end_session(house: House, web: Web, request: Request) -> Response:
    """``POST /ui/account/sessions/{session_id}/end``: one of one's own."""
    await read_form(request)
    person = web.visitor.person
    ended = person is not None and await asyncio.to_thread(
        house.store.people.end_session, person.id, request.path_params["session_id"]
    )
    if not ended:
        return pages.problem_page(request, "not_found", status=404)
    return RedirectResponse("/account", status_code=303)


async def sign_out(house: House, web: Web, request: Request) -> Response:
    """``POST /ui/sign-out``: of this browser, or of every one."""
    form = await read_form(request) or {}
    visitor = web.visitor
    if visitor.person is not None:
        if form.get("everywhere"):
            await asyncio.to_thread(house.store.people.end_sessions, visitor.person.id)
        elif visitor.session_id is not None:
            await asyncio.to_thread(house.store.people.end_session, visitor.person.id, visitor.session_id)
    response = RedirectResponse("/", status_code=303)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    response.headers["Clear-Site-Data"] = '"storage"'  # drafts that a page keeps in the browser
    return response


async def show_people(house: House, _: Web, request: Request) -> Response:
    """``GET /people``: everybody, what they used this month and may."""
    return await _people(house, request)


async def invite(house: House, web: Web, request: Request) -> Response:
    """``POST /ui/people``: a new account, and the link to choose its password, shown this once."""
    form = await read_form(request) or {}
    first = not web.visitor.team
    role = Role.ADMINISTRATOR if first or form.get("administrator") else Role.MEMBER
    add = house.store.people.add
    try:
        person, token = await asyncio.to_thread(
            add, form.get("name", ""), role=role, shown_name=form.get("shown_name", "")
        )
    except AccountRefused as error:
        return await _people(house, request, reason=error.reason)
    house.look_again()
    if first:  # whoever sits here chooses the password at once
        return RedirectResponse(f"/invitation/{token}", status_code=303)
    return await _people(house, request, invited=(person, _link(request, token)))


async def change_person(house: House, _: Web, request: Request) -> Response:
    """``POST /ui/people/{person_id}/{what}``: role, whether they may come in, invitation, budget, erasure."""
    form = await read_form(request) or {}
    people, what = house.store.people, request.path_params["what"]
    person = await asyncio.to_thread(people.person, request.path_params["person_id"])
    if what == "reset":
        token = await asyncio.to_thread(people.invite_again, person.id)
        return await _people(house, request, invited=(person, _link(request, token)))
    if what == "budget":
        return await _set_budget(house, request, person, form)
    deeds: dict[str, Callable[[], None]] = {
        "administrator": lambda: people.set_role(person.id, Role.ADMINISTRATOR),
        "member": lambda: people.set_role(person.id, Role.MEMBER),
        "disable": lambda: people.set_disabled(person.id, disabled=True),
        "enable": lambda: people.set_disabled(person.id, disabled=False),
        "remove": lambda: people.remove(person.id),
    }
    if what not in deeds:
        return pages.problem_page(request, "not_found", status=404)
    try:
        await asyncio.to_thread(deeds[what])
    except AccountRefused as error:
        return await _people(house, request, reason=error.reason)
    if what in {"disable", "remove"}:
        await house.leave(person.id)
    if what == "remove":
        await asyncio.to_thread(house.store.erase_all, person.id)
        house.look_again()
    return RedirectResponse("/people", status_code=303)


async def adopt(house: House, web: Web, request: Request) -> Response:
    """``POST /ui/people/adopt``: what belongs to no account becomes the administrator's who asks."""
    await read_form(request)
    if web.visitor.person is not None:
        await asyncio.to_thread(house.store.hand_over, None, to=web.visitor.person.id)
    return RedirectResponse("/account", status_code=303)


async def _set_budget(house: House, request: Request, person: Person, form: dict[str, str]) -> Response:
    try:
        amounts = {unit: _amount(form.get(unit, "")) for unit in people_pages.BUDGET_UNITS}
    except ValueError:
        return await _people(house, request, reason="budget")
    for unit, amount in amounts.items():
        await house.client.set_limit(
            f"user:{person.name}", unit=unit, period=people_pages.BUDGET_PERIOD, limit=amount
        )
    return RedirectResponse("/people", status_code=303)


async def _account(
    house: House, web: Web, request: Request, *, reason: str = "", done: bool = False
) -> Response:
    person = web.visitor.person
    if person is None:
        return RedirectResponse("/people", status_code=303)
    try:
        limits, usage = await asyncio.gather(
            web.client.limits(), web.client.usage(group_by="total", since=_month())
        )
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=503, advice=error.code)
    sessions = await asyncio.to_thread(house.store.people.sessions_of, person.id)
    language = pages.language_of(request)
    unowned = await asyncio.to_thread(house.store.n_conversations, None) if person.is_administrator else 0
    return people_pages.account_page(
        request,
        person,
        limits=limits,
        usage=usage,
        sessions=[
            (entry, _day(entry.seen_at, language), entry.id == web.visitor.session_id) for entry in sessions
        ],
        n_unowned=unowned,
        reason=reason,
        done=done,
    )


async def _people(
    house: House, request: Request, *, invited: tuple[Person, str] | None = None, reason: str = ""
) -> Response:
    try:
        usage, limits = await asyncio.gather(
            house.client.usage_by_owner(since=_month()), house.client.limits()
        )
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=503, advice=error.code)
    everybody = await asyncio.to_thread(house.store.people.all)
    return people_pages.people_page(
        request, everybody, usage=usage, limits=limits, invited=invited, reason=reason
    )


def _amount(text: str) -> float | None:
    """A budget as it was typed; None for none.

    Raises:
        ValueError: it is no amount.
    """
    if not text.strip():
        return None
    amount = float(text.strip().replace(",", "."))
    if not 0.0 <= amount <= _LARGEST_BUDGET:
        raise ValueError("a budget is from 0 up")
    return amount


def _link(request: Request, token: str) -> str:
    return f"{str(request.base_url).rstrip('/')}/invitation/{token}"


def _month() -> str:
    return datetime.now(tz=UTC).date().replace(day=1).isoformat()


def _day(at: float, language: Language) -> Any:
    date = datetime.fromtimestamp(at, tz=UTC)
    return f"{date:%d/%m/%Y %H:%M} UTC" if language is Language.FRENCH else f"{date:%Y-%m-%d %H:%M} UTC"
