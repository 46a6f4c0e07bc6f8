import json

import pytest

from galerne.errors import EngineCrashed
from galerne.generation import FinishReason, Role, TokenChunk, ToolCall
from tests.api.fakes import FakeGateway, client

PATH = "/v1/responses"
TOOLS = [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}]
CALL = {"type": "function_call", "call_id": "abc", "name": "weather", "arguments": "{}"}


def ask(**changes):
    return {"model": "galerne-mini", "input": "Bonjour", **changes}


def events(response):
    parts = [part for part in response.text.split("\n\n") if part]
    named = [part.split("\n") for part in parts]
    read = [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in named]
    assert all(name == data["type"] for name, data in read)
    assert [data["sequence_number"] for _, data in read] == list(range(len(read)))
    return [data for _, data in read]


def test_a_text_is_answered_with_an_item_and_a_receipt():
    gateway = FakeGateway()
    response = client(gateway).post(PATH, json=ask(instructions="Bref.", max_output_tokens=9))
    body = response.json()
    assert (body["object"], body["status"], body["store"]) == ("response", "completed", False)
    assert body["output"][0]["content"][0]["text"] == "Bonjour !"
    assert body["usage"]["input_tokens"] == 21
    assert body["usage"]["galerne"]["id"] == response.headers["galerne-receipt"]
    assert [m.role for m in gateway.asked[-1].messages] == [Role.SYSTEM, Role.USER]
    assert gateway.asked[-1].sampling.max_new_tokens == 9


def test_events_build_what_the_whole_says():
    pieces = (
        TokenChunk(text="hm", thinking=True),
        "Je ",
        "regarde.",
        ToolCall(name="weather", arguments="{}"),
    )
    whole = client(FakeGateway(pieces=pieces)).post(PATH, json=ask(tools=TOOLS)).json()
    read = events(client(FakeGateway(pieces=pieces)).post(PATH, json=ask(tools=TOOLS, stream=True)))
    assert [event["type"].removeprefix("response.") for event in read] == [
        "created", "in_progress",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
        "output_item.done", "completed",
    ]  # fmt: skip
    assert read[-1]["response"] == whole
    assert [item["type"] for item in whole["output"]] == ["message", "function_call"]
    assert whole["usage"]["output_tokens_details"]["reasoning_tokens"] == 1


def test_an_answer_without_a_word_is_an_empty_text():
    read = events(client(FakeGateway(pieces=())).post(PATH, json=ask(stream=True)))
    assert read[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_an_answer_cut_short_is_incomplete():
    gateway = FakeGateway(reason=FinishReason.LENGTH)
    assert events(client(gateway).post(PATH, json=ask(stream=True)))[-1]["type"] == "response.incomplete"
    assert client(gateway).post(PATH, json=ask()).json()["incomplete_details"] == {
        "reason": "max_output_tokens"
    }


def test_a_failure_on_the_way_is_an_event():
    crash = EngineCrashed(engine="llama.cpp", exit_code=-9)
    last = events(client(FakeGateway(failure=crash)).post(PATH, json=ask(stream=True)))[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"]["code"] == "engine_crashed"


def test_calls_and_results_come_back_as_turns():
    gateway = FakeGateway()
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Quel temps ?"}]},
        {"type": "reasoning", "summary": []},
        CALL,
        {"type": "function_call_output", "call_id": "abc", "output": "soleil"},
    ]
    assert client(gateway).post(PATH, json=ask(input=items)).status_code == 200
    said, asked, told = gateway.asked[-1].messages
    assert said.content == "Quel temps ?"
    assert asked.tool_calls[0].call_id == told.tool_call_id == "abc"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"input": []}, "input"),
        ({"input": [CALL]}, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "x", "output": ""}]}, "input[0]"),
        ({"input": [{"type": "image_generation_call"}]}, "input[0].type"),
        ({"input": [{"role": "assistant", "content": "x"}]}, "input"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_cannot_be_done_without_a_store_is_refused_by_its_path(changes, path):
    response = client().post(PATH, json=ask(**changes))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == path


def test_what_would_be_read_is_counted():
    body = client().post(f"{PATH}/input_tokens", json=ask()).json()
    assert body == {"object": "response.input_tokens", "input_tokens": 5}
