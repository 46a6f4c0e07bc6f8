"""The data centre: plans, reports, places, configurations, and the scenarios they start from.

Planning keeps a processor busy for up to some seconds. It runs beside the event loop, a few at a time, and
ends when the client leaves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

from galerne.api.connection import while_connected
from galerne.api.services import Services, SitePlanner, SiteWish
from galerne.api.wire.site import ComparisonBody, ConfigurationsBody, PlaceBody, SitePlanBody
from galerne.errors import InvalidRequest
from galerne.language import Language

T = TypeVar("T")

AT_ONCE = 2
"""Plans that are computed at the same time; others wait, and may leave."""
SCENARIO = {
    "requestBody": {
        "required": True,
        "content": {
            "application/toml": {"schema": {"type": "string", "description": "A scenario in TOML."}},
            "application/json": {"schema": {"$ref": "#/components/schemas/Scenario"}},
        },
    }
}
Names = Annotated[list[str] | None, Query()]
Changes = Annotated[
    list[str] | None,
    Query(alias="set", description="A change of the scenario, such as `site.place=lyon`; empty removes."),
]
Samples = Annotated[
    int | None, Query(ge=50, le=4000, description="Samples instead of those of the scenario.")
]
Quick = Annotated[bool, Query(description="Ranges from fewer moments of the year; values stay the same.")]
Reader = Annotated[Language | None, Query(description="Also names and quantities as text, in this language.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What every question to the planner may say besides its scenario."""

    changes: tuple[str, ...]
    n_samples: int | None
    quick: bool
    language: Language | None


def read_asked(
    changes: Changes = None, samples: Samples = None, quick: Quick = False, language: Reader = None
) -> Asked:
    """The query of a question."""
    return Asked(changes=tuple(changes or ()), n_samples=samples, quick=quick, language=language)


Wanted = Annotated[Asked, Depends(read_asked)]


class TomlResponse(PlainTextResponse):
    """A scenario."""

    media_type = "application/toml"


def site_routes(services: Services) -> APIRouter:
    """The routes of the planner; none where it is not wired."""
    router = APIRouter(tags=["site"])
    if services.site is not None:
        _add_computed(router, services.site)
        _add_listed(router, services.site)
    return router


def _add_computed(router: APIRouter, site: SitePlanner) -> None:
    """What takes a scenario in its body."""
    desk = _Desk()

    @router.post(
        "/v1/site/plan",
        summary="Plan a data centre",
        openapi_extra=SCENARIO,
        response_model=None,
        responses={200: {"model": SitePlanBody}},
    )
    async def plan_site(request: Request, asked: Wanted) -> JSONResponse:
        # Written in the thread that planned: a plan is a hundred kilobytes of plain values already.
        return await desk.reckon(request, asked, lambda wish: JSONResponse(site.plan(wish)))

    @router.post(
        "/v1/site/report",
        summary="Write the report of a data centre, one HTML page",
        openapi_extra=SCENARIO,
        response_class=HTMLResponse,
    )
    async def report_site(request: Request, asked: Wanted) -> HTMLResponse:
        return HTMLResponse(await desk.reckon(request, asked, site.report))

    @router.post(
        "/v1/site/scenario",
        summary="Change a scenario and check it",
        openapi_extra=SCENARIO,
        response_class=TomlResponse,
    )
    async def edit_scenario(request: Request, asked: Wanted) -> TomlResponse:
        return TomlResponse(await desk.reckon(request, asked, site.edit))

    @router.post(
        "/v1/site/compare",
        summary="Rank places for a data centre",
        openapi_extra=SCENARIO,
        response_model=None,
        responses={200: {"model": ComparisonBody}},
    )
    async def compare_sites(
        request: Request, asked: Wanted, place: Names = None, objective: Names = None
    ) -> dict[str, Any]:
        places, objectives = tuple(place or ()), tuple(objective or ("cost",))
        return dict(await desk.reckon(request, asked, lambda wish: site.compare(wish, places, objectives)))

    @router.post(
        "/v1/site/configurations",
        summary="Find the best ways to run a model",
        openapi_extra=SCENARIO,
        response_model=None,
        responses={200: {"model": ConfigurationsBody}},
    )
    async def search_configurations(
        request: Request, asked: Wanted, accelerators: Annotated[int, Query(ge=1, le=100_000)] = 32
    ) -> dict[str, Any]:
        return dict(await desk.reckon(request, asked, lambda wish: site.configure(wish, accelerators)))


def _add_listed(router: APIRouter, site: SitePlanner) -> None:
    """What there is to plan with."""

    @router.get(
        "/v1/site/places/{place_id}",
        summary="Show a place: climate, free cooling, grid, prices",
        response_model=None,
        responses={200: {"model": PlaceBody}},
    )
    def show_place(place_id: str) -> dict[str, Any]:
        return dict(site.show(place_id))

    @router.get("/v1/site/choices", summary="List what a scenario may name")
    def list_choices(language: Language = Language.ENGLISH) -> dict[str, Any]:
        return dict(site.choices(language))

    @router.get("/v1/site/cases", summary="List the worked cases: scenarios to start from")
    def list_cases() -> dict[str, Any]:
        return dict(site.cases())

    @router.get("/v1/site/schema", summary="Show the JSON schema of a scenario")
    def show_schema() -> dict[str, Any]:
        return dict(site.schema())


class _Left(Exception):  # ends a thread; nobody sees it
    """The client has left."""


class _Desk:
    """Takes questions, a few at a time, for as long as whoever asked is there."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(AT_ONCE)

    async def reckon(self, request: Request, asked: Asked, work: Callable[[SiteWish], T]) -> T:
        """What the planner makes of the scenario in the body.

        Raises:
            InvalidRequest: the body is not text.
            ClientDisconnect: nobody waits any more; the work has been told to end.
        """
        text = await _read_text(request)
        is_json = request.headers.get("content-type", "").partition(";")[0].strip() == "application/json"
        left = threading.Event()

        def look(_: float) -> None:
            if left.is_set():
                raise _Left

        wish = SiteWish(
            text=text,
            is_json=is_json,
            changes=asked.changes,
            n_samples=asked.n_samples,
            quick=asked.quick,
            language=asked.language,
            on_progress=look,
        )

        async def run() -> T:
            try:
                return await anyio.to_thread.run_sync(
                    work, wish, abandon_on_cancel=True, limiter=self._limiter
                )
            finally:
                left.set()

        return await while_connected(run(), request.receive)


async def _read_text(request: Request) -> str:
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError:
        raise InvalidRequest(path="body", problem="the scenario is not UTF-8 text") from None
