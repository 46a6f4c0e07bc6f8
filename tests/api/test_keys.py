"""Every route of the application, by every kind of key; receipts by owner; limits on the wire."""

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from galerne.api import create_app, hash_key
from galerne.api.keys import MOST_REMEMBERED, Doorkeeper, scope_of
from galerne.api.metrics import Metrics
from galerne.chat.web.guard import KeyDesk
from galerne.clock import ManualClock
from galerne.errors import QuotaExhausted, StoreUnreachable, Unauthorized
from galerne.ledger import Events, Ledger, Limit, Period, Scope, Standing, Unit
from galerne.models import Arriving
from galerne.storage import sqlite_url
from tests.api.fakes import BASE_URL, FakeGateway, ask, services
from tests.contract.ledgers import make_answer, make_settlement
from tests.ledger.bench import FACTORS

DAY_S = 86400.0
SAMPLES = {
    "model_id": "galerne-mini",
    "receipt_id": "",
    "path": "nothing",
    "response_id": "resp_1",
    "place_id": "essonne",
}


class Server:
    """The application over a real ledger with a key of every kind, and answers of two owners."""

    def __init__(self, path, **changes) -> None:
        self.clock = ManualClock()
        at = self.clock.now_at()
        self.ledger = Ledger.open(sqlite_url(path))
        keys = self.ledger.keys
        self.secrets = {
            "ada": keys.create("ada", owner="ada", at=at)[1],
            "ada-too": keys.create("ada-too", owner="ada", at=at)[1],
            "bob": keys.create("bob", owner="bob", at=at)[1],
            "reader": keys.create("reader", owner="eve", scopes=[Scope.READ], at=at)[1],
            "asker": keys.create("asker", owner="eve", scopes=[Scope.INFERENCE], at=at)[1],
            "large-only": keys.create("large-only", owner="eve", models=["large"], at=at)[1],
            "admin": keys.create("admin", owner="root", scopes=[Scope.ADMIN], at=at)[1],
            "revoked": keys.create("revoked", owner="ada", at=at)[1],
            "expired": keys.create("expired", owner="ada", at=at, expires_at=at + 1)[1],
            "wrong": "glrn_of-nobody",
        }
        keys.revoke("revoked", at=at)
        self.clock.advance(2)
        answer = make_answer(1, key_id=keys.find("ada").key_id, factors=FACTORS)
        self.ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))
        self.receipt_id = answer.answer_id
        self.gateway = FakeGateway()
        self.app = create_app(
            services(
                self.gateway,
                ledger=self.ledger,
                keys=keys,
                clock=self.clock,
                fit=list,
                pulls=lambda: [Arriving(name="large.gguf", arrived_bytes=1, size_bytes=4)],
                metrics=Metrics(),
                quotas=self.ledger.quotas,
                limits=lambda subjects: self.ledger.quotas.standings(subjects, at=self.clock.now_at()),
                **changes,
            )
        )
        self.client = TestClient(self.app, base_url=BASE_URL, raise_server_exceptions=False)

    def request(self, method: str, path: str, *, key: str | None, **body):
        headers = {} if key is None else {"authorization": f"Bearer {self.secrets[key]}"}
        return self.client.request(method, path, headers=headers, **body)

    def routes(self) -> list[tuple[str, str]]:
        paths = self.request("GET", "/openapi.json", key="admin").json()["paths"]
        samples = {**SAMPLES, "receipt_id": self.receipt_id}
        found = [(method.upper(), path.format(**samples)) for path, item in paths.items() for method in item]
        return [
            *found,
            ("GET", "/openapi.json"),
            ("GET", "/v1/nothing"),
            ("DELETE", "/v1/models"),
            ("GET", "/"),
        ]


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    made = Server(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


@pytest.mark.parametrize("key", [None, "wrong", "revoked", "expired"])
def test_no_route_but_health_opens_to_a_key_that_is_none(server, key):
    assert len(server.routes()) >= 12
    for method, path in server.routes():
        response = server.request(method, path, key=key)
        assert response.status_code == (200 if path == "/health" else 401), (method, path)
    assert server.gateway.asked == []


def test_every_route_opens_to_the_administrator(server):
    for method, path in server.routes():
        assert server.request(method, path, key="admin").status_code not in {401, 403}, (method, path)


@pytest.mark.parametrize("key", ["reader", "asker"])
def test_no_route_does_what_the_key_is_not_for(server, key):
    scope = {"reader": Scope.READ, "asker": Scope.INFERENCE}[key]
    for method, path in server.routes():
        refused = server.request(method, path, key=key).status_code == 403
        assert refused == (path != "/health" and scope_of(method, path) not in {scope, None}), (method, path)


def test_another_owners_key_learns_nothing_of_an_answer(server):
    for key, status in (("ada", 200), ("ada-too", 200), ("admin", 200), ("bob", 404), ("reader", 404)):
        response = server.request("GET", f"/v1/receipts/{server.receipt_id}", key=key)
        assert response.status_code == status, key
    stranger = server.request("GET", "/v1/receipts/rcpt_none", key="bob").json()["error"]
    other = server.request("GET", f"/v1/receipts/{server.receipt_id}", key="bob").json()["error"]
    assert stranger["message"].replace("rcpt_none", server.receipt_id) == other["message"]
    sums = {
        key: sum(row["n_answers"] for row in server.request("GET", "/v1/usage", key=key).json()["rows"])
        for key in ("ada", "ada-too", "bob", "admin")
    }
    assert sums == {"ada": 1, "ada-too": 1, "bob": 0, "admin": 1}


def test_the_last_answer_on_the_chain_is_shown_to_its_owner_alone(server):
    receipt = server.ledger.receipt(server.receipt_id)
    chain = server.gateway.chain()
    server.gateway.chain = lambda: dataclasses.replace(chain, answer=receipt)
    shown = {
        key: server.request("GET", "/v1/galerne/chain", key=key).json()["answer"] is not None
        for key in ("ada", "bob", "admin")
    }
    assert shown == {"ada": True, "bob": False, "admin": True}


def test_a_key_pays_for_its_answers(server):
    assert server.request("POST", "/v1/chat/completions", key="ada", json=ask()).status_code == 200
    (payer,) = server.gateway.payers
    assert (payer.key_id, payer.owner) == (server.ledger.keys.find("ada").key_id, "ada")


def test_a_key_for_some_models_sees_only_these(server):
    assert server.request("GET", "/v1/models", key="large-only").json()["data"] == []
    assert server.request("GET", "/v1/models/galerne-mini", key="large-only").status_code == 404
    assert len(server.request("GET", "/v1/models", key="asker").json()["data"]) == 1


def test_revocation_expiry_and_rotation_are_seen_within_a_second(server):
    def status():
        return server.request("GET", "/v1/models", key="ada").status_code

    assert status() == 200
    _, renewed = server.ledger.keys.rotate("ada", at=server.clock.now_at(), keep_s=60)
    server.clock.advance(1)
    assert status() == 200
    server.secrets["old"], server.secrets["ada"] = server.secrets["ada"], renewed
    assert status() == 200
    server.clock.advance(60)
    assert server.request("GET", "/v1/models", key="old").status_code == 401
    server.ledger.keys.revoke("ada", at=server.clock.now_at())
    server.clock.advance(1)
    assert status() == 401


def test_the_door_closes_with_the_first_key_and_stays_closed(tmp_path):
    clock, ledger = ManualClock(), Ledger.open(sqlite_url(tmp_path / "ledger.db"))
    app = create_app(services(ledger=ledger, keys=ledger.keys, clock=clock))
    client = TestClient(app, base_url=BASE_URL)
    assert client.get("/v1/models").status_code == 200
    assert client.get("/v1/models", headers={"authorization": "Bearer anything"}).status_code == 200
    ledger.keys.create("first", owner="ada", at=clock.now_at())
    clock.advance(1)
    assert client.get("/v1/models").status_code == 401
    ledger.keys.revoke("first", at=clock.now_at())
    clock.advance(1)
    assert client.get("/v1/models").status_code == 401
    ledger.close()


def test_others_need_a_key_even_before_the_first_is_made(tmp_path):
    ledger = Ledger.open(sqlite_url(tmp_path / "ledger.db"))
    app = create_app(services(ledger=ledger, keys=ledger.keys, key_required=True))
    assert TestClient(app, base_url=BASE_URL).get("/v1/models").status_code == 401
    ledger.close()


def test_the_administrators_and_the_daemons_own_key_open_everything(tmp_path):
    server = Server(tmp_path / "l.db", api_key_hash=hash_key("from-settings"), own_key_hash=hash_key("own"))
    server.secrets |= {"settings": "from-settings", "own": "own"}
    for key, key_id in (("settings", "administrator"), ("own", None)):
        assert server.request("GET", f"/v1/receipts/{server.receipt_id}", key=key).status_code == 200
        server.request("POST", "/v1/chat/completions", key=key, json=ask())
        assert server.gateway.payers[-1].key_id == key_id
    server.ledger.close()


@pytest.fixture
def own(tmp_path) -> Iterator[Server]:
    made = Server(tmp_path / "own.db", own_key_hash=hash_key("own"))
    made.secrets["own"] = "own"
    yield made
    made.ledger.close()


def for_person(server, method, path, *, key="own", person="ada", **body):
    headers = {"authorization": f"Bearer {server.secrets[key]}", "galerne-for": person}
    return server.client.request(method, path, headers=headers, **body)


def test_the_pages_ask_for_a_person_with_a_members_rights(own):
    assert for_person(own, "POST", "/v1/chat/completions", json=ask()).status_code == 200
    payer = own.gateway.payers[-1]
    assert (payer.key_id, payer.owner) == ("person:ada", "ada")
    assert "user:ada" in payer.subjects("m")
    for method, path in own.routes():
        refused = for_person(own, method, path, person="eve").status_code == 403
        assert refused == (path != "/health" and scope_of(method, path) is Scope.ADMIN), (method, path)


def test_a_person_sees_the_receipts_of_the_keys_they_own_and_nobody_elses(own):
    path = f"/v1/receipts/{own.receipt_id}"
    assert for_person(own, "GET", path).status_code == 200
    assert for_person(own, "GET", path, person="bob").status_code == 404


def test_what_the_pages_asked_for_a_person_is_summed_with_their_keys(own):
    answer = make_answer(2, key_id="person:ada", factors=FACTORS)
    own.ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))

    def sums(group_by, **headers):
        rows = for_person(own, "GET", f"/v1/usage?group_by={group_by}", **headers).json()["rows"]
        return {row["group"]: row["n_answers"] for row in rows}

    assert sums("owner") == {"ada": 2}
    assert sums("total", person="bob") == {}
    assert sums("key") == {"ada": 1, "person:ada": 1}
    assert for_person(own, "GET", f"/v1/receipts/{answer.answer_id}", person="bob").status_code == 404
    everybody = own.request("GET", "/v1/admin/usage?group_by=owner", key="own").json()["rows"]
    assert [(row["group"], row["n_answers"]) for row in everybody] == [("ada", 2)]


