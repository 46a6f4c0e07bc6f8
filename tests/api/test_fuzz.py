import json
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.fakes import ask, client

CLIENT = client()
FIELDS = [
    "model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "stop", "seed",
    "max_completion_tokens", "random_seed", "presence_penalty", "frequency_penalty", "n", "tools",
    "tool_choice", "response_format", "logprobs", "safe_prompt", "metadata",
]  # fmt: skip

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
parts = st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url", ""])}, optional={"text": values})
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "wizard"])},
    optional={
        "content": values | st.lists(parts, max_size=3),
        "name": values,
        "prefix": values,
        "tool_calls": values,
        "tool_call_id": values,
    },
)
bodies = st.fixed_dictionaries(
    {"model": st.just("galerne-mini") | values, "messages": st.lists(messages, max_size=3) | values},
    optional=dict.fromkeys(FIELDS[2:], values),
)


def answers_clearly(content: bytes) -> None:
    response = CLIENT.post("/v1/chat/completions", content=content)
    assert response.status_code in {200, 400, 404}, response.text
    if response.status_code != 200:
        words = response.json()["error"]
        assert words["message"]
        assert words["param"]


@given(bodies)
@settings(max_examples=150, deadline=None)
def test_no_request_is_our_mistake(body):
    answers_clearly(json.dumps(body).encode())


@given(st.sampled_from(FIELDS), values)
@settings(max_examples=150, deadline=None)
def test_no_field_is_our_mistake(name, value):
    answers_clearly(json.dumps(ask(**{name: value})).encode())


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_bytes_are_our_mistake(content):
    answers_clearly(content)


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_path_or_query_is_our_mistake(path, query):
    safe = quote(path, safe="")
    for url in (f"/v1/models/{safe}", f"/v1/receipts/{safe}", "/v1/usage"):
        response = CLIENT.get(url, params={"since": query, "group_by": query})
        assert response.status_code < 500, response.text
