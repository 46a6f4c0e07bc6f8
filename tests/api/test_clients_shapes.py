"""What official clients ask beyond plain answers, against a real daemon with the built-in model.

Its mind is tiny and its template has no tools, so shapes are asserted, not sense.
"""

import json

import jsonschema
import openai
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

MODEL = "galerne-mini"
HELLO = [{"role": "user", "content": "Bonjour, qui es-tu ?"}]
SCHEMA = {
    "type": "object",
    "properties": {"snow": {"type": "boolean"}, "day": {"enum": ["today", "tomorrow"]}},
    "required": ["snow", "day"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}]
SHAPE = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
COLD = {"model": MODEL, "messages": HELLO, "temperature": 0}


@pytest.fixture
def openai_client(live_url):
    with openai.OpenAI(base_url=f"{live_url}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def mistral_client(live_url):
    with Mistral(server_url=live_url, api_key="unused") as client:
        yield client


def is_call(name: str, arguments: str, call_id: str) -> None:
    jsonschema.validate(json.loads(arguments), SCHEMA)
    assert name == "weather"
    assert len(call_id) == 9
    assert call_id.isalnum()


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
def test_openai_calls_and_takes_the_result(openai_client, choice):
    create = openai_client.chat.completions.create
    asked = {**COLD, "tools": TOOLS, "tool_choice": choice, "max_tokens": 900, "parallel_tool_calls": False}
    answer = create(**asked).choices[0]
    assert answer.finish_reason == "tool_calls"
    (call,) = answer.message.tool_calls
    is_call(call.function.name, call.function.arguments, call.id)
    told = {"role": "tool", "tool_call_id": call.id, "content": "soleil"}
    messages = [*HELLO, answer.message.model_dump(exclude_none=True), told]
    assert create(model=MODEL, messages=messages, max_tokens=8).choices[0].message.content
    deltas = [chunk.choices[0].delta for chunk in create(**asked, stream=True)]
    (streamed,) = [call for delta in deltas for call in delta.tool_calls or ()]
    is_call(streamed.function.name, streamed.function.arguments, streamed.id)


def test_mistral_calls_and_takes_the_result(mistral_client):
    asked = {**COLD, "tools": TOOLS, "tool_choice": "any", "max_tokens": 900, "parallel_tool_calls": False}
    answer = mistral_client.chat.complete(**asked).choices[0]
    assert answer.finish_reason == "tool_calls"
    (call,) = answer.message.tool_calls
    is_call(call.function.name, call.function.arguments, call.id)
    told = {"role": "tool", "tool_call_id": call.id, "content": "soleil", "name": "weather"}
    assert (
        mistral_client.chat.complete(model=MODEL, messages=[*HELLO, answer.message, told], max_tokens=8)
        .choices[0]
        .message.content
    )
    with mistral_client.chat.stream(**asked) as stream:
        chunks = [event.data for event in stream]
    (streamed,) = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    is_call(streamed.function.name, streamed.function.arguments, streamed.id)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_tools_of_its_own_accord_are_refused_where_the_model_has_no_words_for_them(
    openai_client, mistral_client
):
    with pytest.raises(openai.BadRequestError, match="Function calling is not enabled for this model"):
        openai_client.chat.completions.create(**COLD, tools=TOOLS)
    with pytest.raises(SDKError, match="Function calling is not enabled for this model"):
        mistral_client.chat.complete(**COLD, tools=TOOLS)
    assert not mistral_client.models.retrieve(model_id=MODEL).capabilities.function_calling


def test_json_by_a_schema_in_both_dialects(openai_client, mistral_client):
    openai_answer = openai_client.chat.completions.create(**COLD, response_format=SHAPE, max_tokens=900)
    mistral_answer = mistral_client.chat.complete(**COLD, response_format=SHAPE, max_tokens=900)
    for answer in (openai_answer, mistral_answer):
        assert answer.choices[0].finish_reason == "stop"
        jsonschema.validate(json.loads(answer.choices[0].message.content), SCHEMA)
    whole = mistral_client.chat.complete(**COLD, response_format={"type": "json_object"}, max_tokens=30)
    assert whole.choices[0].message.content.lstrip().startswith("{")


def test_a_schema_the_engine_cannot_follow_is_the_requests_fault(openai_client):
    for schema in (
        {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}},
        {"$ref": "https://example.org/schema.json"},
        {"type": "nonsense"},
    ):
        shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        with pytest.raises(openai.BadRequestError):
            openai_client.chat.completions.create(**COLD, response_format=shape)


