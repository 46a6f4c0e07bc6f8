"""A request that is sent twice is answered once."""

import pytest

from galerne.api.idempotency import KEPT_S, MOST_KEY_CHARACTERS
from galerne.clock import ManualClock
from galerne.errors import StoreUnreachable
from tests.api.fakes import FakeGateway, ask, client

KEY = {"idempotency-key": "order-66"}
URL = "/v1/chat/completions"


@pytest.fixture
def gateway():
    return FakeGateway()


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_answer_comes_again_with_the_same_receipt_and_no_second_bill(gateway, stream):
    server = client(gateway)
    first, second = (server.post(URL, json=ask(stream=stream), headers=KEY) for _ in range(2))
    assert first.content == second.content
    assert first.headers["galerne-receipt"] == second.headers["galerne-receipt"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert len(gateway.asked) == 1


def test_without_the_header_or_with_another_each_request_is_answered(gateway):
    server = client(gateway)
    for headers in ({}, {}, KEY, {"idempotency-key": "order-67"}):
        assert server.post(URL, json=ask(), headers=headers).status_code == 200
    assert len(gateway.asked) == 4


def test_a_key_is_for_one_request(gateway):
    server = client(gateway)
    server.post(URL, json=ask(), headers=KEY)
    refused = server.post(URL, json=ask(max_tokens=3), headers=KEY)
    assert refused.status_code in {400, 422}
    assert "another request" in refused.text
    too_long = server.post(URL, json=ask(), headers={"idempotency-key": "k" * (MOST_KEY_CHARACTERS + 1)})
    assert too_long.status_code in {400, 422}
    assert len(gateway.asked) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_what_failed_is_asked_anew(gateway, stream):
    server = client(gateway)
    gateway.failure = StoreUnreachable(store="ledger", problem="disk full")
    server.post(URL, json=ask(stream=stream), headers=KEY)
    gateway.failure = None
    again = server.post(URL, json=ask(stream=stream), headers=KEY)
    assert again.status_code == 200
    assert "idempotent-replayed" not in again.headers
    assert len(gateway.asked) == 2


def test_an_answer_is_kept_for_ten_minutes(gateway):
    clock = ManualClock()
    server = client(gateway, clock=clock)
    server.post(URL, json=ask(), headers=KEY)
    clock.advance(KEPT_S + 1)
    assert "idempotent-replayed" not in server.post(URL, json=ask(), headers=KEY).headers
    assert len(gateway.asked) == 2
