import json

import pytest

from galerne.errors import ContextTooLong, EngineCrashed, NoNode, Overloaded
from galerne.generation import FinishReason, Role
from tests.api.fakes import FakeGateway, ask, client

PATH = "/v1/chat/completions"


def events(response) -> list:
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line[6:]) if line != "data: [DONE]" else "[DONE]" for line in lines]


def test_whole_answer_has_what_both_clients_insist_on():
    response = client().post(PATH, json=ask())
    body = response.json()
    assert response.status_code == 200
    assert body["id"].startswith("chatcmpl-")
    assert body["object"] == "chat.completion"
    assert body["model"] == "galerne-mini"
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Bonjour !",
        "tool_calls": None,
    }
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["total_tokens"] == 24
    assert body["usage"]["prompt_tokens_details"] == {"cached_tokens": 5}


def test_receipt_is_in_usage_and_its_id_in_a_header():
    for stream in (False, True):
        response = client().post(PATH, json=ask(stream=stream))
        usage = events(response)[-2]["usage"] if stream else response.json()["usage"]
        assert usage["galerne"]["id"] == "rcpt_1" == response.headers["galerne-receipt"]
        assert usage["galerne"]["energy_j"] == {"active": 41.2, "full": 55.9}
        assert usage["galerne"]["method"] == "modelled"
        assert usage["galerne"]["grid"]["source"] == "owid-2026"


def test_stream_begins_with_the_role_and_ends_with_usage_and_done():
    response = client().post(PATH, json=ask(stream=True))
    first, *middle, last, done = events(response)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["delta"]["content"] for chunk in middle] == ["Bon", "jour", " !"]
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in (first, *middle))
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["completion_tokens"] == 3
    assert done == "[DONE]"


def test_usage_comes_apart_where_openai_clients_ask_for_it():
    response = client().post(PATH, json=ask(stream=True, stream_options={"include_usage": True}))
    *chunks, last, _ = events(response)
    assert all(chunk["usage"] is None for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 3


def test_any_text_travels_intact():
    pieces = ('é"\\', "\n\r\u2028", "𝄞", "\x00\x1f", "data: [DONE]\n\n")
    response = client(FakeGateway(pieces=pieces)).post(PATH, json=ask(stream=True))
    texts = [c["choices"][0]["delta"].get("content") for c in events(response)[1:-2]]
    assert tuple(texts) == pieces


def test_half_a_character_waits_for_the_other_half_without_an_empty_chunk():
    response = client(FakeGateway(pieces=("", "é"))).post(PATH, json=ask(stream=True))
    assert len(events(response)) == 4


def test_both_names_of_a_field_mean_the_same():
    gateway = FakeGateway()
    for names in (("max_tokens", "seed"), ("max_completion_tokens", "random_seed")):
        client(gateway).post(PATH, json=ask(**{names[0]: 7, names[1]: 3}))
        assert gateway.asked[-1].sampling.max_new_tokens == 7
        assert gateway.asked[-1].sampling.seed == 3


def test_conversation_arrives_as_it_was_said():
    gateway = FakeGateway()
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "Three", "refusal": None},
        {"role": "user", "content": "Four", "name": "ada"},
    ]
    client(gateway).post(PATH, json=ask(messages=messages, stop="END", temperature=0, top_p=0.5))
    request = gateway.asked[-1]
    assert [(m.role, m.content) for m in request.messages] == [
        (Role.SYSTEM, "Be brief."),
        (Role.USER, "One\ntwo"),
        (Role.ASSISTANT, "Three"),
        (Role.USER, "Four"),
    ]
    assert request.sampling.stop == ("END",)
    assert request.sampling.temperature == 0.0


def test_an_alias_is_answered_under_the_real_name():
    assert client().post(PATH, json=ask(model="mini")).json()["model"] == "galerne-mini"


