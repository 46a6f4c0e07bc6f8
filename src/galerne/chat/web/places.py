"""The page that compares places for a plan: ranked by some wishes, why, and where the ranking turns."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from galerne.chat.planner import view_places
from galerne.chat.web import pages
from galerne.chat.web.parts import Web
from galerne.chat.web.planner import N_SAMPLES, PACKAGE, Draft, draft_of, problem_of
from galerne.chat.web.turn_view import advice_for
from galerne.errors import GalerneError
from galerne.language import phrases

WISHES = ("cost", "carbon", "water", "energy")
_FIRST_PLACES = ("stockholm", "frankfurt", "london", "ashburn")
"""Beside the plan's own place, until the reader chooses."""
_ALL = "all"


async def show_places(web: Web, request: Request) -> Response:
    """``GET /plan/places``: the places, compared for the plan of the address."""
    language = pages.language_of(request)
    asked = request.query_params.multi_items()
    try:
        choices = await web.client.site_choices(language=language.value)
        cases = await web.client.site_cases()
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=503, advice=error.code)
    draft = draft_of(asked, cases, choices)
    known = [place["id"] for place in choices["places"]]
    wished = [value for name, value in asked if name == "by" and value in WISHES] or ["cost", "carbon"]
    chosen = [value for name, value in asked if name == "at" and value in (*known, _ALL)]
    own = draft.fields["site.place"]
    places = known if _ALL in chosen else chosen or [own, *(p for p in _FIRST_PLACES if p != own)]
    facts: dict[str, Any] = {"view": None, "problem": "", "advice": ""}
    try:
        facts["view"] = view_places(await _compare(web, draft, places, wished, language.value))
    except GalerneError as error:
        facts["problem"] = problem_of(error, language)
        facts["advice"] = advice_for(error.code, language)
    return pages.house_page(
        request,
        "places.html",
        draft=draft,
        carried=dict(parse_qsl(draft.query)),
        say_plan=phrases(PACKAGE, language),
        choices=choices,
        wishes=WISHES,
        wished=list(dict.fromkeys(wished)),
        chosen=set(places),
        here=f"/plan/places?{request.url.query}",
        **facts,
    )


async def _compare(
    web: Web, draft: Draft, places: list[str], wished: list[str], language: str
) -> dict[str, Any]:
    answer = await web.client.site(
        "compare",
        draft.scenario,
        set=draft.changes,
        samples=N_SAMPLES,
        place=places,
        objective=list(dict.fromkeys(wished)),
        language=language,
    )
    compared: dict[str, Any] = answer.json()
    return compared
