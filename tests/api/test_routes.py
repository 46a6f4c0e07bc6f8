import pytest

from galerne.errors import StoreUnreachable
from galerne.fleet import ModelPrice, QueuePlace, QueueView
from galerne.ledger import Limit, Period, Standing, Unit, parts_of
from tests.api.fakes import FakeGateway, FakeLedger, client


def test_model_cards_have_what_mistral_clients_insist_on():
    listed = client().get("/v1/models").json()
    assert listed["object"] == "list"
    (card,) = listed["data"]
    assert card["type"] == "base"
    assert card["capabilities"]["completion_chat"] is True
    assert card["max_context_length"] == 2048
    assert card["aliases"] == ["mini"]
    for name in ("galerne-mini", "mini"):
        assert client().get(f"/v1/models/{name}").json() == card


def test_a_model_that_is_not_there():
    response = client().get("/v1/models/galern-min")
    assert response.status_code == 404
    assert "galerne-mini" in response.json()["error"]["message"]


def test_health_says_whether_answers_can_be_had():
    up, starting = client().get("/health"), client(FakeGateway(ready=False)).get("/health")
    assert up.json() == {
        "status": "ok",
        "version": "0.1.0",
        "engine": "ready",
        "n_loaded": 1,
        "n_loading": 0,
        "n_installed": 3,
    }
    assert client().head("/health").status_code == 200
    assert starting.status_code == 503
    assert starting.json()["engine"] == "starting"
    assert starting.json()["status"] == "loading"
    assert "retry-after" in starting.headers


def test_a_receipt_comes_with_its_sources():
    body = client().get("/v1/receipts/rcpt_1").json()
    assert body["id"] == "rcpt_1"
    assert body["model"] == "galerne-mini"
    assert body["status"] == "provisional"
    assert body["facility_j"] == pytest.approx(55.9)
    assert body["co2e_g"]["use"] == pytest.approx(55.9 / 3.6e6 * 41.4)
    assert set(body["sources"]["g_per_kwh"]) == {"key", "title", "url"}
    assert body["sources"]["eur_per_kwh"] == {
        "key": "user-price",
        "title": "Price that the user gave",
        "url": "",
    }


def test_a_receipt_that_is_not_there():
    response = client().get("/v1/receipts/rcpt_9")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_receipt"


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", ("total", None, None)),
        ("?group_by=model", ("model", None, None)),
        ("?group_by=day&since=1767225600&until=1767229200.5", ("day", 1767225600.0, 1767229200.5)),
        ("?since=2026-01-01&until=2026-01-01T01:00:00Z", ("total", 1767225600.0, 1767229200.0)),
        ("?since=2026-01-01T01:00:00%2B01:00", ("total", 1767225600.0, None)),
    ],
)
def test_usage_is_asked_by_group_and_time(query, asked):
    ledger = FakeLedger()
    body = client(ledger=ledger).get(f"/v1/usage{query}").json()
    assert ledger.asked == [asked]
    assert body["adds_up"] is True
    assert body["accounts_j"]["meter"] == pytest.approx(55.9)
    assert body["rows"][0]["energy_j"] == {"active": 41.2, "full": 55.9}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("group_by=moon", "group_by"),
        ("since=yesterday", "since"),
        ("until=nan", "until"),
        ("since=1e300", "since"),
    ],
)
def test_usage_refuses_what_it_cannot_read(query, path):
    response = client().get(f"/v1/usage?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["param"] == path


def test_a_ledger_that_cannot_be_reached_is_said():
    class Broken(FakeLedger):
        def receipt(self, receipt_id):
            raise StoreUnreachable(store="ledger", problem="disk full")

    response = client(ledger=Broken()).get("/v1/receipts/rcpt_1")
    assert response.status_code == 503
    assert response.headers["retry-after"]


def test_the_chain_has_every_link():
    body = client().get("/v1/galerne/chain").json()
    assert list(body) == ["at", "grid", "place", "machine", "engine", "accounts_j", "answer"]
    assert body["grid"]["g_per_kwh"] == 41.4
    assert body["grid"]["direct_g_per_kwh"] is None
    assert body["grid"]["sources"]["g_per_kwh"]["key"] == "owid-2026"
    assert body["machine"]["history_w"] == [4.0, 12.0]
    assert body["engine"]["state"] == "ready"
    assert body["answer"]["id"] == "rcpt_1"
    assert body["answer"]["completion_tokens"] == 3


def test_unknown_routes_and_methods_fail_in_the_same_shape():
    for path in ("/nothing", "/v1/nothing", "/docs", "/redoc"):
        response = client().get(path)
        assert response.status_code == 404
        assert response.json()["error"]["galerne_code"] == "unknown_route"
    response = client().delete("/v1/models")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"


def test_who_waits_is_told_by_key_to_an_administrator():
    view = QueueView(
        node_id="local",
        model_id="galerne-mini",
        n_slots=4,
        n_active=4,
        n_waiting=3,
        waiting_tokens=900.0,
        first_token_s=12.5,
        n_waiting_by_key={"key_a": 3},
    )
    (line,) = client(FakeGateway(lines=(view,))).get("/v1/galerne/queue").json()["data"]
    assert (line["n_waiting"], line["first_token_s"], line["n_waiting_by_key"]) == (3, 12.5, {"key_a": 3})


def test_the_place_in_the_line_is_in_the_headers_of_an_answer():
    place = QueuePlace(position=2, waited_s=1.25, first_token_s=3.0, is_waiting=False)
    body = {"model": "mini", "messages": [{"role": "user", "content": "hi"}]}
    headers = client(FakeGateway(place=place)).post("/v1/chat/completions", json=body).headers
    assert (headers["galerne-queue-position"], headers["galerne-queued-s"]) == ("2", "1.250")


def test_prices_stand_beside_a_dated_list():
    price = ModelPrice(
        model_id="galerne-mini",
        kind="fixed",
        method="published",
        input_eur_per_million=0.1,
        cached_eur_per_million=0.01,
        output_eur_per_million=0.3,
        electricity_eur_per_million=0.00006,
        source="our list",
    )
    body = client(prices=lambda: [price]).get("/v1/galerne/prices").json()
    assert body["data"][0]["output_eur_per_million"] == 0.3
    offer = next(offer for offer in body["offers"] if offer["model"] == "mistral-large-3-675b")
    assert (offer["input_eur_per_million"], offer["date"]) == (0.44, "2026-08")
    assert offer["cached_eur_per_million"] == pytest.approx(0.044)


def test_limits_show_what_is_left_of_them():
    limit = Limit(subject="user:ada", unit=Unit.ENERGY, period=Period.DAY, amount=parts_of(Unit.ENERGY, 2.0))
    standing = Standing(limit=limit, started_at=0, spent=parts_of(Unit.ENERGY, 0.5), held=0)
    (told,) = client(limits=lambda _: [standing]).get("/v1/galerne/limits").json()["data"]
    assert (told["subject"], told["unit"], told["limit"], told["remaining"]) == ("user:ada", "wh", 2.0, 1.5)
    assert told["resets_at"] == 86400.0


@pytest.mark.parametrize("path", ["/api/tags", "/api/chat", "/v1"])
def test_a_program_that_speaks_another_protocol_is_told_ours_and_gets_no_page(path):
    response = client().post(path, json={}) if path == "/api/chat" else client().get(path)
    assert response.status_code == 404
    message = response.json()["error"]["message"]
    assert path in message
    assert path == "/v1" or "OpenAI" in message
