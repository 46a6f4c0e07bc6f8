"""What only Galerne answers: the chain, what fits here, a site plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from galerne.api.routes.accounts import may_see
from galerne.api.services import Services
from galerne.api.wire.chain import ChainBody, chain_body
from galerne.api.wire.fit import FitList, fit_body
from galerne.errors import InvalidRequest

SCENARIO = {
    "requestBody": {
        "required": True,
        "content": {"application/toml": {"schema": {"type": "string", "description": "A scenario in TOML."}}},
    }
}


def galerne_routes(services: Services) -> APIRouter:
    """The routes of our own; those whose part is not there are left out."""
    router = APIRouter(tags=["galerne"])

    @router.get("/v1/galerne/chain", summary="Show the chain from the grid to the last answer")
    def show_chain(request: Request) -> ChainBody:
        chain = services.gateway.chain()
        if chain.answer is not None and not may_see(chain.answer, request.state.caller, services.keys):
            chain = replace(chain, answer=None)
        return chain_body(chain, services.catalog.sources)

    if (fit := services.fit) is not None:

        @router.get("/v1/galerne/fit", summary="Say which models fit on this machine")
        def show_fit() -> FitList:
            fits = fit()
            machine = fits[0].plan.machine.name if fits else ""
            return FitList(machine=machine, data=[fit_body(row) for row in fits])

    if (plan_site := services.plan_site) is not None:

        @router.post("/v1/site/plan", summary="Plan a data centre", openapi_extra=SCENARIO)
        async def show_plan(request: Request) -> dict[str, Any]:
            try:
                scenario = (await request.body()).decode()
            except UnicodeDecodeError:
                raise InvalidRequest(path="body", problem="the scenario is not UTF-8 text") from None
            return dict(await run_in_threadpool(plan_site, scenario))

    return router
