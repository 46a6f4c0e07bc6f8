"""How a conversation with an assistant is answered, ``@name``, and files of assistants out and in."""

import json

import pytest

from galerne.chat.assistants import Assistant, Profile, manner_for, mentioned, read_assistant, write_assistant
from galerne.chat.history.records import Manner
from galerne.errors import InvalidRequest

SAILOR = Profile(
    name="Vieux loup de mer",
    purpose="Weather at sea",
    model_id="ministral-3-3b",
    manner=Manner(
        instructions="Answer like a sailor.", temperature=0.2, max_new_tokens=400, tools=("calculator",)
    ),
)


def kept(name):
    return Assistant(id=name, profile=Profile(name=name), created_at=0.0, changed_at=0.0)


def test_instructions_add_up_own_parameters_win_and_the_assistants_tools_stand():
    own = Manner(instructions="Be brief.", temperature=1.0, tools=("clock", "calculator"))
    asked = manner_for(own, assistant=SAILOR, shared="We sail.")
    assert asked.instructions == "We sail.\n\nAnswer like a sailor.\n\nBe brief."
    assert asked.temperature == 1.0
    assert asked.max_new_tokens == 400
    assert asked.tools == ("calculator",)


def test_without_an_assistant_a_conversation_is_answered_in_its_own_manner():
    own = Manner(instructions="Be brief.", temperature=1.0, tools=("clock",))
    assert manner_for(own, assistant=None) == own
    assert manner_for(own, assistant=Profile(name="x")) == own


@pytest.mark.parametrize(
    ("question", "name", "rest"),
    [
        ("@Winds of the north blow?", "Winds of the north", "blow?"),
        ("@winds blow?", "Winds", "blow?"),
        ("@ÉLISE, ça va ?", "Elise", "ça va ?"),
        ("@elise: ça va ?", "Elise", "ça va ?"),
    ],
)
def test_a_name_at_the_beginning_is_meant_the_longer_one_first(question, name, rest):
    found = mentioned(question, [kept("Winds"), kept("Winds of the north"), kept("Elise")])
    assert found is not None
    assert (found[0].id, found[1]) == (name, rest)


@pytest.mark.parametrize(
    "question", ["Winds?", "@Windsock, what is it?", "@Winds", "@ Winds x", "a @Winds b", "@nobody hi", "@"]
)
def test_what_names_nobody_stays_a_plain_question(question):
    assert mentioned(question, [kept("Winds")]) is None


def test_a_file_brings_the_same_assistant_back():
    text = write_assistant(SAILOR, documents=["winds.pdf"])
    assert read_assistant(text.encode()) == SAILOR
    assert json.loads(text)["documents"] == ["winds.pdf"]
    bare = Profile(name="x", manner=Manner(tools=()))
    assert read_assistant(write_assistant(bare).encode()) == bare


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"galerne_assistant": 2}, "galerne_assistant"),
        ({"name": " "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"instructions": 4}, "instructions"),
        ({"instructions": "x" * 20_001}, "instructions"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"tools": "all"}, "tools"),
        ({"tools": ["x" * 201]}, "tools"),
        ({"command": ["rm"]}, "command"),
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused_where_it_does(change, path):
    document = json.loads(write_assistant(SAILOR)) | change
    with pytest.raises(InvalidRequest) as refused:
        read_assistant(json.dumps(document).encode())
    assert refused.value.path == path


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b"[" * 100_000, b"x" * 200_001])
def test_what_is_no_file_of_an_assistant_is_refused(content):
    with pytest.raises(InvalidRequest):
        read_assistant(content)
