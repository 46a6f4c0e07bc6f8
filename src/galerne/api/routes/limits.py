"""Limits: one's own, as they stand, and everybody's for an administrator to set."""

from __future__ import annotations

from fastapi import APIRouter, Request

from galerne.api.keys import Caller
from galerne.api.services import Services
from galerne.api.wire.limits import LimitList, LimitWish, limit_list, limit_of


def limit_routes(services: Services) -> APIRouter:
    """The routes of limits; those whose part is not there are left out."""
    router = APIRouter(tags=["galerne"])
    limits, quotas = services.limits, services.quotas
    if limits is None:
        return router

    @router.get("/v1/galerne/limits", summary="Show your limits and what was used of them")
    def show_limits(request: Request) -> LimitList:
        caller: Caller = request.state.caller
        owned = [name for name in caller.payer.subjects("") if not name.startswith("model:")]
        return limit_list(limits(None if caller.is_admin else owned))

    if quotas is not None:

        @router.put("/v1/admin/limits", summary="Set, change or remove a limit")
        def set_limit(wish: LimitWish) -> LimitList:
            if wish.limit is None:
                quotas.clear_limit(wish.subject, wish.unit, wish.period)
            else:
                quotas.set_limit(limit_of(wish))
            return limit_list(limits([wish.subject]))

    return router
