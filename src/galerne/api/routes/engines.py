"""Which models are loaded; load one, pin it, unload it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from galerne.api.services import Services
from galerne.api.wire.engines import EngineBody, EngineList, EngineOrder, engine_body
from galerne.errors import UnknownModel
from galerne.fleet import LoadTerms, Presence


def engine_routes(services: Services) -> APIRouter:
    """Looking needs a key that reads; loading and unloading an administrator's."""
    router = APIRouter(tags=["engines"])
    gateway = services.gateway

    @router.get("/v1/galerne/engines", summary="Show what is loaded")
    async def list_engines(request: Request) -> EngineList:
        await gateway.refresh()
        only = request.state.caller.payer.models
        return EngineList(
            data=[engine_body(view) for view in gateway.residents() if only is None or view.model_id in only]
        )

    @router.put("/v1/admin/engines/{model_id:path}", summary="Load a model now; pin it")
    async def load(model_id: str, order: EngineOrder) -> EngineBody:
        terms = LoadTerms(patience_s=order.wait_s, anyway=order.load_anyway)
        await gateway.load(model_id, terms=terms, pinned=order.pinned)
        return _row(model_id)

    @router.delete("/v1/admin/engines/{model_id:path}", summary="Unload a model")
    async def unload(model_id: str, now: bool = False) -> EngineBody:
        """It leaves once its answers have ended, or at once; the next request loads it again."""
        await gateway.unload(model_id, now=now)
        return _row(model_id)

    def _row(name: str) -> EngineBody:
        served = next((m for m in gateway.models() if name == m.model_id or name in m.aliases), None)
        rows = [view for view in gateway.residents() if served and view.model_id == served.model_id]
        if not rows:
            raise UnknownModel(model=name)
        return engine_body(next((row for row in rows if row.presence is not Presence.INSTALLED), rows[0]))

    return router
