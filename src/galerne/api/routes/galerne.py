"""What only Galerne answers: the chain, and what fits here."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request

from galerne.api.keys import Caller
from galerne.api.routes.accounts import may_see
from galerne.api.services import Services
from galerne.api.wire.chain import ChainBody, chain_body
from galerne.api.wire.fit import FitList, fit_body
from galerne.api.wire.prices import PriceList, price_list
from galerne.api.wire.pulls import PullList, pull_list
from galerne.api.wire.queue import QueueList, queue_list


def galerne_routes(services: Services) -> APIRouter:
    """The routes of our own; those whose part is not there are left out."""
    router = APIRouter(tags=["galerne"])

    @router.get("/v1/galerne/chain", summary="Show the chain from the grid to the last answer")
    def show_chain(request: Request) -> ChainBody:
        chain = services.gateway.chain()
        if chain.answer is not None and not may_see(chain.answer, request.state.caller, services.keys):
            chain = replace(chain, answer=None)
        return chain_body(chain, services.catalog.sources)

    @router.get("/v1/galerne/queue", summary="Show who waits for the engines")
    def show_queue(request: Request) -> QueueList:
        caller: Caller = request.state.caller
        key = caller.payer.key_id or caller.payer.owner or ""
        return queue_list(services.gateway.queues(), key=key, is_admin=caller.is_admin)

    if (prices := services.prices) is not None:

        @router.get("/v1/galerne/prices", summary="Say what a million tokens costs, and others' list beside")
        def show_prices() -> PriceList:
            return price_list(prices(), services.catalog)

    if (fit := services.fit) is not None:

        @router.get("/v1/galerne/fit", summary="Say which models fit on this machine")
        def show_fit() -> FitList:
            fits = fit()
            machine = fits[0].plan.machine.name if fits else ""
            return FitList(machine=machine, data=[fit_body(row) for row in fits])

    if (pulls := services.pulls) is not None:

        @router.get("/v1/galerne/pulls", summary="Show which model files are arriving")
        def show_pulls(request: Request) -> PullList:
            """A key for some models only is told of no other."""
            limited = request.state.caller.payer.models is not None
            return pull_list(() if limited else pulls())

    return router
