import base64
import json
import struct

import pytest

from galerne.errors import AbilityMissing
from galerne.generation import TokenChunk, TokenLogprob
from tests.api.fakes import FakeGateway, client

MODEL = "galerne-mini"


def chunks(response):
    lines = [line[6:] for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_a_text_goes_on():
    gateway = FakeGateway()
    asked = {"model": MODEL, "prompt": "Il était", "seed": 3, "stop": "\n"}
    body = client(gateway).post("/v1/completions", json=asked).json()
    assert (body["object"], body["choices"][0]["text"]) == ("text_completion", "Bonjour !")
    assert gateway.asked[-1].text.text == "Il était"
    assert gateway.asked[-1].sampling.max_new_tokens == 16
    assert body["usage"]["galerne"]["id"]


def test_a_streamed_text_says_what_the_whole_says():
    response = client().post("/v1/completions", json={"model": MODEL, "prompt": "x", "stream": True})
    read = chunks(response)
    assert "".join(chunk["choices"][0]["text"] for chunk in read) == "Bonjour !"
    assert read[-1]["choices"][0]["finish_reason"] == "stop"
    assert read[-1]["usage"]["completion_tokens"] == 3


def test_usage_of_a_text_comes_apart_where_asked():
    asked = {"model": MODEL, "prompt": "x", "stream": True, "stream_options": {"include_usage": True}}
    *most, last = chunks(client().post("/v1/completions", json=asked))
    assert all(chunk["usage"] is None for chunk in most)
    assert last["choices"] == []


def test_several_prompts_are_several_choices_in_order():
    gateway = FakeGateway()
    asked = {"model": MODEL, "prompt": ["a", "b"], "n": 2}
    body = client(gateway).post("/v1/completions", json=asked).json()
    assert [request.text.text for request in gateway.asked] == ["a", "a", "b", "b"]
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    streamed = chunks(client().post("/v1/completions", json={**asked, "stream": True}))
    assert sorted({chunk["choices"][0]["index"] for chunk in streamed}) == [0, 1, 2, 3]


def test_likelihoods_of_a_text_are_lists_of_one_length():
    told = (
        TokenLogprob(token="é", token_id=1, logprob=-0.5),
        TokenLogprob(token="a", token_id=2, logprob=-1),
    )
    gateway = FakeGateway(pieces=(TokenChunk(text="éa", logprobs=told),))
    asked = {"model": MODEL, "prompt": "x", "logprobs": 1}
    logprobs = client(gateway).post("/v1/completions", json=asked).json()["choices"][0]["logprobs"]
    assert logprobs["text_offset"] == [0, 1]
    assert {len(column) for column in logprobs.values()} == {2}


def test_the_middle_is_answered_as_a_chat_completion():
    gateway = FakeGateway()
    asked = {"model": MODEL, "prompt": "def f(", "suffix": "return"}
    body = client(gateway).post("/v1/fim/completions", json=asked).json()
    assert body["choices"][0]["message"]["content"] == "Bonjour !"
    assert gateway.asked[-1].text.suffix == "return"
    read = chunks(client().post("/v1/fim/completions", json={**asked, "stream": True}))
    assert read[0]["object"] == "chat.completion.chunk"


def test_a_model_without_fim_refuses_in_mistrals_very_words():
    refusal = AbilityMissing(ability="FIM", model=MODEL)
    response = client(FakeGateway(refusal=refusal)).post(
        "/v1/fim/completions", json={"model": MODEL, "prompt": "x"}, headers={"user-agent": "mistralai"}
    )
    body = response.json()
    assert response.status_code == 400
    assert {name: body[name] for name in ("object", "message", "type", "param", "code")} == {
        "object": "error",
        "message": "FIM is not enabled for this model",
        "type": "invalid_request_invalid_args",
        "param": None,
        "code": "3051",
    }


def embed(**changes):
    response = client().post("/v1/embeddings", json={"model": MODEL, "input": "vent", **changes})
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, pytest.approx([0.6, -0.8])),
        ({"output_dtype": "int8"}, [76, -102]),
        ({"output_dtype": "uint8"}, [204, 26]),
        ({"output_dtype": "ubinary"}, [128]),
        ({"output_dtype": "binary"}, [0]),
        ({"output_dimension": 1}, [1.0]),
        ({"dimensions": 1}, [1.0]),
        ({"encoding_format": "base64"}, base64.b64encode(struct.pack("<2f", 0.6, -0.8)).decode()),
        ({"encoding_format": "base64", "output_dtype": "int8"}, base64.b64encode(b"\x4c\x9a").decode()),
    ],
)
def test_a_vector_comes_as_it_was_asked_for(changes, expected):
    body = embed(**changes)
    assert body["data"][0]["embedding"] == expected
    assert body["object"] == "list"
    assert body["usage"]["prompt_tokens"] == 21


def test_vectors_come_in_the_order_of_the_texts():
    assert [row["index"] for row in embed(input=["a", "b", "c"])["data"]] == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": [1, 2]}, "input[0]"),
        ({"input": ["x"] * 2049}, "input"),
        ({"dimensions": 3}, "dimensions"),
        ({"dimensions": 1, "output_dimension": 2}, "output_dimension"),
        ({"output_dtype": "bfloat16"}, "output_dtype"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_its_path(changes, path):
    response = client().post("/v1/embeddings", json={"model": MODEL, "input": "vent", **changes})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == path


def test_tokens_are_shown_and_counted():
    shown = client().post("/v1/tokenize", json={"model": "mini", "prompt": "il vente"}).json()
    assert shown == {
        "model": MODEL,
        "count": 2,
        "tokens": [{"id": 0, "text": "il"}, {"id": 1, "text": "vente"}],
    }
    gateway = FakeGateway()
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
    assert client(gateway).post("/v1/tokenize/count", json=asked).json() == {"model": MODEL, "count": 5}
    assert gateway.asked[-1].messages[0].content == "x"


@pytest.mark.parametrize("changes", [{}, {"prompt": "x", "messages": [{"role": "user", "content": "x"}]}])
def test_either_a_text_or_a_conversation_is_counted(changes):
    assert client().post("/v1/tokenize/count", json={"model": MODEL, **changes}).status_code == 400


def test_a_conversation_is_only_counted():
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]}
    assert client().post("/v1/tokenize", json=asked).json()["error"]["param"] == "messages"
