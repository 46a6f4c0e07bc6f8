"""What a request may ask of an answer's shape arrives at the engine as it was meant, or is refused."""

import asyncio
import json

import pytest

from galerne.api.wire.schemas import MAX_SCHEMA_DEPTH
from galerne.generation import Role, TokenChunk, ToolCall, ToolUse
from tests.api.fakes import FakeGateway, ask, client

PATH = "/v1/chat/completions"
FUNCTION = {"name": "weather", "description": "d", "parameters": {"type": "object", "properties": {}}}
TOOLS = [{"type": "function", "function": FUNCTION}]
CALL = {"id": "abc123XYZ", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
HELLO = {"role": "user", "content": "Bonjour"}


def asked(**changes):
    gateway = FakeGateway()
    response = client(gateway).post(PATH, json=ask(**changes))
    assert response.status_code == 200, response.text
    return gateway.asked[-1]


@pytest.mark.parametrize(
    ("choice", "use", "only"),
    [
        (None, ToolUse.AUTO, None),
        ("auto", ToolUse.AUTO, None),
        ("none", ToolUse.NONE, None),
        ("any", ToolUse.REQUIRED, None),
        ("required", ToolUse.REQUIRED, None),
        ({"type": "function", "function": {"name": "weather"}}, ToolUse.REQUIRED, "weather"),
    ],
)
def test_tools_are_used_as_both_dialects_say(choice, use, only):
    box = asked(tools=TOOLS, tool_choice=choice, parallel_tool_calls=False).tools
    assert (box.use, box.only, box.parallel) == (use, only, False)
    assert box.tools[0].name == "weather"


def test_calls_leave_with_an_id_of_nine_letters_and_digits_each():
    gateway = FakeGateway(pieces=(ToolCall(name="a", arguments="{}"), ToolCall(name="b", arguments="{}")))
    message = client(gateway).post(PATH, json=ask(tools=TOOLS)).json()["choices"][0]["message"]
    ids = [call["id"] for call in message["tool_calls"]]
    assert all(len(each) == 9 and each.isalnum() for each in ids)
    assert len(set(ids)) == 2


def test_results_are_tied_to_their_calls_by_id_or_by_their_order():
    for call_id in ("abc123XYZ", None, "null"):
        result = {"role": "tool", "content": "soleil", "tool_call_id": call_id, "name": "weather"}
        request = asked(messages=[HELLO, {"role": "assistant", "content": "", "tool_calls": [CALL]}, result])
        assert request.messages[1].tool_calls == (
            ToolCall(name="weather", arguments="{}", call_id="abc123XYZ"),
        )
        assert request.messages[2].role is Role.TOOL
        assert request.messages[2].tool_call_id == "abc123XYZ"


def test_calls_without_ids_of_mistrals_client_are_answered_in_their_order():
    calls = [{**CALL, "id": "null"}, {**CALL, "id": "null"}]
    results = [{"role": "tool", "content": text, "tool_call_id": "null"} for text in ("un", "deux")]
    request = asked(messages=[HELLO, {"role": "assistant", "tool_calls": calls}, *results])
    (_, spoken, first, second) = request.messages
    assert [call.call_id for call in spoken.tool_calls] == [first.tool_call_id, second.tool_call_id]
    assert first.tool_call_id != second.tool_call_id


def test_biases_and_a_least_length_reach_the_engine_in_their_own_words():
    sampling = asked(logit_bias={"5": -100, "17": 2.5}, min_tokens=3).sampling
    assert (sampling.logit_bias, sampling.min_new_tokens) == (((5, -100.0), (17, 2.5)), 3)
    assert asked(logit_bias={}, min_tokens=0).sampling == asked().sampling


def test_arguments_may_be_an_object_in_mistrals_dialect():
    call = {**CALL, "function": {"name": "weather", "arguments": {"city": "Brest"}}}
    messages = [
        HELLO,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "x", "tool_call_id": CALL["id"]},
    ]
    assert json.loads(asked(messages=messages).messages[1].tool_calls[0].arguments) == {"city": "Brest"}


@pytest.mark.parametrize(
    "messages",
    [
        [HELLO, {"role": "assistant", "tool_calls": [CALL]}],
        [HELLO, {"role": "assistant", "tool_calls": [CALL]}, HELLO],
        [HELLO, {"role": "tool", "content": "x", "tool_call_id": "abc123XYZ"}],
        [HELLO, {"role": "assistant", "content": "y"}],
    ],
)
def test_an_order_that_cannot_be_answered_is_refused_in_mistrals_words(messages):
    response = client().post(PATH, json=ask(messages=messages), headers={"user-agent": "mistralai"})
    body = response.json()
    assert (response.status_code, body["type"], body["code"]) == (
        400,
        "invalid_request_message_order",
        "3230",
    )
    assert "function calls and responses" in body["message"] or "Expected last role" in body["message"]


