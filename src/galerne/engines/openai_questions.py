"""What a server answers in one piece: what its model can do, vectors, tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from galerne.clock import Clock
from galerne.engines.forced_calls import tool_body
from galerne.engines.openai_body import Manners, messages_body
from galerne.engines.openai_stream import refusal
from galerne.engines.protocol import Abilities
from galerne.errors import AbilityMissing, ContextTooLong
from galerne.generation import Embedded, Message, TextToken, Toolbox, Usage

_TOO_LONG = re.compile(r"input \((\d+) tokens\) is too large to process.*current batch size: (\d+)")
"""How llama.cpp refuses to embed a text that is longer than a batch, which is the whole context."""
_THOUGHT_MARKS = ("[THINK]", "<think>", "reasoning_content")


async def abilities_of(client: httpx.AsyncClient, *, embedding: bool) -> Abilities:
    """What the model that llama.cpp has loaded can do, as its chat template and its vocabulary say."""
    told = (await client.get("/props")).json()
    template = told.get("chat_template") or ""
    caps = told.get("chat_template_caps") or {}
    # Refused as unsupported, or as an empty question: nothing is computed either way.
    infill = await client.post("/infill", json={})
    return Abilities(
        chat=bool(template) and not embedding,
        tools=bool(caps.get("supports_tools") and caps.get("supports_tool_calls")),
        thinking=any(mark in template for mark in _THOUGHT_MARKS),
        infill=infill.status_code != httpx.codes.NOT_IMPLEMENTED,
        embedding=embedding,
        vision=bool((told.get("modalities") or {}).get("vision")),
    )


async def embed(
    client: httpx.AsyncClient,
    texts: Sequence[str],
    *,
    engine: str,
    model_id: str,
    clock: Clock,
    arrived_s: float,
) -> Embedded:
    """A vector for each text.

    Raises:
        AbilityMissing: the model does not pool its tokens into a vector.
        ContextTooLong: a text is.
    """
    began_s = clock.monotonic_s()
    response = await client.post("/v1/embeddings", json={"model": model_id, "input": list(texts)})
    if response.status_code == httpx.codes.NOT_IMPLEMENTED:
        raise AbilityMissing(ability="Embedding", model=model_id)
    told = _json_of(response, engine)
    rows = sorted(told["data"], key=lambda row: int(row["index"]))
    return Embedded(
        vectors=tuple(tuple(row["embedding"]) for row in rows),
        usage=Usage(
            prompt_tokens=told["usage"]["prompt_tokens"],
            cached_tokens=0,
            new_tokens=0,
            queued_s=began_s - arrived_s,
            prefill_s=clock.monotonic_s() - began_s,
            decode_s=0.0,
        ),
    )


async def count_tokens(
    client: httpx.AsyncClient,
    messages: Sequence[Message],
    *,
    tools: Toolbox | None,
    manners: Manners,
    engine: str,
) -> int:
    """Tokens of the prompt that these messages make."""
    body: dict[str, Any] = {"messages": messages_body(messages, knows_tools=manners.knows_tools)}
    if tools is not None and manners.knows_tools:
        body["tools"] = [tool_body(tool) for tool in tools.tools]
    told = await client.post("/v1/chat/completions/input_tokens", json=body)
    return int(_json_of(told, engine)["input_tokens"])


async def tokenize(client: httpx.AsyncClient, text: str, *, engine: str) -> tuple[TextToken, ...]:
    """The tokens of a text; a part of a character is shown as the replacement character."""
    told = _json_of(await client.post("/tokenize", json={"content": text, "with_pieces": True}), engine)
    return tuple(TextToken(token_id=token["id"], text=_piece(token["piece"])) for token in told["tokens"])


def _piece(piece: str | list[int]) -> str:
    return piece if isinstance(piece, str) else bytes(piece).decode("utf-8", errors="replace")


def _json_of(response: httpx.Response, engine: str) -> Mapping[str, Any]:
    if response.status_code != httpx.codes.OK:
        if too_long := _TOO_LONG.search(response.text):
            raise ContextTooLong(prompt_tokens=int(too_long[1]), context_tokens=int(too_long[2]))
        raise refusal(response.content, status=response.status_code, engine=engine)
    told: Mapping[str, Any] = response.json()
    return told
