"""The models of this server, and whether it is up."""

from __future__ import annotations

import difflib

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from galerne.api.problems import RETRY_AFTER_S
from galerne.api.services import Services
from galerne.api.wire.models import ModelCard, ModelList, model_card
from galerne.errors import UnknownModel
from galerne.fleet import ServedModel


class Health(BaseModel):
    """Whether answers can be had."""

    status: str
    version: str
    engine: str
    n_loaded: int = 0
    n_loading: int = 0
    n_installed: int = 0


def model_routes(services: Services) -> APIRouter:
    """The routes about models."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", summary="List the models")
    async def list_models(request: Request) -> ModelList:
        await services.gateway.refresh()
        return ModelList(data=[model_card(model) for model in usable_models(services, request)])

    @router.get("/v1/models/{model_id}", summary="Show a model")
    async def show_model(model_id: str, request: Request) -> ModelCard:
        cards = usable_models(services, request)
        for model in cards:
            if model_id == model.model_id or model_id in model.aliases:
                return model_card(model)
        near = difflib.get_close_matches(model_id, [m.model_id for m in cards], n=1, cutoff=0.4)
        raise UnknownModel(model=model_id, nearest=near[0] if near else None)

    return router


def usable_models(services: Services, request: Request) -> list[ServedModel]:
    """The models that the caller's key may use."""
    only = request.state.caller.payer.models
    return [model for model in services.gateway.models() if only is None or model.model_id in only]


def health_routes(services: Services) -> APIRouter:
    """The one route that needs no key."""
    router = APIRouter(tags=["health"])

    @router.head("/health", include_in_schema=False)
    @router.get(
        "/health",
        summary="Say whether answers can be had",
        responses={200: {"model": Health}, 503: {"model": Health}},
    )
    async def health() -> Response:
        gateway = services.gateway.status()
        states = sorted({"ready"} if gateway.ready else set(gateway.states.values()))
        waiting = "loading" if gateway.n_loading else "unavailable"
        body = Health(
            status="ok" if gateway.ready else waiting,
            n_loaded=gateway.n_loaded,
            n_loading=gateway.n_loading,
            n_installed=gateway.n_installed,
            version=services.version,
            engine=", ".join(states) or "none",
        )
        headers = {} if gateway.ready else {"retry-after": f"{RETRY_AFTER_S:.0f}"}
        return JSONResponse(body.model_dump(), status_code=200 if gateway.ready else 503, headers=headers)

    return router
