import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from galerne.api import create_app, hash_key
from galerne.api.guard import MAX_BODY_BYTES, SECURITY_HEADERS
from tests.api.fakes import BASE_URL, ask, client, services

KEY = "a-key-of-some-length"
SAMPLES = {"model_id": "galerne-mini", "receipt_id": "rcpt_1", "place_id": "essonne", "path": "nothing"}
WITH_FIT = {"fit": list, "pulls": list}


def every_route() -> list[tuple[str, str]]:
    paths = client(**WITH_FIT).get("/openapi.json").json()["paths"]
    found = [(method.upper(), path.format(**SAMPLES)) for path, item in paths.items() for method in item]
    return [*found, ("GET", "/openapi.json"), ("GET", "/v1/nothing"), ("GET", "/nothing"), ("GET", "/")]


@pytest.mark.parametrize(("method", "path"), every_route())
def test_every_route_but_health_needs_the_key(method, path):
    guarded = client(api_key_hash=hash_key(KEY), **WITH_FIT)
    wrong = (
        {},
        {"authorization": "Bearer another"},
        {"authorization": f"Basic {KEY}"},
        {"x-api-key": "another"},
        {"authorization": f"Bearer {hash_key(KEY)}"},
    )
    for headers in wrong:
        response = guarded.request(method, path, headers=headers)
        if path == "/health":
            assert response.status_code == 200
        else:
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}])
def test_the_key_opens_in_both_places(headers):
    guarded = client(api_key_hash=hash_key(KEY))
    assert guarded.post("/v1/chat/completions", json=ask(), headers=headers).status_code == 200


def test_the_list_of_routes_is_not_empty():
    assert len(every_route()) >= 12


def test_a_key_of_any_letters_is_refused_not_a_failure():
    guarded = client(api_key_hash=hash_key(KEY))
    assert (
        guarded.get("/v1/models", headers={"x-api-key": "é\udcff".encode("utf-8", "ignore")}).status_code
        == 401
    )


def test_pages_mounted_beside_the_routes_look_after_themselves_but_keep_the_door():
    app = create_app(services(api_key_hash=hash_key(KEY)))
    app.mount("/", Starlette(routes=[Route("/", lambda request: PlainTextResponse("page"))]))
    mounted = TestClient(app, base_url=BASE_URL)
    assert mounted.get("/").text == "page"
    assert mounted.get("/", headers={"host": "evil.example"}).status_code == 403
    assert mounted.get("/v1/models").status_code == 401
    assert mounted.get("/v1/nothing").status_code == 401
    opened = mounted.get("/v1/nothing", headers={"x-api-key": KEY})
    assert opened.json()["error"]["code"] == "unknown_route"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:4747", 200),
        ("localhost:4747", 200),
        ("LOCALHOST", 200),
        ("[::1]:4747", 200),
        ("192.168.1.20:4747", 200),
        ("evil.example", 403),
        ("evil.example:4747", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.nip.example", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_a_name_that_is_not_ours_is_refused(host, status):
    for path in ("/v1/models", "/health"):
        assert client().get(path, headers={"host": host}).status_code == status


def test_the_owner_can_add_names():
    named = client(allowed_hosts=("galerne.lan",))
    assert named.get("/health", headers={"host": "galerne.lan:4747"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": BASE_URL}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
    ],
)
def test_pages_of_other_sites_cannot_ask(headers, status):
    assert client().get("/v1/models", headers=headers).status_code == status


def test_following_a_link_never_posts():
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client().post("/v1/chat/completions", json=ask(), headers=headers).status_code == 403


def test_no_page_is_ever_allowed_across_origins():
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    for response in (client().options("/v1/models", headers=headers), client().get("/v1/models")):
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_every_response_is_signed():
    for response in (
        client().get("/v1/models"),
        client().get("/nothing"),
        client().get("/health", headers={"host": "evil.example"}),
        client().post("/v1/chat/completions", json=ask(stream=True)),
    ):
        assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert len(response.headers["x-request-id"]) == 24


def test_a_page_keeps_its_own_policy():
    app = create_app(services())
    policy = {"content-security-policy": "default-src 'self'"}
    app.mount("/", Starlette(routes=[Route("/", lambda request: PlainTextResponse("x", headers=policy))]))
    response = TestClient(app, base_url=BASE_URL).get("/")
    assert response.headers["content-security-policy"] == "default-src 'self'"


def test_a_body_beyond_the_limit_is_refused_announced_or_not():
    def parts():
        for _ in range(17):
            yield b" " * 2**20

    announced = client().post("/v1/chat/completions", content=b" " * (MAX_BODY_BYTES + 1))
    silent = client().post("/v1/chat/completions", content=parts())
    for response in (announced, silent):
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "request_too_large"
