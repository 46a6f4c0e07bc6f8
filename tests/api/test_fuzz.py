import functools
import json
from urllib.parse import quote

import jsonschema
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from tests.api.fakes import ask, client

CLIENT = client()
FIELDS = [
    "model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "stop", "seed",
    "max_completion_tokens", "random_seed", "presence_penalty", "frequency_penalty", "n", "tools",
    "tool_choice", "response_format", "logprobs", "safe_prompt", "metadata", "top_logprobs", "top_k", "min_p",
    "parallel_tool_calls", "reasoning_effort", "prompt_mode", "repetition_penalty", "min_tokens",
    "logit_bias",
]  # fmt: skip

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", ""])}, optional={"text": values, "image_url": values}
)
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


schemas = st.fixed_dictionaries(
    {"type": st.just("object")}, optional={"properties": values, "pattern": values}
)
functions = st.fixed_dictionaries(
    {"name": st.text(max_size=5) | st.just("f")}, optional={"parameters": schemas | values, "strict": values}
)
items = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["message", "function_call", "function_call_output", "reasoning"]) | values,
        "role": st.sampled_from(["user", "assistant", "system"]) | values,
        "content": values | st.lists(parts, max_size=2),
        "call_id": st.just("a") | values,
        "name": st.just("f") | values,
        "arguments": st.just("{}") | values,
        "output": values,
    },
)
SHARED = ("stream", "temperature", "top_p", "max_tokens", "stop", "seed", "random_seed", "stream_options")
OTHERS = {
    "/v1/chat/completions": {
        "messages": st.just([{"role": "user", "content": "x"}]),
        "tools": st.lists(st.fixed_dictionaries({"function": functions | values}), max_size=2),
        "response_format": st.fixed_dictionaries(
            {"type": st.just("json_schema"), "json_schema": st.fixed_dictionaries({"schema": schemas})}
        ),
    },
    "/v1/completions": {
        "prompt": st.text(max_size=5) | st.lists(st.text(max_size=5), max_size=3) | values,
        **dict.fromkeys((*SHARED, "n", "suffix", "logprobs", "echo", "best_of", "logit_bias"), values),
    },
    "/v1/fim/completions": {
        "prompt": st.text(max_size=5) | values,
        **dict.fromkeys((*SHARED, "suffix", "min_tokens"), values),
    },
    "/v1/embeddings": {
        "input": st.text(max_size=5) | st.lists(st.text(max_size=5), max_size=3) | values,
        **dict.fromkeys(("dimensions", "output_dimension", "encoding_format", "output_dtype"), values),
    },
    "/v1/responses": {
        "input": st.text(max_size=5) | st.lists(items, max_size=4) | values,
        **dict.fromkeys(
            ("instructions", "tools", "tool_choice", "text", "reasoning", "stream", "store", "metadata",
             "previous_response_id", "background", "truncation", "max_output_tokens", "parallel_tool_calls"),
            values,
        ),
    },
    "/v1/responses/input_tokens": {"input": st.lists(items, max_size=4) | values, "tools": values},
    "/v1/tokenize": {"prompt": st.text(max_size=5) | values},
    "/v1/tokenize/count": {
        "prompt": values,
        "messages": st.lists(messages, max_size=3) | values,
        "tools": st.lists(st.fixed_dictionaries({"function": functions}), max_size=2) | values,
    },
}  # fmt: skip


BODIES = {
    "/v1/chat/completions": "ChatRequest",
    "/v1/completions": "CompletionRequest",
    "/v1/fim/completions": "FimRequest",
    "/v1/embeddings": "EmbeddingsRequest",
    "/v1/responses": "ResponsesRequest",
    "/v1/responses/input_tokens": "ResponsesRequest",
    "/v1/tokenize": "TokensRequest",
    "/v1/tokenize/count": "TokensRequest",
}
"""The schema that OpenAPI gives for the body of each."""


@functools.cache
def described(path: str) -> jsonschema.Draft202012Validator:
    components = CLIENT.get("/openapi.json").json()["components"]
    schema = {"$ref": f"#/components/schemas/{BODIES[path]}", "components": components}
    return jsonschema.Draft202012Validator(schema)


def answers_clearly(content: bytes, path: str = "/v1/chat/completions") -> int:
    """Nothing is our mistake, a refusal names the field, and what the description excludes is refused."""
    response = CLIENT.post(path, content=content)
    assert response.status_code in {200, 400, 404}, response.text
    if response.status_code == 200:
        assert described(path).is_valid(json.loads(content)), "accepted, and described as impossible"
    else:
        words = response.json()["error"]
        assert words["message"]
        assert words["param"]
        if response.status_code == 404:
            assert words["code"] == "model_not_found"
    return response.status_code


def test_what_is_drawn_is_sometimes_accepted_and_sometimes_refused():
    for status in (200, 400):
        find(
            st.sampled_from(FIELDS[2:]).flatmap(lambda name: values.map(lambda value: {name: value})),
            lambda changes, status=status: answers_clearly(json.dumps(ask(**changes)).encode()) == status,
            settings=settings(max_examples=300, database=None),
        )


@given(bodies)
@settings(max_examples=150, deadline=None)
def test_no_request_is_our_mistake(body):
    answers_clearly(json.dumps(body).encode())


@given(st.sampled_from(FIELDS), values)
@settings(max_examples=150, deadline=None)
def test_no_field_is_our_mistake(name, value):
    answers_clearly(json.dumps(ask(**{name: value})).encode())


@pytest.mark.parametrize("path", OTHERS)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_no_request_to_another_route_is_our_mistake(path, data):
    kinds = OTHERS[path]
    required, *_ = kinds
    body = data.draw(
        st.fixed_dictionaries(
            {"model": st.just("galerne-mini"), required: kinds[required]},
            optional={name: kind for name, kind in kinds.items() if name != required},
        )
    )
    answers_clearly(json.dumps(body).encode(), path)


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
