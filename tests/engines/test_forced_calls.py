import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.engines.forced_calls import MOST_CALLS, calls_schema, read_calls
from galerne.generation import Tool, Toolbox, ToolUse

TOOLS = tuple(Tool(name=name, description="", parameters={"type": "object"}) for name in ("a", "b"))
arguments = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=6), max_size=3)
calls = st.lists(st.fixed_dictionaries({"name": st.sampled_from("ab"), "arguments": arguments}), min_size=1)


@given(calls, st.integers(0, 3))
def test_what_was_called_is_read_however_it_is_spaced(asked, indent):
    read = read_calls(" " * indent + json.dumps(asked, indent=indent or None))
    assert [{"name": call.name, "arguments": json.loads(call.arguments)} for call in read] == asked


@given(calls, st.data())
def test_of_an_answer_cut_short_the_whole_calls_are_kept(asked, data):
    text = json.dumps(asked)
    read = read_calls(text[: data.draw(st.integers(0, len(text)))])
    assert [call.name for call in read] == [call["name"] for call in asked][: len(read)]


@pytest.mark.parametrize(
    ("changes", "most"), [({}, MOST_CALLS), ({"parallel": False}, 1), ({"only": "b"}, 1)]
)
def test_there_are_as_many_calls_as_may_be(changes, most):
    schema = calls_schema(Toolbox(tools=TOOLS, use=ToolUse.REQUIRED, **changes))
    assert (schema["minItems"], schema["maxItems"]) == (1, most)
    assert ("anyOf" in schema["items"]) == ("only" not in changes)
