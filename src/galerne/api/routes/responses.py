"""``POST /v1/responses``: the stateless part of the Responses API."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from galerne.api.answering import served_name
from galerne.api.images_elsewhere import with_images_here
from galerne.api.routes.replies import answered, asked, reply
from galerne.api.services import Services
from galerne.api.wire.response import (
    InputTokens,
    ResponseBody,
    ResponseDraft,
    ResponseWriter,
    whole_response,
)
from galerne.api.wire.responses import HARMLESS, ResponsesRequest
from galerne.api.wire.shared import parse_body


def response_routes(services: Services) -> APIRouter:
    """The routes of responses."""
    router = APIRouter(tags=["responses"])

    @router.post(
        "/v1/responses",
        summary="Answer items with items",
        responses=answered(ResponseBody, streams=True),
        openapi_extra=asked(ResponsesRequest),
    )
    async def respond(request: Request) -> Response:
        content = await with_images_here(await request.body(), services.fetch_image)
        body = parse_body(ResponsesRequest, content, harmless=HARMLESS)
        draft = ResponseDraft(
            body,
            response_id=f"resp_{request.state.request_id}",
            model=served_name(services, body.model),
            created_at=services.clock.now_at(),
        )
        question = body.question(draft.response_id)
        return await reply(
            request,
            services,
            [question],
            writer=ResponseWriter(draft) if body.stream else None,
            whole=lambda answers: whole_response(draft, answers[0]),
        )

    @router.post(
        "/v1/responses/input_tokens",
        summary="Count what a response would read",
        responses={200: {"model": InputTokens}},
        openapi_extra=asked(ResponsesRequest),
    )
    async def count(request: Request) -> Response:
        content = await with_images_here(await request.body(), services.fetch_image)
        body = parse_body(ResponsesRequest, content, harmless=HARMLESS)
        n_tokens = await services.gateway.count_tokens(body.question(request.state.request_id))
        return JSONResponse(InputTokens(input_tokens=n_tokens).model_dump())

    return router
