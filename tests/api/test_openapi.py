import functools

import jsonschema
import pytest

from tests.api.fakes import ask, client


@functools.cache
def document() -> dict:
    return client(fit=list, pulls=list).get("/openapi.json").json()


def references(node) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


def fits(value, name: str) -> None:
    described = document()
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_every_reference_leads_somewhere():
    described = document()
    assert references(described)
    for reference in references(described):
        node = described
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/models", "ModelList"),
        ("GET", "/v1/models/mini", "ModelCard"),
        ("GET", "/v1/receipts/rcpt_1", "SourcedReceiptBody"),
        ("GET", "/v1/usage", "UsageReportBody"),
        ("GET", "/v1/galerne/chain", "ChainBody"),
        ("GET", "/v1/galerne/fit", "FitList"),
        ("GET", "/v1/galerne/pulls", "PullList"),
        ("GET", "/health", "Health"),
        ("POST", "/v1/chat/completions", "ChatCompletion"),
        ("POST", "/v1/completions", "TextCompletion"),
        ("POST", "/v1/fim/completions", "ChatCompletion"),
        ("POST", "/v1/embeddings", "EmbeddingList"),
        ("POST", "/v1/responses", "ResponseBody"),
        ("POST", "/v1/responses/input_tokens", "InputTokens"),
        ("POST", "/v1/tokenize", "TokenList"),
        ("POST", "/v1/tokenize/count", "TokenCount"),
        ("GET", "/v1/nothing", "ProblemBody"),
    ],
)
def test_what_is_sent_is_what_is_described(method, path, name):
    asked = {**ask(), "prompt": "x", "input": "x"}
    asked.pop({"/v1/tokenize": "messages", "/v1/tokenize/count": "messages"}.get(path, "prompt"))
    if path in {"/v1/completions", "/v1/fim/completions"}:
        asked["prompt"] = "x"
    body = asked if method == "POST" else None
    sent = client(fit=list, pulls=list).request(method, path, json=body).json()
    assert sent
    fits(sent, name)  # or raises


def test_the_description_says_which_schema_answers_where():
    paths = document()["paths"]
    answer = paths["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    assert answer["application/json"]["schema"]["$ref"].endswith("/ChatCompletion")
    assert "text/event-stream" in answer
    problem = paths["/v1/models"]["get"]["responses"]["4XX"]["content"]["application/json"]
    assert problem["schema"]["$ref"].endswith("/ProblemBody")


def test_a_described_request_is_an_accepted_one():
    described = document()["components"]["schemas"]["ChatRequest"]
    for example in [*described["examples"], ask(stop=["a", "b"], seed=1, temperature=0.2)]:
        fits(example, "ChatRequest")
        assert client().post("/v1/chat/completions", json=example).status_code == 200


@pytest.mark.parametrize(
    "changes", [{"temperature": 3}, {"messages": []}, {"max_tokens": "5"}, {"stream": 1}]
)
def test_what_is_refused_is_not_described_as_accepted(changes):
    assert client().post("/v1/chat/completions", json=ask(**changes)).status_code == 400
    with pytest.raises(jsonschema.ValidationError):
        fits(ask(**changes), "ChatRequest")


def test_every_operation_has_a_summary_and_a_tag():
    for item in document()["paths"].values():
        for operation in item.values():
            assert operation["summary"]
            assert operation["tags"]
