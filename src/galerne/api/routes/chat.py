"""``POST /v1/chat/completions``: one answer, streamed or whole, in the words of both dialects."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from galerne.api.answering import served_name
from galerne.api.images_elsewhere import with_images_here
from galerne.api.routes.replies import answered, asked, reply, speaks_mistral
from galerne.api.services import Services
from galerne.api.wire.answer import ChatCompletion, completion_body
from galerne.api.wire.chunks import ChunkWriter
from galerne.api.wire.request import ChatRequest, parse_chat_request
from galerne.api.wire.strict import check_mistral

logger = logging.getLogger(__name__)


def chat_routes(services: Services) -> APIRouter:
    """The routes of conversation."""
    router = APIRouter(tags=["chat"])

    @router.post(
        "/v1/chat/completions",
        summary="Answer a conversation",
        responses=answered(ChatCompletion, streams=True),
        openapi_extra=asked(ChatRequest),
    )
    async def chat_completions(request: Request) -> Response:
        content = await with_images_here(await request.body(), services.fetch_image)
        body = parse_chat_request(content)
        if is_strict(request):
            check_mistral(content, body)
        completion_id = f"chatcmpl-{request.state.request_id}"
        questions = body.questions(completion_id)
        logger.debug("%s: a question of %d characters", completion_id, questions[0].n_characters())
        mistral = speaks_mistral(request)
        head: dict[str, Any] = {
            "completion_id": completion_id,
            "model": served_name(services, body.model),
            "created_at": services.clock.now_at(),
            "beginning": body.beginning(),
            "shows_thoughts": body.asks_for_thoughts and mistral,
        }
        pad = services.pad if mistral else None
        return await reply(
            request,
            services,
            questions,
            writer=ChunkWriter(**head, usage_apart=body.usage_apart, pad=pad) if body.stream else None,
            whole=lambda answers: completion_body(**head, answers=answers),
        )

    return router


def is_strict(request: Request) -> bool:
    """Whether a client wants to be refused where Mistral's API would refuse it; no value is passed over."""
    return request.headers.get("galerne-strict", "no").strip().lower() not in {"no", "0", "false", ""}
