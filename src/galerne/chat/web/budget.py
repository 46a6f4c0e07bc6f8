"""Routes of the budget: what may still be used, and a budget of one's own."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from galerne.chat.bill.budget import PERIODS, UNITS, SoftBudget, view_limit, view_soft
from galerne.chat.web import pages
from galerne.chat.web.guard import read_form
from galerne.chat.web.parts import Web, wants_json
from galerne.errors import GalerneError

COOKIE = "galerne-budget"
_YEAR_S = 31_536_000


async def show_budget(web: Web, request: Request) -> Response:
    """``GET /ui/budget``: the bar, as a fragment."""
    language = pages.language_of(request)
    soft = SoftBudget.read(request.cookies.get(COOKIE, ""))
    view, now_at = None, web.stores.kept.now_at()
    try:
        limits = await web.client.limits()
        held_to = [limit for limit in limits if limit["subject"] in _subjects(web, request)]
        view = view_limit(held_to, language=language)
        if view is None and soft is not None:
            usage = await web.client.usage(group_by="total", since=soft.begins_on(now_at))
            view = await asyncio.to_thread(view_soft, soft, usage, now_at=now_at, language=language)
    except GalerneError:
        return Response(status_code=204)  # the page says elsewhere that the daemon is away
    return pages.budget_fragment(request, view, soft=soft, units=UNITS, periods=PERIODS)


async def set_budget(_: Web, request: Request) -> Response:
    """``POST /ui/budget``: a budget of one's own, kept in this browser; without an amount, none."""
    form = await read_form(request) or {}
    amount = form.get("amount", "").strip().replace(",", ".")
    soft = SoftBudget.read(f"{form.get('unit', '')}:{form.get('period', '')}:{amount}")
    if amount and soft is None:
        return Response(status_code=422)
    response = Response(status_code=204) if wants_json(request) else RedirectResponse("/", status_code=303)
    if soft is None:
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    else:
        response.set_cookie(COOKIE, str(soft), max_age=_YEAR_S, httponly=True, samesite="strict")
    return response


def _subjects(web: Web, request: Request) -> set[str]:
    """Whose limits hold for what this page asks."""
    model, person = request.query_params.get("model", ""), web.visitor.person
    mine = set() if person is None else {f"user:{person.name}", f"key:person:{person.name}"}
    return mine | ({f"model:{model}"} if model else set())