def test_unknown_fields_pass_and_harmless_values_of_known_ones_too():
    harmless = {"n": 1, "tools": [], "response_format": {"type": "text"}, "logprobs": False, "user": "x"}
    assert client().post(PATH, json=ask(**harmless, whatever={"deep": [1]})).status_code == 200


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"model": 3}, "model"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]},
         "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
         "messages[0].content[0].image_url"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": "x"}]}]},
         "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
         "messages[1]"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": float("inf")}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_completion_tokens"),
        ({"max_tokens": 10**400}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stop": [""]}, "stop"),
        ({"stop": [1]}, "stop[0]"),
        ({"n": 0}, "n"),
        ({"n": 17}, "n"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice.function.name"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logit_bias": {"5": 101}}, "logit_bias"),
        ({"min_tokens": -1}, "min_tokens"),
        ({"messages": [{"role": "user", "content": "x", "prefix": True}]}, "messages[0].prefix"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0]"),
    ],
)  # fmt: skip
def test_what_we_cannot_do_is_refused_by_its_path(changes, path):
    gateway = FakeGateway()
    response = client(gateway).post(
        PATH, content=json.dumps(ask(**changes)), headers={"content-type": "application/json"}
    )
    error = response.json()["error"]
    assert response.status_code == 400
    assert error["param"] == path
    assert error["type"] == "invalid_request_error"
    assert not gateway.asked


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"model":"\xff"}', b"[" * 100_000, b"\x00"])
def test_what_is_not_json_is_refused(body):
    response = client().post(PATH, content=body)
    assert response.status_code == 400
    assert response.json()["error"]["galerne_code"] == "invalid_request"


def test_no_error_repeats_the_prompt():
    secret = "the launch code is 0000"
    asked = ask(messages=[{"role": "user", "content": secret}], temperature=9, stop=[secret, 3])
    assert secret not in client().post(PATH, json=asked).text


def test_a_refusal_keeps_its_status_although_a_stream_was_asked():
    for failure, status, code in (
        (ContextTooLong(prompt_tokens=9000, context_tokens=2048), 400, "context_length_exceeded"),
        (Overloaded(n_waiting=8, retry_after_s=3.2), 503, "overloaded"),
        (NoNode(rejected={"home": "the engine is starting"}), 503, "no_node"),
    ):
        for stream in (False, True):
            response = client(FakeGateway(refusal=failure)).post(PATH, json=ask(stream=stream))
            assert response.status_code == status
            assert response.json()["error"]["code"] == code
            assert response.headers["x-should-retry"] == ("true" if status == 503 else "false")
            assert ("retry-after" in response.headers) == (status == 503)


def test_overload_says_how_long_to_wait():
    overload = Overloaded(n_waiting=8, retry_after_s=3.2)
    assert client(FakeGateway(refusal=overload)).post(PATH, json=ask()).headers["retry-after"] == "4"


def test_a_failure_in_the_middle_is_an_event_and_there_is_no_done():
    crash = EngineCrashed(engine="llama.cpp", exit_code=-9, tail="secret tail")
    response = client(FakeGateway(failure=crash)).post(PATH, json=ask(stream=True))
    *_, last = events(response)
    assert response.status_code == 200
    assert last["error"]["code"] == "engine_crashed"
    assert "secret tail" not in response.text


def test_our_own_mistake_shows_an_id_and_nothing_else(caplog):
    mistake = RuntimeError("prompt: my secret")
    for gateway in (FakeGateway(refusal=mistake), FakeGateway(failure=mistake)):
        for stream in (False, True):
            response = client(gateway).post(PATH, json=ask(stream=stream))
            text = response.text
            assert response.headers["x-request-id"] in text
            assert "internal_error" in text
            assert "secret" not in text
            assert "secret" not in caplog.text
            assert "RuntimeError" in caplog.text
            assert response.headers["x-request-id"] in caplog.text


def test_an_answer_that_was_cut_short_says_so():
    body = client(FakeGateway(reason=FinishReason.LENGTH)).post(PATH, json=ask()).json()
    assert body["choices"][0]["finish_reason"] == "length"


def test_advice_comes_in_the_language_of_the_reader():
    for headers, word in (({}, "Correct"), ({"accept-language": "fr-FR,en;q=0.5"}, "Corrigez")):
        response = client().post(PATH, json=ask(n=99), headers=headers)
        assert response.json()["error"]["advice"].startswith(word)


def test_unknown_model_names_the_nearest_in_both_dialects():
    openai = client().post(PATH, json=ask(model="galern"))
    mistral = client().post(PATH, json=ask(model="galern"), headers={"user-agent": "speakeasy mistralai"})
    assert openai.status_code == 404
    assert openai.json()["error"]["code"] == "model_not_found"
    assert mistral.status_code == 400
    assert mistral.json()["object"] == "error"
    assert mistral.json()["type"] == "invalid_model"
    assert mistral.json()["code"] == "1500"
    assert "galerne-mini" in openai.json()["error"]["message"]
    assert "galerne-mini" in mistral.json()["message"]


def test_mistral_clients_get_their_list_of_details():
    response = client().post(PATH, json=ask(temperature=5), headers={"user-agent": "mistralai"})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "temperature"]
