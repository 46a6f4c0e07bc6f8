"""The application: every route behind one door."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp

from galerne.api.failures import failure_response
from galerne.api.guard import Guard
from galerne.api.keys import Doorkeeper
from galerne.api.routes.accounts import account_routes
from galerne.api.routes.chat import chat_routes
from galerne.api.routes.engines import engine_routes
from galerne.api.routes.galerne import galerne_routes
from galerne.api.routes.limits import limit_routes
from galerne.api.routes.metrics import metrics_routes
from galerne.api.routes.models import health_routes, model_routes
from galerne.api.routes.responses import response_routes
from galerne.api.routes.site import site_routes
from galerne.api.routes.texts import text_routes, token_routes
from galerne.api.services import Services
from galerne.api.wire.embeddings import EmbeddingsRequest
from galerne.api.wire.problem import ProblemBody
from galerne.api.wire.request import ChatRequest
from galerne.api.wire.responses import ResponsesRequest
from galerne.api.wire.texts import CompletionRequest, FimRequest
from galerne.api.wire.tokens import TokensRequest
from galerne.errors import GalerneError, UnknownRoute

_PROBLEM = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ProblemBody.__name__}"}}}
# Not as a ``model``: a route that answers with a page would be described as failing with one.
FAILED: dict[int | str, dict[str, Any]] = {
    "4XX": {"content": _PROBLEM, "description": "The request is at fault."},
    "5XX": {"content": _PROBLEM, "description": "The server is at fault; see `retry-after`."},
}


def create_app(services: Services) -> FastAPI:
    """Make the application.

    Pages may be mounted on it afterwards; a mounted application checks keys itself, by asking the
    ``state.doorkeeper``, and is behind the same checks of host and origin.
    """
    doorkeeper = Doorkeeper(
        clock=services.clock,
        admin_key_hash=services.api_key_hash,
        own_key_hash=services.own_key_hash,
        book=services.keys,
        always_needs_key=services.key_required,
        has_people=services.has_people,
    )
    routers = [routes(services) for routes in ROUTES]
    shortcut = _shortcut(CHAT_PATH, routers)
    app = _Application(
        lambda inside: Guard(
            inside, services=services, doorkeeper=doorkeeper, router=app.router, shortcut=shortcut
        ),
        services=services,
        title="Galerne",
        version=services.version,
        summary="Runs open-weight models on this machine and accounts for every answer.",
        docs_url=None,
        redoc_url=None,
        responses=FAILED,
    )
    for router in routers:
        app.include_router(router)

    @app.api_route("/v1", methods=METHODS, include_in_schema=False)
    @app.api_route("/api/{path:path}", methods=METHODS, include_in_schema=False)  # of Ollama's clients
    @app.api_route("/v1/{path:path}", methods=METHODS, include_in_schema=False)
    async def unknown(request: Request) -> Response:  # else pages mounted at the root would answer
        known = [route for router in routers for route in router.routes if isinstance(route, Route)]
        partly = [route for route in known if route.matches(request.scope)[0] is Match.PARTIAL]
        allowed = sorted({method for route in partly for method in route.methods or ()})
        raise UnknownRoute(method=request.method, path=request.url.path, allowed=tuple(allowed))

    async def fail(request: Request, error: Exception) -> Response:
        return failure_response(error, scope=request.scope, language=services.language)

    for kind in (GalerneError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, fail)
    app.state.doorkeeper = doorkeeper
    return app


CHAT_PATH = "/v1/chat/completions"
ROUTES = (
    chat_routes,
    response_routes,
    text_routes,
    token_routes,
    model_routes,
    account_routes,
    galerne_routes,
    limit_routes,
    engine_routes,
    site_routes,
    metrics_routes,
    health_routes,
)


class _Application(FastAPI):
    """The framework's application inside our guard, which nothing of the framework's stands before.

    Args:
        guard: makes the outermost layer.
        services: behind the routes, for the description of what they take.
        settings: of the framework.
    """

    def __init__(self, guard: Callable[[ASGIApp], ASGIApp], *, services: Services, **settings: Any) -> None:
        super().__init__(**settings)
        self._guard = guard
        self._services = services

    def openapi(self) -> dict[str, Any]:
        return describe(self, self._services)

    def build_middleware_stack(self) -> ASGIApp:
        return self._guard(super().build_middleware_stack())


def _shortcut(path: str, routers: Iterable[APIRouter]) -> Route:
    """The busiest route, without the framework's layers and its search for parameters: it has none."""
    known = (route for router in routers for route in router.routes if isinstance(route, Route))
    documented = next(route for route in known if route.path == path)
    return Route(path, documented.endpoint, methods=["POST"], include_in_schema=False)


PARSED_BY_US = (
    ProblemBody,
    ChatRequest,
    ResponsesRequest,
    CompletionRequest,
    FimRequest,
    EmbeddingsRequest,
    TokensRequest,
)
"""Bodies that the framework does not see, and the one of every failure."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


def describe(app: FastAPI, services: Services) -> dict[str, Any]:
    """The OpenAPI document, with what the framework cannot see: our own parsing, and the key."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        components = document["components"]
        for kind in PARSED_BY_US:
            schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
            components["schemas"] |= {**schema.pop("$defs", {}), kind.__name__: schema}
        if services.site is not None:
            components["schemas"]["Scenario"] = dict(services.site.schema())
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        }
        document["security"] = [{}, {"bearer": []}, {"header": []}]
        app.openapi_schema = document
    return app.openapi_schema
