"""The data centre: a plan, a comparison of places, configurations, and the schema of what is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from galerne.api.services import Services
from galerne.errors import InvalidRequest

SCENARIO = {
    "requestBody": {
        "required": True,
        "content": {"application/toml": {"schema": {"type": "string", "description": "A scenario in TOML."}}},
    }
}
Names = Annotated[list[str] | None, Query()]


def site_routes(services: Services) -> APIRouter:
    """The routes of the planner; none where it is not wired."""
    router = APIRouter(tags=["site"])
    site = services.site
    if site is None:
        return router

    @router.post("/v1/site/plan", summary="Plan a data centre", openapi_extra=SCENARIO)
    async def plan_site(request: Request) -> dict[str, Any]:
        return await _answer(request, site.plan)

    @router.post("/v1/site/compare", summary="Rank places for a data centre", openapi_extra=SCENARIO)
    async def compare_sites(request: Request, place: Names = None, objective: Names = None) -> dict[str, Any]:
        return await _answer(
            request, lambda text: site.compare(text, tuple(place or ()), tuple(objective or ("cost",)))
        )

    @router.post(
        "/v1/site/configurations", summary="Find the best ways to run a model", openapi_extra=SCENARIO
    )
    async def search_configurations(
        request: Request, accelerators: Annotated[int, Query(ge=1, le=100_000)] = 32
    ) -> dict[str, Any]:
        return await _answer(request, lambda text: site.configure(text, accelerators))

    @router.get("/v1/site/schema", summary="Show the JSON schema of a scenario")
    def show_schema() -> dict[str, Any]:
        return dict(site.schema())

    return router


async def _answer(request: Request, reckon: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """What a planner makes of the scenario in the body; it may take a second, so not on the event loop."""
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError:
        raise InvalidRequest(path="body", problem="the scenario is not UTF-8 text") from None
    return dict(await run_in_threadpool(reckon, text))
