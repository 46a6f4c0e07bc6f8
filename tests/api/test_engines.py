import pytest
from starlette.datastructures import Headers

from galerne.api.answering import MOST_PATIENCE_S, load_terms
from galerne.errors import DoesNotFit, ModelLoading, UnknownModel
from galerne.fleet import LoadTerms
from tests.api.fakes import FakeGateway, client

CHAT = {"model": "galerne-mini", "messages": [{"role": "user", "content": "Bonjour"}]}
LOADING = ModelLoading(model="large", elapsed_s=12.0, progress_ratio=0.25, retry_after_s=36.0)


def test_what_is_loaded_is_shown_with_its_power_and_its_queue():
    (row,) = client().get("/v1/galerne/engines").json()["data"]
    assert row["model_id"] == "galerne-mini"
    assert row["presence"] == "loaded"
    assert (row["n_active"], row["n_waiting"], row["n_slots"]) == (1, 2, 4)
    assert (row["power_w"], row["power_method"]) == (3.5, "modelled")
    assert row["unload_in_s"] is None


def test_a_model_is_loaded_pinned_and_unloaded_by_name():
    gateway = FakeGateway()
    here = client(gateway)
    order = {"pinned": True, "load_anyway": True, "wait_s": 3}
    assert here.put("/v1/admin/engines/mini", json=order).json()["model_id"] == "galerne-mini"
    assert here.delete("/v1/admin/engines/galerne-mini", params={"now": True}).status_code == 200
    assert gateway.loads == [("mini", LoadTerms(patience_s=3.0, anyway=True), True)]
    assert gateway.unloads == [("galerne-mini", True)]


def test_a_name_with_a_slash_reaches_the_gateway_whole():
    gateway = FakeGateway(refusal=UnknownModel(model="mistralai/x:3b"))
    answer = client(gateway).delete("/v1/admin/engines/mistralai/x:3b")
    assert answer.status_code == 404
    assert "mistralai/x:3b" in answer.json()["error"]["message"]


def test_a_client_that_does_not_wait_is_told_how_far_the_load_is():
    answer = client(FakeGateway(refusal=LOADING)).post("/v1/chat/completions", json=CHAT)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "36"
    assert answer.headers["x-should-retry"] == "true"
    error = answer.json()["error"]
    assert error["code"] == "model_loading"
    assert error["loading"] == {
        "state": "loading",
        "progress": 0.25,
        "elapsed_seconds": 12.0,
        "eta_seconds": 36.0,
    }


def test_a_model_that_does_not_fit_is_refused_with_both_numbers_and_a_way_out():
    refusal = DoesNotFit(needed_bytes=8_000_000_000, free_bytes=2_500_000_000, model="large")
    answer = client(FakeGateway(refusal=refusal)).post("/v1/chat/completions", json=CHAT)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert "large needs 8.00 GB and 2.50 GB are free" in error["message"]
    assert "galerne-load: anyway" in error["advice"]


@pytest.mark.parametrize(
    ("headers", "terms"),
    [
        ({}, LoadTerms()),
        ({"prefer": "wait=0"}, LoadTerms(patience_s=0.0)),
        ({"prefer": "respond-async, Wait = 30"}, LoadTerms(patience_s=30.0)),
        ({"prefer": "wait=999999999"}, LoadTerms(patience_s=MOST_PATIENCE_S)),
        ({"prefer": "wait=soon"}, LoadTerms()),
        ({"prefer": "await=3"}, LoadTerms()),
        ({"galerne-load": "Anyway"}, LoadTerms(anyway=True)),
        ({"galerne-load": "no"}, LoadTerms()),
    ],
)
def test_a_client_says_in_a_header_how_long_it_waits(headers, terms):
    assert load_terms(Headers(headers)) == terms


def test_what_the_headers_say_reaches_the_gateway():
    gateway = FakeGateway()
    headers = {"prefer": "wait=7", "galerne-load": "anyway"}
    assert client(gateway).post("/v1/chat/completions", json=CHAT, headers=headers).status_code == 200
    assert gateway.terms == [LoadTerms(patience_s=7.0, anyway=True)]


def test_a_body_that_is_no_text_is_the_requests_fault():
    response = client().put(
        "/v1/admin/engines/mini", content=b"\xf7\xcd\x8b\x14", headers={"content-type": "application/json"}
    )
    assert (response.status_code, response.json()["error"]["param"]) == (400, "body")
