import itertools
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.clock import ManualClock
from galerne.engines import openai_stream
from galerne.engines.openai_body import LLAMA_CPP as MANNERS
from galerne.engines.openai_body import Manners, request_of
from galerne.engines.openai_stream import EventLines, refusal, stream_answer
from galerne.engines.plain_chunks import PlainChunks
from galerne.errors import ContextTooLong, EngineCrashed, EngineRefused
from galerne.generation import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Message,
    PromptRead,
    Role,
    Sampling,
    TokenChunk,
)

pytestmark = pytest.mark.anyio
QUESTION = GenerationRequest(
    request_id="r", model_id="mini", messages=(Message(role=Role.USER, content="Qui es-tu ?"),)
)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def chunk(text: str | None = None, *, finish: str | None = None, **more: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}], **more}


def timed(n_tokens: int) -> dict[str, object]:
    return {
        "prompt_n": 8,
        "cache_n": 4,
        "prompt_ms": 20.0,
        "predicted_n": n_tokens,
        "predicted_ms": 5.0 * n_tokens,
    }


LLAMA_CPP = [
    chunk(prompt_progress={"total": 12, "cache": 4, "processed": 4, "time_ms": 0}),
    chunk(prompt_progress={"total": 12, "cache": 4, "processed": 12, "time_ms": 20}),
    chunk("", timings=timed(1)),
    chunk("é\u2028\x85🌬️", timings=timed(3)),
    chunk(" fin", timings=timed(4)),
    chunk(finish="stop", timings=timed(5)),
]


def wire(chunks: list[dict[str, object]]) -> bytes:
    lines = [f"data: {json.dumps(each, ensure_ascii=False)}\n\n" for each in chunks]
    return ("".join(lines) + "data: [DONE]\n\n").encode()


async def events_of(
    body: bytes, *, status: int = 200, sent: list[dict[str, object]] | None = None
) -> list[GenerationEvent]:
    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(body), 7):
            yield body[place : place + 7]

    async def serve(request: httpx.Request) -> httpx.Response:
        if sent is not None:
            sent.append(json.loads(request.content))
        return httpx.Response(status, content=pieces())

    client = httpx.AsyncClient(transport=httpx.MockTransport(serve), base_url="http://engine")
    async with client:
        return [
            event
            async for event in stream_answer(
                client, QUESTION, engine="test", clock=ManualClock(), arrived_s=0.0, manners=MANNERS
            )
        ]


async def test_exact_counts_and_times_are_taken_where_the_server_tells_them():
    sent: list[dict[str, object]] = []
    prompt, *tokens, end = await events_of(wire(LLAMA_CPP), sent=sent)
    assert prompt == PromptRead(prompt_tokens=12, cached_tokens=4)
    assert tokens == [
        TokenChunk(text="", n_tokens=1),
        TokenChunk(text="é\u2028\x85🌬️", n_tokens=2),
        TokenChunk(text=" fin", n_tokens=1),
        TokenChunk(text="", n_tokens=1),
    ]
    assert isinstance(end, Finished)
    assert end.reason is FinishReason.STOP
    usage = end.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.new_tokens) == (12, 4, 5)
    assert (usage.prefill_s, usage.decode_s) == (0.02, 0.025)
    assert sent[0]["return_progress"] is True


async def test_a_first_token_that_is_half_a_letter_does_not_make_the_letter_wait(monkeypatch):
    gathered = []
    monkeypatch.setattr(openai_stream, "gather", lambda *_: gathered.append(len(gathered)))
    await events_of(wire([*LLAMA_CPP[:3], chunk(finish="stop", timings=timed(2))]))
    assert not gathered
    await events_of(wire(LLAMA_CPP))
    assert gathered


async def test_a_server_that_tells_only_the_common_protocol_is_counted_by_chunks_and_its_usage():
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}
    stream = [chunk("", role="assistant"), chunk("a"), chunk("b"), chunk(finish="length")]
    prompt, *tokens, end = await events_of(wire([*stream, {"choices": [], "usage": usage}]))
    # Without progress the prompt's size comes only at the end; its place in the order is kept.
    assert isinstance(prompt, PromptRead)
    assert [token.text for token in tokens] == ["a", "b", ""]
    assert sum(token.n_tokens for token in tokens) == end.usage.new_tokens == 4
    assert end.reason is FinishReason.LENGTH
    assert (end.usage.prompt_tokens, end.usage.cached_tokens) == (9, 2)


async def test_an_answer_without_a_token_still_has_its_prompt_and_its_end():
    prompt, end = await events_of(
        wire([chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 0})])
    )
    assert prompt == PromptRead(prompt_tokens=3, cached_tokens=0)
    assert end.usage.new_tokens == 0


async def test_a_stream_that_ends_early_is_a_crash():
    with pytest.raises(EngineCrashed):
        await events_of(wire(LLAMA_CPP[:-1]))


async def test_a_chunk_that_is_not_json_is_a_crash_without_its_text():
    with pytest.raises(EngineCrashed) as caught:
        await events_of(b'data: {"choices": secret\n\n')
    assert "secret" not in str(caught.value)


async def test_an_error_in_the_stream_is_raised():
    error = {"error": {"code": 500, "message": "no memory", "type": "server_error"}}
    with pytest.raises(EngineRefused) as caught:
        await events_of(wire([*LLAMA_CPP[:3], error]))
    assert (caught.value.status, caught.value.problem) == (500, "no memory")