@pytest.mark.parametrize("key", [None, "ada", "admin", "wrong"])
def test_nobody_else_may_say_for_whom_they_ask(own, key):
    headers = {"galerne-for": "bob"}
    if key:
        headers["authorization"] = f"Bearer {own.secrets[key]}"
    response = own.client.get("/v1/models", headers=headers)
    assert response.status_code == (401 if key in {None, "wrong"} else 403)


def test_the_header_opens_nothing_where_no_key_is_asked_for(tmp_path):
    app = create_app(services(own_key_hash=hash_key("own")))
    client = TestClient(app, base_url=BASE_URL)
    assert client.get("/v1/models").status_code == 200
    assert client.get("/v1/models", headers={"galerne-for": "ada"}).status_code == 403


def test_the_door_is_closed_while_there_are_accounts():
    clock, people = ManualClock(), [True]
    app = create_app(services(clock=clock, has_people=lambda: bool(people), own_key_hash=hash_key("own")))
    client = TestClient(app, base_url=BASE_URL)
    assert client.get("/v1/models").status_code == 401
    assert client.get("/v1/models", headers={"authorization": "Bearer own"}).status_code == 200
    people.clear()
    clock.advance(1)
    assert client.get("/v1/models").status_code == 200


def test_an_administrator_sets_the_limits_of_a_person(own):
    def put(limit, *, key="admin", **changes):
        wish = {"subject": "user:ada", "unit": "wh", "period": "month", "limit": limit} | changes
        return own.request("PUT", "/v1/admin/limits", key=key, json=wish)

    assert put(5.0, key="ada").status_code == 403
    assert [row["limit"] for row in put(5.0).json()["data"]] == [5.0]
    assert for_person(own, "GET", "/v1/galerne/limits").json()["data"][0]["remaining"] == 5.0
    assert for_person(own, "GET", "/v1/galerne/limits", person="bob").json()["data"] == []
    assert put(None).json()["data"] == []
    for limit, changes in ((-1, {}), (1e30, {}), (1, {"subject": "ada"}), (1, {"unit": "kwh"})):
        assert put(limit, **changes).status_code == 400


