"""Tools inside answers, over HTTP: what a browser would get, without one."""

import dataclasses
import json

import httpx
import pytest

from galerne.chat.client.api import ApiClient
from galerne.chat.tools.own import own_tools
from galerne.chat.tools.records import UseStatus
from galerne.chat.tools.toolbox import Toolbox
from galerne.chat.web import create_web
from galerne.clock import ManualClock
from tests.chat.fake_api import served
from tests.chat.test_web import AS_SCRIPT, ask, events, wait_for

SUM = ("calculator", '{"expression": "6 * 7"}')


@pytest.fixture
def web_url(api_url, chat_store):
    client = ApiClient(api_url)
    own = own_tools(client, clock=ManualClock())
    asking = [dataclasses.replace(tool, asks=tool.name == "my_usage") for tool in own]
    with served(create_web(client, store=chat_store, toolbox=Toolbox(asking))) as url:
        yield url


@pytest.fixture
def web(web_url):
    with httpx.Client(base_url=web_url, timeout=20, headers={"accept-language": "en"}) as client:
        yield client


def use_of(store, answer):
    uses = store.message(answer).tool_uses
    return uses[0] if uses else None


def decide(web, answer, use, decision):
    path = f"/ui/answers/{answer}/tools/{use.id}"
    return web.post(path, data={"decision": decision}, headers=AS_SCRIPT).status_code


def test_a_tool_runs_and_the_model_goes_on_with_its_reply(web, fake_api, store):
    fake_api.calls = [[SUM, ("clock", "{}")]]
    asked = ask(web)
    streamed = [json.loads(data) for _, name, data in events(web, asked["answer"]) if name == "block"]
    assert any("Calculator" in block["html"] and "42" in block["html"] for block in streamed)
    first, second = fake_api.asked
    assert {tool["function"]["name"] for tool in first["tools"]} >= {"calculator", "clock"}
    assert "my_usage" not in {tool["function"]["name"] for tool in first["tools"]}
    said, *replies = second["messages"][-3:]
    assert [call["function"]["name"] for call in said["tool_calls"]] == ["calculator", "clock"]
    assert replies[0] == {
        "role": "tool",
        "tool_call_id": said["tool_calls"][0]["id"],
        "name": "calculator",
        "content": "42",
    }
    message = store.message(asked["answer"])
    assert message.content == "Let me see.Hello, **world**."
    assert [use.status for use in message.tool_uses] == [UseStatus.DONE, UseStatus.DONE]
    assert len(message.past_receipts) == 1  # each part of the answer has its own bill
    assert message.receipt["id"] != message.past_receipts[0]["id"]


def test_the_stored_page_shows_what_was_streamed(web, fake_api, store):
    fake_api.calls = [[SUM]]
    asked = ask(web)
    blocks = {}
    for _, name, data in events(web, asked["answer"]):
        if name == "block":
            blocks[json.loads(data)["index"]] = json.loads(data)["html"]
    page = web.get(asked["address"]).text
    assert page.index("Let me see.") < page.index("6 * 7") < page.index("<strong>world</strong>")
    again = [json.loads(data) for _, name, data in events(web, asked["answer"]) if name == "block"]
    assert {block["index"]: block["html"] for block in again} == blocks
    assert "Calculatrice" in web.get(asked["address"], headers={"accept-language": "fr"}).text


def test_the_next_question_takes_the_calls_along(web, fake_api):
    fake_api.calls = [[SUM]]
    asked = ask(web)
    events(web, asked["answer"])
    events(web, ask(web, conversation=asked["conversation"])["answer"])
    roles = [message["role"] for message in fake_api.asked[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


@pytest.mark.parametrize(("decision", "status"), [("once", "done"), ("deny", "denied")])
def test_a_tool_that_asks_waits_for_the_person(web, fake_api, store, decision, status):
    fake_api.calls = [[("my_usage", "{}")]]
    asked = ask(web, instructions="", tools="chosen", **{"tool:my_usage": "1"})
    wait_for(lambda: (use := use_of(store, asked["answer"])) and use.status is UseStatus.ASKED)
    use = use_of(store, asked["answer"])
    with web.stream("GET", f"/ui/answers/{asked['answer']}/events") as response:
        assert any("data-decide" in line for line in response.iter_lines())
    assert len(fake_api.asked) == 1
    assert decide(web, asked["answer"], use, "perhaps") == 422
    assert decide(web, asked["answer"], use, decision) == 204
    assert decide(web, asked["answer"], use, decision) in {204, 409}
    events(web, asked["answer"])
    assert use_of(store, asked["answer"]).status.value == status
    assert len(fake_api.asked) == 2
    content = fake_api.asked[-1]["messages"][-1]["content"]
    assert ("n_answers" in content) == (decision == "once")


def test_what_is_allowed_in_a_conversation_asks_no_more(web, fake_api, store):
    fake_api.calls = [[("my_usage", "{}")], [("my_usage", "{}")]]
    fields = {"instructions": "", "tools": "chosen", "tool:my_usage": "1"}
    asked = ask(web, **fields)
    wait_for(lambda: (use := use_of(store, asked["answer"])) and use.status is UseStatus.ASKED)
    assert decide(web, asked["answer"], use_of(store, asked["answer"]), "conversation") == 204
    events(web, asked["answer"])
    assert len(store.message(asked["answer"]).tool_uses) == 2
    assert store.conversation(asked["conversation"]).allowed_tools == ("my_usage",)


def test_an_answer_stopped_while_a_tool_asks_ends_and_the_tool_is_not_used(web, fake_api, store):
    fake_api.calls = [[("my_usage", "{}")]]
    asked = ask(web, instructions="", tools="chosen", **{"tool:my_usage": "1"})
    wait_for(lambda: (use := use_of(store, asked["answer"])) and use.status is UseStatus.ASKED)
    web.post(f"/ui/answers/{asked['answer']}/stop", headers=AS_SCRIPT)
    wait_for(lambda: store.message(asked["answer"]).status.value == "stopped")
    wait_for(lambda: use_of(store, asked["answer"]).status is UseStatus.DENIED)
    assert len(fake_api.asked) == 1


def test_a_model_that_calls_for_ever_is_stopped_and_answers(web, fake_api, store):
    fake_api.calls = [[SUM] for _ in range(50)]
    asked = ask(web)
    events(web, asked["answer"])
    message = store.message(asked["answer"])
    assert message.status.value == "done"
    assert len(message.tool_uses) == 8
    assert "tools" not in fake_api.asked[-1]


def test_unknown_tools_and_hostile_arguments_fail_in_their_card_alone(web, fake_api, store):
    fake_api.calls = [[("rm_rf", "{}"), ("calculator", "<script>alert(1)</script>")]]
    asked = ask(web)
    events(web, asked["answer"])
    message = store.message(asked["answer"])
    assert message.status.value == "done"
    assert [use.status for use in message.tool_uses] == [UseStatus.FAILED, UseStatus.FAILED]
    assert "<script>alert(1)" not in web.get(asked["address"]).text


def test_without_tools_chosen_none_are_offered(web, fake_api):
    events(web, ask(web, instructions="", tools="chosen")["answer"])
    assert "tools" not in fake_api.asked[-1]
    events(web, ask(web, model="ministral-3-3b")["answer"])  # it does not call of its own accord
    assert "tools" not in fake_api.asked[-1]
