"""``POST /v1/chat/completions``: one answer, streamed or whole, in the words of both dialects."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from galerne.api.answer_stream import AnswerStream
from galerne.api.answering import Asker, load_terms, served_name
from galerne.api.connection import CLIENT_LEFT, while_connected
from galerne.api.problems import Dialect, dialect_of
from galerne.api.services import Services
from galerne.api.wire.answer import ChatCompletion, completion_body
from galerne.api.wire.chunks import ChunkWriter
from galerne.api.wire.request import ChatRequest, parse_chat_request
from galerne.api.wire.strict import check_mistral

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
        content = await request.body()
        asked = parse_chat_request(content)
        if is_strict(request):
            check_mistral(content, asked)
        completion_id = f"chatcmpl-{request.state.request_id}"
        questions = asked.questions(completion_id)
        logger.debug("%s: a question of %d characters", completion_id, questions[0].n_characters())
        model = served_name(services, asked.model)
        dialect = dialect_of(request.headers.get("user-agent", ""))
        shows_thoughts = asked.asks_for_thoughts and dialect is Dialect.MISTRAL
        created_at = services.clock.now_at()
        asker = Asker(services, request.state.caller.payer, load_terms(request.headers))
        if asked.stream:
            writer = ChunkWriter(
                completion_id=completion_id,
                model=model,
                created_at=created_at,
                usage_apart=asked.usage_apart,
                shows_thoughts=shows_thoughts,
                beginning=asked.beginning(),
                pad=services.pad if dialect is Dialect.MISTRAL else None,
            )
            return AnswerStream(
                asker.answers(questions),
                writer=writer,
                headers=partial(asker.headers, questions[0].request_id),
                language=services.language,
                heartbeat_s=services.heartbeat_s,
            )
        try:
            answers = await while_connected(asker.whole_answers(questions), request.receive)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        body = completion_body(
            completion_id=completion_id,
            model=model,
            created_at=created_at,
            answers=answers,
            beginning=asked.beginning(),
            shows_thoughts=shows_thoughts,
        )
        return JSONResponse(body, headers=answers[0].headers)

    return router


def is_strict(request: Request) -> bool:
    """Whether a client wants to be refused where Mistral's API would refuse it."""
    return request.headers.get("galerne-strict", "").lower() == "mistral"