def test_a_shape_arrives_with_its_schema():
    assert asked(response_format={"type": "json_object"}).json.schema is None
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    assert asked(response_format=shape).json.schema == schema
    assert asked(response_format={"type": "text"}).json is None


def deep(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        deep(MAX_SCHEMA_DEPTH),
        {"enum": ["x" * 1000] * 100},
        {"type": "string", "pattern": "^(a?){200}$"},
        {"type": "string", "pattern": "^" + "a?" * 120 + "$"},
        {"type": "string", "pattern": "^a{0,100}$"},
        {"type": "string", "pattern": "x" * 300},
        {"anyOf": [{"type": "string", "pattern": "^a{0,20}$"}] * 5},
    ],
)
def test_a_hostile_schema_is_refused_before_it_reaches_the_engine(schema):
    gateway = FakeGateway()
    for changes in (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]},
    ):
        response = client(gateway).post(PATH, json=ask(**changes))
        assert response.status_code == 400
        assert (
            "schema" in response.json()["error"]["param"] or "parameters" in response.json()["error"]["param"]
        )
    assert not gateway.asked


def test_each_choice_is_asked_for_with_a_seed_of_its_own_and_the_prompt_counts_once():
    gateway = FakeGateway()
    body = client(gateway).post(PATH, json=ask(n=3, seed=5)).json()
    assert [request.sampling.seed for request in gateway.asked] == [5, 6, 7]
    assert len({request.request_id for request in gateway.asked}) == 3
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]) == (21, 9)
    assert body["usage"]["galerne"]["energy_j"]["full"] == pytest.approx(3 * 55.9)
    assert len(body["usage"]["galerne"]["answers"]) == 3


def test_a_beginning_is_gone_on_with_and_comes_with_the_answer():
    begun = [HELLO, {"role": "assistant", "content": "Je suis", "prefix": True}]
    gateway = FakeGateway(pieces=(" là",))
    body = client(gateway).post(PATH, json=ask(messages=begun)).json()
    assert gateway.asked[-1].continues
    assert body["choices"][0]["message"]["content"] == "Je suis là"


def test_the_safe_prompt_comes_first():
    assert asked(safe_prompt=True).messages[0].content.startswith("Always assist with care")


def test_thoughts_are_shown_to_those_who_ask_and_can_read_them():
    pieces = (TokenChunk(text="hm", thinking=True), "oui")
    for agent, effort, shown in (
        ("mistralai", "high", True),
        ("mistralai", None, False),
        ("mistralai", "none", False),
        ("OpenAI/Python", "high", False),
    ):
        response = client(FakeGateway(pieces=pieces)).post(
            PATH, json=ask(reasoning_effort=effort), headers={"user-agent": agent}
        )
        content = response.json()["choices"][0]["message"]["content"]
        assert isinstance(content, list) == shown
        assert "oui" in json.dumps(content)
        assert ("hm" in json.dumps(content)) == shown


def test_a_replayed_thought_is_told_apart():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True}
    replay = [HELLO, {"role": "assistant", "content": [thought, {"type": "text", "text": "oui"}]}, HELLO]
    assert (asked(messages=replay).messages[1].thinking, asked(messages=replay).messages[1].content) == (
        "hm",
        "oui",
    )


STRICT = {"user-agent": "mistralai", "galerne-strict": "mistral"}


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"store": False}, ["body", "store"]),
        ({"max_completion_tokens": 9}, ["body", "max_completion_tokens"]),
        ({"messages": [{**HELLO, "name": "ada"}]}, ["body", "messages", 0, "name"]),
    ],
)
def test_strictness_refuses_what_mistral_refuses_in_its_shape(changes, loc):
    assert client().post(PATH, json=ask(**changes), headers={"user-agent": "mistralai"}).status_code == 200
    response = client().post(PATH, json=ask(**changes), headers=STRICT)
    assert response.status_code == 422
    detail = response.json()["detail"][0]
    assert (detail["type"], detail["loc"]) == ("extra_forbidden", loc)
    assert detail["msg"] == "Extra inputs are not permitted"


def test_strictness_lets_pass_what_mistral_accepts():
    body = ask(random_seed=1, max_tokens=5, safe_prompt=False, tools=TOOLS, temperature=1.5)
    assert client().post(PATH, json=body, headers=STRICT).status_code == 200
    assert client().post(PATH, json=ask(temperature=1.6), headers=STRICT).status_code == 422


def test_a_long_silence_is_broken_by_comments():
    gateway = SlowGateway()
    with client(gateway, heartbeat_s=0.01).stream("POST", PATH, json=ask(stream=True)) as response:
        text = "".join(response.iter_text())
    assert text.startswith(": ")
    assert text.endswith("data: [DONE]\n\n")


class SlowGateway(FakeGateway):
    """Takes its time before the first event."""

    async def answer(self, request, *, payer, terms=None):
        await asyncio.sleep(0.1)
        async for event in super().answer(request, payer=payer, terms=terms):
            yield event
