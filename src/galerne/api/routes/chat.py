"""``POST /v1/chat/completions``: one answer, streamed or whole, in the words of both dialects."""

from __future__ import annotations

import logging
from contextlib import aclosing
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from galerne.api.answer_stream import AnswerStream
from galerne.api.connection import while_connected
from galerne.api.limits import limit_headers
from galerne.api.services import Services
from galerne.api.wire.answer import ChatCompletion, completion_body, usage_body
from galerne.api.wire.chunks import ChunkWriter
from galerne.api.wire.request import ChatRequest, parse_chat_request
from galerne.fleet import Delivered
from galerne.generation import GenerationRequest, TokenChunk
from galerne.ledger import Payer

CLIENT_LEFT = 499
"""Status in the log of a request whose client did not wait; nobody reads it."""

logger = logging.getLogger(__name__)

ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ChatCompletion,
        "description": "The answer; with `stream`, server-sent events that end with `[DONE]`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "headers": {
            "galerne-receipt": {"description": "Id of the receipt.", "schema": {"type": "string"}},
        },
    }
}
# The request is parsed here and not by the framework, so OpenAPI is told where its schema is.
ASKED = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{ChatRequest.__name__}"}}},
    }
}


def chat_routes(services: Services) -> APIRouter:
    """The routes of conversation."""
    router = APIRouter(tags=["chat"])

    @router.post(
        "/v1/chat/completions", summary="Answer a conversation", responses=ANSWERED, openapi_extra=ASKED
    )
    async def chat_completions(request: Request) -> Response:
        asked = parse_chat_request(await request.body())
        question = asked.question(f"chatcmpl-{request.state.request_id}")
        logger.debug("%s: a question of %d characters", question.request_id, question.n_characters())
        model = served_name(services, asked.model)
        payer = request.state.caller.payer
        if asked.stream:
            writer = ChunkWriter(
                completion_id=question.request_id,
                model=model,
                created_at=services.clock.now_at(),
                usage_apart=asked.usage_apart,
            )
            return AnswerStream(
                services.gateway.answer(question, payer=payer),
                writer=writer,
                headers=partial(headers_in_flight, services, question.request_id),
                language=services.language,
            )
        try:
            whole = whole_answer(services, question, payer=payer, model=model)
            body, headers = await while_connected(whole, request.receive)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        return JSONResponse(body, headers=headers)

    return router


def served_name(services: Services, name: str) -> str:
    """The id behind an alias; a name nobody has stays as it is, for the gateway to refuse."""
    served = services.gateway.models()
    return next((m.model_id for m in served if name == m.model_id or name in m.aliases), name)


def headers_in_flight(services: Services, request_id: str) -> dict[str, str]:
    """What the headers say of an answer that has begun: its receipt, and the limits it counts against."""
    headers = limit_headers(services.gateway.standings(request_id))
    if receipt_id := services.gateway.receipt_id(request_id):
        headers["galerne-receipt"] = receipt_id
    return headers


async def whole_answer(
    services: Services, question: GenerationRequest, *, payer: Payer, model: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The body of an answer that is not streamed, and its headers."""
    headers: dict[str, str] = {}
    created_at = services.clock.now_at()
    pieces: list[str] = []
    async with aclosing(services.gateway.answer(question, payer=payer)) as events:
        async for event in events:
            headers = headers or headers_in_flight(services, question.request_id)
            if isinstance(event, TokenChunk):
                pieces.append(event.text)
            elif isinstance(event, Delivered):
                finished, receipt = event.finished, event.receipt
    body = completion_body(
        completion_id=question.request_id,
        model=model,
        created_at=created_at,
        text="".join(pieces),
        reason=finished.reason,
        usage=usage_body(finished.usage, receipt),
    )
    return body, headers
