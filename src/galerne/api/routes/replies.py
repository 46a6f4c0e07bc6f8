"""What every route that answers has in common: how it is described, and how an answer leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from galerne.api.answer_stream import AnswerStream
from galerne.api.answering import Answered, Asker, load_terms
from galerne.api.connection import CLIENT_LEFT, while_connected
from galerne.api.problems import Dialect, dialect_of
from galerne.api.services import Services
from galerne.api.wire.chunks import StreamWriter
from galerne.generation import GenerationRequest

EVENTS: Mapping[str, Any] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "description": "Server-sent events. Each has an object in JSON as its `data`; where the answer "
            "is a completion, the last is `[DONE]`.",
            "properties": {"data": {"type": "string"}, "event": {"type": "string"}},
            "required": ["data"],
        }
    }
}


def asked(kind: type[BaseModel]) -> dict[str, Any]:
    """Tells OpenAPI the schema of a body that is parsed here and not by the framework."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def answered(kind: type[BaseModel], *, streams: bool) -> dict[int | str, dict[str, Any]]:
    """Tells OpenAPI what a response with a receipt looks like."""
    description = "The answer; with `stream`, server-sent events." if streams else "The answer."
    events = {"content": dict(EVENTS)} if streams else {}
    receipt = {"description": "Id of the receipt.", "schema": {"type": "string"}}
    return {
        200: {"model": kind, "description": description, "headers": {"galerne-receipt": receipt}, **events}
    }


def speaks_mistral(request: Request) -> bool:
    """Whether the client is one of Mistral's."""
    return dialect_of(request.headers.get("user-agent", "")) is Dialect.MISTRAL


async def reply(
    request: Request,
    services: Services,
    questions: Sequence[GenerationRequest],
    *,
    writer: StreamWriter | None,
    whole: Callable[[Sequence[Answered]], Mapping[str, Any]],
) -> Response:
    """Ask on the caller's account, and answer as the client wants it.

    Args:
        request: whose headers say how long it waits for a model.
        services: behind the routes.
        questions: answered one after the other.
        writer: writes a stream; None for an answer in one piece.
        whole: the body of that piece.
    """
    asker = Asker(services, request.state.caller.payer, load_terms(request.headers))
    if writer is not None:
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
    return JSONResponse(whole(answers), headers=dict(answers[0].headers))
