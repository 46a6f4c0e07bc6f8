"""``POST /v1/responses``: the stateless part of the Responses API."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from galerne.api.answer_stream import AnswerStream
from galerne.api.answering import Asker, load_terms, served_name
from galerne.api.connection import CLIENT_LEFT, while_connected
from galerne.api.routes.texts import answered, asked
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
        body = parse_body(ResponsesRequest, await request.body(), harmless=HARMLESS)
        draft = ResponseDraft(
            body,
            response_id=f"resp_{request.state.request_id}",
            model=served_name(services, body.model),
            created_at=services.clock.now_at(),
        )
        question = body.question(draft.response_id)
        asker = Asker(services, request.state.caller.payer, load_terms(request.headers))
        if body.stream:
            return AnswerStream(
                asker.answers([question]),
                writer=ResponseWriter(draft),
                headers=partial(asker.headers, question.request_id),
                language=services.language,
                heartbeat_s=services.heartbeat_s,
            )
        try:
            (answer,) = await while_connected(asker.whole_answers([question]), request.receive)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        return JSONResponse(whole_response(draft, answer), headers=dict(answer.headers))

    @router.post(
        "/v1/responses/input_tokens",
        summary="Count what a response would read",
        responses={200: {"model": InputTokens}},
        openapi_extra=asked(ResponsesRequest),
    )
    async def count(request: Request) -> Response:
        body = parse_body(ResponsesRequest, await request.body(), harmless=HARMLESS)
        n_tokens = await services.gateway.count_tokens(body.question(request.state.request_id))
        return JSONResponse(InputTokens(input_tokens=n_tokens).model_dump())

    return router