async def test_an_overlong_prompt_is_refused_with_both_numbers():
    error = {"type": "exceed_context_size_error", "message": "", "n_prompt_tokens": 600, "n_ctx": 512}
    with pytest.raises(ContextTooLong) as caught:
        await events_of(json.dumps({"error": error}).encode(), status=400)
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (600, 512)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "text"}', b'{"error": {}}'])
def test_an_answer_that_is_no_error_object_is_still_a_refusal(body):
    error = refusal(body, status=502, engine="test")
    assert isinstance(error, EngineRefused)
    assert error.status == 502


def test_what_the_caller_left_open_is_not_sent():
    _, body = request_of(QUESTION, Manners())
    assert set(body) == {"model", "messages", "stream", "stream_options"}
    chosen = Sampling(
        temperature=0.0, top_p=0.5, max_new_tokens=0, stop=("\n",), seed=0, presence_penalty=0.0
    )
    request = GenerationRequest(request_id="r", model_id="m", messages=(), sampling=chosen)
    _, body = request_of(request, Manners())
    assert (body["temperature"], body["max_tokens"], body["seed"], body["stop"]) == (0.0, 0, 0, ["\n"])
    assert "frequency_penalty" not in body


@given(cuts=st.lists(st.integers(0, 2000), max_size=20))
def test_events_are_the_same_however_the_stream_is_cut(cuts):
    body = b": ping\n\n" + wire(LLAMA_CPP) + b"event: done\r\ndata:x\r\n"
    places = sorted({0, len(body), *[min(cut, len(body)) for cut in cuts]})
    lines = EventLines()
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    found = [data for piece in pieces for data in lines.feed(piece)]
    assert [json.loads(data) for data in found[:-2]] == LLAMA_CPP
    assert found[-2:] == [b"[DONE]", b"x"]


async def test_tokens_that_come_in_one_read_leave_together_and_are_all_counted():
    body = wire([chunk("a"), chunk("b"), chunk("c", finish="length")])

    async def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body)

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve), base_url="http://engine") as client:
        answer = stream_answer(
            client, QUESTION, engine="test", clock=ManualClock(), arrived_s=0.0, manners=MANNERS
        )
        _, token, end = [event async for event in answer]
    assert token == TokenChunk(text="abc", n_tokens=3)
    assert isinstance(end, Finished)


TEXTS = ["a", " the", "", 'q"u}}]o,t\\e', "\n\u2028é🌬️", '"content":', "}", "b", "c"]


def rich(text: str, created: int, **more: object) -> dict[str, object]:
    """A chunk with what llama.cpp writes around the text."""
    return {**chunk(text), "created": created, "id": "chatcmpl-1", "object": "chat.completion.chunk", **more}


@pytest.mark.parametrize("n_together", [1, 3, 50])
async def test_chunks_that_are_alike_say_what_each_says_alone(n_together):
    stream = [rich(text, created) for created in (1, 2) for text in TEXTS]
    stream.insert(5, rich("odd", 1, usage={"prompt_tokens": 3, "completion_tokens": 4}))
    stream.insert(9, {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]})
    stream.append(chunk(finish="stop"))
    lines = [f"data: {json.dumps(each, ensure_ascii=False)}\n\n".encode() for each in stream]

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(lines), n_together):
            yield b"".join(lines[place : place + n_together])

    async def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=pieces())

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve), base_url="http://engine") as client:
        answer = stream_answer(
            client, QUESTION, engine="test", clock=ManualClock(), arrived_s=0.0, manners=MANNERS
        )
        tokens = [event async for event in answer if isinstance(event, TokenChunk)]
    written = "".join(token.text for token in tokens if not token.thinking)
    assert written == "".join([*TEXTS[:5], "odd", *TEXTS[5:], *TEXTS])
    assert [token.text for token in tokens if token.thinking] == ["hm"]
    assert sum(token.n_tokens for token in tokens) == 2 * (len(TEXTS) - 1) + 2


EXAMPLE = b'{"choices":[{"index":0,"delta":{"content":"a"}}],"created":1}'


@pytest.mark.parametrize(
    "data",
    [
        EXAMPLE.replace(b'"a"', b'"b","role":"tool"'),
        EXAMPLE.replace(b'"a"', b'"b"}}],"usage":{"n":"b"'),
        EXAMPLE.replace(b'"a"', b"null"),
        EXAMPLE.replace(b'"a"', b""),
        EXAMPLE.replace(b'"a"', b'"\xff"'),
        EXAMPLE.replace(b'"a"', b'"b'),
        EXAMPLE.replace(b"1}", b"2}"),
        EXAMPLE[:40],
        b"[DONE]",
    ],
)
def test_only_a_chunk_that_differs_in_its_text_alone_is_read_as_plain(data):
    plain = PlainChunks()
    plain.learn(EXAMPLE, json.loads(EXAMPLE))
    assert plain.texts([b"", EXAMPLE, data, EXAMPLE], 1) == ["a"]


@pytest.mark.parametrize(
    "more",
    [
        {"usage": {"completion_tokens": 1}},
        {"timings": timed(1)},
        {"choices": []},
        {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": []}}]},
        {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]},
        {"choices": [{"delta": {"content": "a", "role": "assistant"}}]},
        {"note": {"content": "a"}},
    ],
)
def test_a_chunk_that_tells_more_than_its_text_is_no_example(more):
    plain, told = PlainChunks(), {**chunk("a"), **more}
    data = json.dumps(told, separators=(",", ":")).encode()
    plain.learn(data, told)
    assert plain.texts([data], 0) == []


def test_a_server_whose_chunks_are_never_alike_is_soon_read_whole_only():
    plain = PlainChunks()
    for number in range(10):
        data = EXAMPLE.replace(b"1}", b"%d}" % number)
        plain.learn(data, json.loads(data))
    assert plain.texts([EXAMPLE.replace(b"1}", b"9}")], 0) == []
