"""Texts without a conversation: completions, the middle, vectors, tokens."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from galerne.api.answering import Asker, load_terms, served_name
from galerne.api.connection import CLIENT_LEFT, while_connected
from galerne.api.images_elsewhere import with_images_here
from galerne.api.routes.replies import answered, asked, reply, speaks_mistral
from galerne.api.services import Services
from galerne.api.wire import embeddings, texts
from galerne.api.wire.answer import ChatCompletion, completion_body
from galerne.api.wire.chunks import ChunkWriter
from galerne.api.wire.embeddings import EmbeddingList, EmbeddingsRequest, embedding_list
from galerne.api.wire.shared import parse_body
from galerne.api.wire.texts import CompletionRequest, FimRequest, TextCompletion, TextWriter, text_body
from galerne.api.wire.tokens import TokenCount, TokenList, TokensRequest, token_list
from galerne.errors import InvalidRequest
from galerne.fleet import Delivered
from galerne.generation import Embedded, GenerationRequest


def text_routes(services: Services) -> APIRouter:
    """The routes of texts."""
    router = APIRouter(tags=["texts"])

    @router.post(
        "/v1/completions",
        summary="Go on with a text",
        responses=answered(TextCompletion, streams=True),
        openapi_extra=asked(CompletionRequest),
    )
    async def completions(request: Request) -> Response:
        body = parse_body(CompletionRequest, await request.body(), harmless=texts.HARMLESS)
        completion_id = f"cmpl-{request.state.request_id}"
        questions = body.questions(completion_id)
        head: dict[str, Any] = {
            "completion_id": completion_id,
            "model": served_name(services, body.model),
            "created_at": services.clock.now_at(),
        }
        return await reply(
            request,
            services,
            questions,
            writer=TextWriter(**head, usage_apart=body.usage_apart) if body.stream else None,
            whole=lambda answers: text_body(**head, answers=answers),
        )

    @router.post(
        "/v1/fim/completions",
        summary="Fill in the middle",
        responses=answered(ChatCompletion, streams=True),
        openapi_extra=asked(FimRequest),
    )
    async def fim(request: Request) -> Response:
        body = parse_body(FimRequest, await request.body(), harmless=texts.HARMLESS)
        completion_id = f"fim-{request.state.request_id}"
        questions = body.questions(completion_id)
        head: dict[str, Any] = {
            "completion_id": completion_id,
            "model": served_name(services, body.model),
            "created_at": services.clock.now_at(),
        }
        pad = services.pad if speaks_mistral(request) else None
        return await reply(
            request,
            services,
            questions,
            writer=ChunkWriter(**head, usage_apart=body.usage_apart, pad=pad) if body.stream else None,
            whole=lambda answers: completion_body(
                **head, answers=answers, beginning="", shows_thoughts=False
            ),
        )

    @router.post(
        "/v1/embeddings",
        summary="Turn texts into vectors",
        responses=answered(EmbeddingList, streams=False),
        openapi_extra=asked(EmbeddingsRequest),
    )
    async def embed(request: Request) -> Response:
        body = parse_body(EmbeddingsRequest, await request.body(), harmless=embeddings.HARMLESS)
        question = body.question(f"embd-{request.state.request_id}")
        asker = Asker(services, request.state.caller.payer, load_terms(request.headers))
        try:
            embedded, delivered = await while_connected(_vectors(asker, question), request.receive)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        model = served_name(services, body.model)
        vectors = embedding_list(body, embedded, delivered, request_id=question.request_id, model=model)
        return JSONResponse(vectors.model_dump(), headers={"galerne-receipt": delivered.receipt.receipt_id})

    return router


def token_routes(services: Services) -> APIRouter:
    """The routes of tokens, which cost nothing worth a receipt."""
    router = APIRouter(tags=["tokens"])

    @router.post(
        "/v1/tokenize",
        summary="Show the tokens of a text",
        responses={200: {"model": TokenList}},
        openapi_extra=asked(TokensRequest),
    )
    async def tokenize(request: Request) -> Response:
        body = parse_body(TokensRequest, await request.body(), harmless={})
        question = body.question(request.state.request_id)
        if question.text is None:
            raise InvalidRequest(path="messages", problem="a conversation can only be counted")
        model = served_name(services, body.model)
        return JSONResponse(
            token_list(
                await services.gateway.tokenize(question, terms=load_terms(request.headers)), model=model
            )
        )

    @router.post(
        "/v1/tokenize/count",
        summary="Count the tokens of a text or a conversation",
        responses={200: {"model": TokenCount}},
        openapi_extra=asked(TokensRequest),
    )
    async def count(request: Request) -> Response:
        content = await with_images_here(await request.body(), services.fetch_image)
        body = parse_body(TokensRequest, content, harmless={})
        question = body.question(request.state.request_id)
        n_tokens = await services.gateway.count_tokens(question, terms=load_terms(request.headers))
        return JSONResponse(TokenCount(model=served_name(services, body.model), count=n_tokens).model_dump())

    return router


async def _vectors(asker: Asker, question: GenerationRequest) -> tuple[Embedded, Delivered]:
    embedded: Embedded | None = None
    async with aclosing(asker.answers([question])) as events:
        async for event in events:
            if isinstance(event, Embedded):
                embedded = event
            elif isinstance(event, Delivered):
                delivered = event
    assert embedded is not None  # noqa: S101  # comes before every delivery of vectors
    return embedded, delivered
