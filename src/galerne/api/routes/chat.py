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
from galerne.api.services import Services
from galerne.api.wire.answer import ChatCompletion, completion_body, usage_body
from galerne.api.wire.chunks import ChunkWriter
from galerne.api.wire.request import ChatRequest, parse_chat_request
from galerne.fleet import Delivered
from galerne.generation import GenerationRequest, TokenChunk

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
        if asked.stream:
            writer = ChunkWriter(
                completion_id=question.request_id,
                model=model,
                created_at=services.clock.now_at(),
                usage_apart=asked.usage_apart,
            )
            return AnswerStream(
                services.gateway.answer(question),
                writer=writer,
                receipt_id=partial(services.gateway.receipt_id, question.request_id),
                language=services.language,
            )
        try:
            whole = whole_answer(services, question, model=model)
            body = await while_connected(whole, request.receive)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        return JSONResponse(body, headers={"galerne-receipt": body["usage"]["galerne"]["id"]})

    return router


def served_name(services: Services, name: str) -> str:
    """The id behind an alias; a name nobody has stays as it is, for the gateway to refuse."""
    served = services.gateway.models()
    return next((m.model_id for m in served if name == m.model_id or name in m.aliases), name)


async def whole_answer(services: Services, question: GenerationRequest, *, model: str) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    created_at = services.clock.now_at()
    pieces: list[str] = []
    async with aclosing(services.gateway.answer(question)) as events:
        async for event in events:
            if isinstance(event, TokenChunk):
                pieces.append(event.text)
            elif isinstance(event, Delivered):
                finished, receipt = event.finished, event.receipt
    return completion_body(
        completion_id=question.request_id,
        model=model,
        created_at=created_at,
        text="".join(pieces),
        reason=finished.reason,
        usage=usage_body(finished.usage, receipt),
    )
