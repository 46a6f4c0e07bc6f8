import os
from pathlib import Path

import pytest

from galerne.generation import FinishReason, TokenChunk, TokenLogprob, ToolCall
from tests.api.fakes import FakeGateway, ask, client

GOLDEN = Path(__file__).parent.parent / "golden"
PIECES = ("Bonjour", ", l'été", ' "ici"\n')
MISTRAL = {"user-agent": "speakeasy-sdk/python mistralai"}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
CALLS = (
    TokenChunk(text="", n_tokens=9),
    ToolCall(name="weather", arguments='{"city":"Brest"}'),
    ToolCall(name="weather", arguments='{"city":"Nice"}'),
)
THOUGHTS = (TokenChunk(text="Okay", thinking=True), TokenChunk(text=", wind", thinking=True), "3", "23")
LIKELY = TokenLogprob(
    token="é", token_id=7, logprob=-0.5, top=(TokenLogprob(token="e", token_id=8, logprob=-1.0),)
)

CASES = {
    "chat_mistral.sse": (PIECES, MISTRAL, ask(stream=True, random_seed=1, max_tokens=64)),
    "chat_openai.sse": (
        PIECES,
        {},
        ask(stream=True, seed=1, max_completion_tokens=64, stream_options={"include_usage": True}),
    ),
    "chat_whole.json": (PIECES, {}, ask()),
    "chat_calls.sse": (CALLS, {}, ask(stream=True, tools=TOOLS)),
    "chat_calls_mistral.sse": (CALLS, MISTRAL, ask(stream=True, tools=TOOLS)),
    "chat_calls.json": (CALLS, {}, ask(tools=TOOLS)),
    "chat_thoughts.sse": (THOUGHTS, MISTRAL, ask(stream=True, reasoning_effort="high")),
    "chat_thoughts.json": (THOUGHTS, MISTRAL, ask(prompt_mode="reasoning")),
    "chat_thoughts_hidden.sse": (THOUGHTS, {}, ask(stream=True, reasoning_effort="high")),
    "chat_choices.sse": (("oui",), {}, ask(stream=True, n=2)),
    "chat_choices.json": (("oui",), {}, ask(n=2)),
    "chat_logprobs.sse": (
        (TokenChunk(text="é", logprobs=(LIKELY,)),),
        {},
        ask(stream=True, logprobs=True, top_logprobs=1),
    ),
    "chat_prefix.sse": (
        ("rbre",),
        MISTRAL,
        ask(
            stream=True,
            messages=[
                {"role": "user", "content": "?"},
                {"role": "assistant", "content": "A", "prefix": True},
            ],
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bytes_on_the_wire_do_not_change_by_accident(name):
    pieces, headers, asked = CASES[name]
    reason = FinishReason.TOOL_CALLS if pieces is CALLS else FinishReason.STOP
    gateway = FakeGateway(pieces=pieces, reason=reason)
    response = client(gateway).post("/v1/chat/completions", json=asked, headers=headers)
    if os.environ.get("GALERNE_TEST_WRITE_GOLDEN"):
        (GOLDEN / name).write_text(response.text, encoding="utf-8")
    assert response.text == (GOLDEN / name).read_text(encoding="utf-8")


OTHERS = {
    "responses.sse": ("/v1/responses", {"model": "galerne-mini", "input": "x", "stream": True}, PIECES),
    "responses_calls.sse": (
        "/v1/responses",
        {
            "model": "galerne-mini",
            "input": "x",
            "stream": True,
            "tools": [{"type": "function", "name": "weather"}],
        },
        CALLS,
    ),
    "completions.sse": ("/v1/completions", {"model": "galerne-mini", "prompt": "x", "stream": True}, PIECES),
    "completions.json": ("/v1/completions", {"model": "galerne-mini", "prompt": "x"}, PIECES),
    "fim.sse": ("/v1/fim/completions", {"model": "galerne-mini", "prompt": "x", "stream": True}, PIECES),
    "embeddings.json": ("/v1/embeddings", {"model": "galerne-mini", "input": ["x", "y"]}, ()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_bytes_of_other_routes_do_not_change_by_accident(name):
    path, asked, pieces = OTHERS[name]
    response = client(FakeGateway(pieces=pieces)).post(path, json=asked)
    if os.environ.get("GALERNE_TEST_WRITE_GOLDEN"):
        (GOLDEN / name).write_text(response.text, encoding="utf-8")
    assert response.text == (GOLDEN / name).read_text(encoding="utf-8")
