"""The planner page: a form whose address is the plan, and a result that follows each lever."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from galerne.chat.planner import CHOICES, GROUPS, LEVERS, SIZES, changes_of, fields_of, query_of, view_plan
from galerne.chat.planner.refusals import word_refusal
from galerne.chat.planner.view import DAY_HEIGHT, DAY_WIDTH
from galerne.chat.web import pages
from galerne.chat.web.parts import Web
from galerne.chat.web.turn_view import advice_for
from galerne.errors import AnswerRefused, GalerneError
from galerne.language import Language, phrases

_FIRST_CASE = "essonne"
N_SAMPLES = 100
PACKAGE = "galerne.chat.planner"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A worked case and what is to be changed of it.

    Attributes:
        scenario: text of the case.
        changes: as the API takes them.
        fields: what every field of the page shows.
        query: the address of the plan: its case and what differs.
    """

    case: str
    scenario: str
    changes: tuple[str, ...]
    fields: Mapping[str, str]
    query: str


async def show_planner(web: Web, request: Request) -> Response:
    """``GET /plan``: the levers and the plan they make."""
    language = pages.language_of(request)
    try:
        choices, cases = await _listed(web, language)
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=503, advice=error.code)
    draft = draft_of(request.query_params.multi_items(), cases, choices)
    result = await _result(web, request, draft, cases, choices)
    return pages.planner_page(
        request,
        draft=draft,
        say_plan=phrases(PACKAGE, language),
        cases=cases,
        choices=choices,
        layout=(GROUPS, CHOICES, LEVERS, SIZES),
        here=f"/plan?{request.url.query}",
        **result,
    )


async def show_result(web: Web, request: Request) -> Response:
    """``GET /ui/plan``: the plan alone, for the page that moves a lever."""
    started = time.perf_counter()
    try:
        choices, cases = await _listed(web, pages.language_of(request))
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=503, advice=error.code)
    draft = draft_of(request.query_params.multi_items(), cases, choices)
    result = await _result(web, request, draft, cases, choices)
    response = pages.plan_fragment(request, say_plan=phrases(PACKAGE, pages.language_of(request)), **result)
    response.headers["server-timing"] = f"plan;dur={1e3 * (time.perf_counter() - started):.0f}"
    return response


async def save(web: Web, request: Request) -> Response:
    """``GET /ui/plan/{what}``: the scenario as TOML, the plan as JSON, or the full report."""
    what = request.path_params["what"]
    if what not in ("scenario", "plan", "report"):
        return pages.problem_page(request, "not_found", status=404)
    language = pages.language_of(request).value
    try:
        choices = await web.client.site_choices(language=language)
        draft = draft_of(request.query_params.multi_items(), await web.client.site_cases(), choices)
        reader = None if what == "scenario" else language
        answer = await web.client.site(what, draft.scenario, set=draft.changes, language=reader)
    except GalerneError as error:
        return pages.problem_page(request, "offline_title", status=_status(error), advice=error.code)
    if what == "report":
        return HTMLResponse(answer.text, headers={"content-security-policy": _report_policy(answer.text)})
    name, kind = {"scenario": ("toml", "application/toml"), "plan": ("json", "application/json")}[what]
    headers = {"content-disposition": f'attachment; filename="{draft.case}.{name}"'}
    return Response(answer.content, media_type=kind, headers=headers)


def draft_of(asked: list[tuple[str, str]], cases: list[dict[str, Any]], choices: Mapping[str, Any]) -> Draft:
    """The plan that an address asks for."""
    query = query_of(asked)
    texts = {case["id"]: case["scenario"] for case in cases}
    case = query.get("case", _FIRST_CASE)
    case = case if case in texts else next(iter(texts))
    zones = {place["id"]: place["zone"] for place in choices["places"]}
    scenario = tomllib.loads(texts[case])
    before = fields_of(scenario, zone_of_place=zones.get(scenario["site"]["place"], ""))
    fields = {**before, **{name: text for name, text in query.items() if name in before}}
    differing = {name: text for name, text in fields.items() if text != before[name]}
    return Draft(
        case=case,
        scenario=texts[case],
        changes=changes_of(scenario, fields, zones=zones),
        fields=fields,
        query=urlencode({"case": case, **differing}),
    )


async def _result(
    web: Web, request: Request, draft: Draft, cases: list[dict[str, Any]], choices: Mapping[str, Any]
) -> dict[str, Any]:
    """What the template of the result needs: a view, or why there is none."""
    language = pages.language_of(request)
    beside_query = request.query_params.get("beside", "")
    beside = draft_of(parse_qsl(beside_query[:4000]), cases, choices) if beside_query else None
    started = time.perf_counter()
    try:
        plan, other = await asyncio.gather(
            _plan(web, draft, language), _plan(web, beside, language) if beside else _nothing()
        )
    except GalerneError as error:
        return {
            "view": None,
            "query": draft.query,
            "beside_query": beside_query,
            "problem": problem_of(error, language),
            "advice": advice_for(error.code, language),
        }
    return {
        "view": view_plan(plan, other),
        "beside_name": other["scenario"]["name"] if other else "",
        "query": draft.query,
        "beside_query": beside.query if beside else "",
        "took_s": time.perf_counter() - started,
        "day_size": (DAY_WIDTH, DAY_HEIGHT),
        "problem": "",
        "advice": "",
    }


def problem_of(error: GalerneError, language: Language) -> str:
    """What the API refuses, in the reader's words where they are known."""
    if not isinstance(error, AnswerRefused):
        return ""
    return word_refusal(error.hint, phrases(PACKAGE, language), language) or error.hint


async def _plan(web: Web, draft: Draft, language: Language) -> dict[str, Any]:
    answer = await web.client.site(
        "plan", draft.scenario, set=draft.changes, samples=N_SAMPLES, quick=True, language=language.value
    )
    plan: dict[str, Any] = answer.json()
    return plan


async def _listed(web: Web, language: Language) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a plan may name, and the cases that it may start from."""
    choices, cases = await asyncio.gather(
        web.client.site_choices(language=language.value), web.client.site_cases()
    )
    return choices, cases


async def _nothing() -> None:
    return None


def _status(error: GalerneError) -> int:
    return error.status if isinstance(error, AnswerRefused) else 503


def _report_policy(html: str) -> str:
    """A policy that lets the report's own style through, and nothing else."""
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" for style in styles
    )
    return f"default-src 'none'; style-src {hashes}; base-uri 'none'; frame-ancestors 'none'; sandbox"