def test_choices_and_likelihoods(openai_client, mistral_client):
    answer = openai_client.chat.completions.create(
        model=MODEL, messages=HELLO, n=2, seed=1, temperature=1, max_tokens=6, logprobs=True, top_logprobs=2
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice in answer.choices:
        assert "".join(token.token for token in choice.logprobs.content) == choice.message.content
        assert all(len(token.top_logprobs) == 2 for token in choice.logprobs.content)
    assert len(answer.usage.galerne["answers"]) == 2
    both = mistral_client.chat.complete(model=MODEL, messages=HELLO, n=2, max_tokens=4)
    assert len(both.choices) == 2


def test_mistral_goes_on_with_a_beginning_and_is_safe_when_told(mistral_client):
    begun = [*HELLO, {"role": "assistant", "content": "Je suis", "prefix": True}]
    asked = {"model": MODEL, "messages": begun, "temperature": 0, "max_tokens": 6, "safe_prompt": True}
    whole = mistral_client.chat.complete(**asked).choices[0].message.content
    assert whole.startswith("Je suis")
    assert len(whole) > len("Je suis")
    with mistral_client.chat.stream(**asked) as stream:
        assert "".join(event.data.choices[0].delta.content for event in stream) == whole


def test_openai_texts_and_responses(openai_client):
    text = openai_client.completions.create(model=MODEL, prompt="Galerne est", max_tokens=5, temperature=0)
    assert text.choices[0].text
    assert text.usage.completion_tokens <= 5
    streamed = openai_client.completions.create(
        model=MODEL, prompt="Galerne est", max_tokens=5, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in streamed) == text.choices[0].text
    asked = {"model": MODEL, "input": "Bonjour", "temperature": 0, "max_output_tokens": 12}
    response = openai_client.responses.create(**asked)
    assert response.output_text
    events = list(openai_client.responses.create(**asked, stream=True))
    assert events[-1].response.output_text == response.output_text
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == response.output_text
    shape = {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}}
    shaped = openai_client.responses.create(model=MODEL, input="x", text=shape, max_output_tokens=900)
    jsonschema.validate(json.loads(shaped.output_text), SCHEMA)
    flat = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}]
    called = openai_client.responses.create(
        model=MODEL, input="x", tools=flat, tool_choice="required", parallel_tool_calls=False
    )
    is_call(called.output[0].name, called.output[0].arguments, called.output[0].call_id)
    counted = openai_client.responses.input_tokens.count(model=MODEL, input="Bonjour")
    assert counted.input_tokens == response.usage.input_tokens
    assert response.usage.galerne["id"]


def test_what_the_builtin_model_cannot_do_is_said(openai_client, mistral_client):
    with pytest.raises(openai.BadRequestError, match="Embedding is not enabled for this model"):
        openai_client.embeddings.create(model=MODEL, input="vent")
    with pytest.raises(SDKError, match="FIM is not enabled for this model") as missing:
        mistral_client.fim.complete(model=MODEL, prompt="def f(", suffix="return")
    assert json.loads(missing.value.body)["code"] == "3051"
    with pytest.raises(SDKError, match="Embedding is not enabled"):
        mistral_client.embeddings.create(model=MODEL, inputs=["vent"])


def test_mistral_responses(mistral_client):
    asked = {"model": MODEL, "input": "Bonjour", "temperature": 0, "max_output_tokens": 12}
    response = mistral_client.responses.create(**asked)
    said = response.output[0].content[0].text
    assert said
    with mistral_client.responses.create(**asked, stream=True) as stream:
        events = [event.data for event in stream]
    assert events[-1].type in {"response.completed", "response.incomplete"}
    assert events[-1].response.output[0].content[0].text == said
    counted = mistral_client.responses.count_input_tokens(model=MODEL, input="Bonjour")
    assert counted.input_tokens == response.usage.input_tokens
    assert response.usage.additional_properties["galerne"]["id"]
