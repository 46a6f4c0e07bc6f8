"""``GET /metrics``: what Prometheus reads. For administrators, as everybody's use is in it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from galerne.api.metrics import CONTENT_TYPE
from galerne.api.services import Services


def metrics_routes(services: Services) -> APIRouter:
    """The route of the metrics; none where nothing is counted."""
    router = APIRouter(tags=["metrics"])
    if (metrics := services.metrics) is not None:

        @router.get(
            "/metrics",
            summary="Show counters in Prometheus' format",
            response_class=Response,
            responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        )
        def show_metrics() -> Response:
            return Response(metrics.text(), media_type=CONTENT_TYPE)

    return router