def test_a_ledger_that_does_not_answer_opens_nothing(server, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise StoreUnreachable(store="ledger", problem="gone")

    monkeypatch.setattr("galerne.ledger.keys.Keys.with_hash", refuse)
    response = server.request("GET", "/v1/models", key="bob")
    assert response.status_code == 503
    assert "retry-after" in response.headers


def test_the_pages_open_to_an_administrators_key_while_it_lasts(server):
    desk = KeyDesk(server.app.state.doorkeeper)
    page = Starlette(
        routes=[
            Route("/", lambda request: PlainTextResponse("page" if desk.admits(request) else "key?")),
        ]
    )
    server.app.mount("/", page)
    assert server.client.get("/").text == "key?"
    assert desk.open_session(server.secrets["ada"]) is None
    session = desk.open_session(server.secrets["admin"])
    cookies = {"cookie": f"galerne-session={session}"}
    assert server.client.get("/", headers=cookies).text == "page"
    server.ledger.keys.revoke("admin", at=server.clock.now_at())
    server.clock.advance(1)
    assert server.client.get("/", headers=cookies).text == "key?"


def test_a_key_that_was_just_seen_needs_neither_ledger_nor_thread(server, monkeypatch):
    hops = []

    async def hop(work, *arguments):
        hops.append(arguments)
        return work(*arguments)

    monkeypatch.setattr("galerne.api.keys.asyncio.to_thread", hop)
    door = server.app.state.doorkeeper
    headers = Headers({"authorization": f"Bearer {server.secrets['ada']}"})
    callers = [asyncio.run(door.admit(headers)) for _ in range(3)]
    assert [caller.payer.owner for caller in callers] == ["ada"] * 3
    assert len(hops) == 1
    server.clock.advance(1)
    asyncio.run(door.admit(headers))
    assert len(hops) == 2


def test_guessing_does_not_fill_the_memory():
    class Nobody:
        def with_hash(self, key_hash, *, at):
            return None

        def exist(self):
            return True

        def owner_of(self, key_id):
            return None

    door = Doorkeeper(clock=ManualClock(), book=Nobody())
    for number in range(MOST_REMEMBERED + 10):
        assert not door.opens_pages(hash_key(str(number)))
    assert len(door._remembered) <= MOST_REMEMBERED
    with pytest.raises(Unauthorized):
        door._caller(None)


STANDINGS = (
    Standing(
        limit=Limit(subject="key:k", unit=Unit.REQUESTS, period=Period.MINUTE, amount=60),
        started_at=0, spent=1, held=1,
    ),
    Standing(
        limit=Limit(subject="user:u", unit=Unit.REQUESTS, period=Period.MINUTE, amount=10),
        started_at=0, spent=0, held=3,
    ),
    Standing(
        limit=Limit(subject="key:k", unit=Unit.ENERGY, period=Period.MONTH, amount=3_600_000_000),
        started_at=0, spent=1_800_000_000, held=0,
    ),
)  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
def test_headers_say_what_is_left_in_mistrals_words(server, stream):
    server.gateway.limits = STANDINGS
    response = server.request("POST", "/v1/chat/completions", key="ada", json=ask(stream=stream))
    headers = {name: value for name, value in response.headers.items() if name.startswith("x-ratelimit")}
    assert headers == {
        "x-ratelimit-limit-req-minute": "10",
        "x-ratelimit-remaining-req-minute": "7",
        "x-ratelimit-limit-wh-month": "1",
        "x-ratelimit-remaining-wh-month": "0.5",
    }


@pytest.mark.parametrize(("retry_after_s", "header"), [(41.2, "42"), (0.2, "1"), (None, None)])
@pytest.mark.parametrize("agent", ["openai", "mistral-client-python/3"])
def test_a_limit_that_is_reached_says_when_to_come_back(server, retry_after_s, header, agent):
    server.gateway.refusal = QuotaExhausted(
        limit=100.0, unit="tokens", period="day", subject="key:k", spent=90.0, held=0.0, needed=20.0,
        reset_at=1.0, retry_after_s=retry_after_s,
    )  # fmt: skip
    headers = {"authorization": f"Bearer {server.secrets['ada']}", "user-agent": agent}
    response = server.client.post("/v1/chat/completions", json=ask(), headers=headers)
    assert response.status_code == 429
    assert response.headers.get("retry-after") == header
    assert response.headers["x-should-retry"] == ("false" if header is None else "true")
    assert response.headers["x-ratelimit-remaining-tokens-day"] == "10"
    body = response.json()
    words = body.get("error", body)
    assert words["type"] == ("rate_limited" if "mistral" in agent else "rate_limit_error")
    assert words["code"] == ("1300" if "mistral" in agent else "rate_limit_exceeded")
    assert "100 tokens per day" in words["message"]


def test_a_key_for_some_models_is_not_told_which_others_arrive(server):
    told = server.request("GET", "/v1/galerne/pulls", key="ada").json()["data"]
    assert told == [{"name": "large.gguf", "arrived_bytes": 1, "size_bytes": 4}]
    assert server.request("GET", "/v1/galerne/pulls", key="large-only").json() == {"data": []}
