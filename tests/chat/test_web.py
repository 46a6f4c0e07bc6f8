"""The pages over HTTP: what a browser would get, without one."""

import re
import time

import httpx
import pytest

from galerne.chat.client.api import ApiClient
from galerne.chat.web import create_web
from galerne.chat.web.assets import assets
from tests.chat.fake_api import served

OURS = {"sec-fetch-site": "same-origin"}
AS_SCRIPT = OURS | {"accept": "application/json"}


@pytest.fixture
def web_url(api_url, chat_store):
    with served(create_web(ApiClient(api_url), store=chat_store)) as url:
        yield url


@pytest.fixture
def web(web_url):
    with httpx.Client(base_url=web_url, timeout=20, headers={"accept-language": "en"}) as client:
        yield client


def ask(web, question="What is a galerne?", **fields):
    response = web.post("/ui/answers", data={"question": question} | fields, headers=AS_SCRIPT)
    assert response.status_code == 201
    return response.json()


def events(web, answer, *, after=None):
    headers = {"last-event-id": after} if after else {}
    text = web.get(f"/ui/answers/{answer}/events", headers=headers).text
    return re.findall(r"(?:id: (\d+)\n)?event: (\w+)\ndata: (.*)\n", text)


def wait_for(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_an_answer_is_asked_streamed_and_kept_with_its_receipt(web):
    asked = ask(web)
    names = [name for _, name, _ in events(web, asked["answer"])]
    assert names[-1] == "end"
    page = web.get(asked["address"]).text
    assert "<strong>world</strong>" in page
    assert "1.6\u202fmg" in page
    assert "What is a galerne?" in page


def test_the_receipt_becomes_final_and_names_its_sources(web):
    asked = ask(web)
    events(web, asked["answer"])
    first = web.get(f"/ui/answers/{asked['answer']}").text
    second = web.get(f"/ui/answers/{asked['answer']}").text
    assert 'data-state="provisional"' in first
    assert 'data-state="final"' in second
    assert "https://example.org/rte" in second


def test_a_stream_is_taken_up_where_it_was_left(fake_api, web, store):
    fake_api.pieces, fake_api.open_pieces = ["one\n\n", "two\n\n", "three\n\n", "four"], 3
    asked = ask(web)
    with web.stream("GET", f"/ui/answers/{asked['answer']}/events") as response:
        seen = ""
        for line in response.iter_lines():
            seen = line[4:] if line.startswith("id: ") else seen
            if "three" in line:
                break
    fake_api.gate.set()
    later = events(web, asked["answer"], after=seen)
    assert not [data for _, _, data in later if "one" in data or "two" in data]
    assert [data for _, _, data in later if "four" in data]
    whole = events(web, asked["answer"])
    assert sum("one" in data for _, _, data in whole) == 1


def test_an_answer_is_written_though_nobody_looks(fake_api, web, store):
    fake_api.open_pieces = 1
    asked = ask(web)
    fake_api.gate.set()
    wait_for(lambda: store.message(asked["answer"]).status == "done")
    assert store.message(asked["answer"]).content == "Hello, **world**."


def test_stopping_keeps_what_is_written_and_stops_the_engine(fake_api, web, store):
    fake_api.open_pieces = 1
    asked = ask(web)
    wait_for(lambda: fake_api.n_active == 1)
    with web.stream("GET", f"/ui/answers/{asked['answer']}/events") as response:
        for line in response.iter_lines():
            if "Hello" in line:
                break
    assert web.post(f"/ui/answers/{asked['answer']}/stop", headers=OURS).status_code == 204
    wait_for(lambda: store.message(asked["answer"]).status == "stopped")
    assert store.message(asked["answer"]).content == "Hello, "
    wait_for(lambda: fake_api.n_active == 0)
    assert "You stopped this answer" in web.get(f"/ui/answers/{asked['answer']}").text


def test_stopping_at_once_leaves_a_trace(fake_api, web, store):
    fake_api.open_pieces = 0
    asked = ask(web)
    web.post(f"/ui/answers/{asked['answer']}/stop", headers=OURS)
    wait_for(lambda: store.message(asked["answer"]).status == "stopped")
    assert events(web, asked["answer"])[-1][1] == "end"


def test_a_failure_says_what_to_do(fake_api, web):
    fake_api.failure = (503, {"code": "overloaded", "message": "busy"})
    asked = ask(web)
    events(web, asked["answer"])
    assert "wait a few seconds" in web.get(asked["address"]).text


def test_the_conversation_goes_along_with_the_next_question(fake_api, web):
    first = ask(web)
    events(web, first["answer"])
    events(web, ask(web, "And then?", conversation=first["conversation"])["answer"])
    roles = [message["role"] for message in fake_api.asked[1]["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_deleting_is_for_good(web):
    asked = ask(web, "a secret")
    events(web, asked["answer"])
    gone = web.post(f"/ui/conversations/{asked['conversation']}/delete", headers=OURS)
    assert gone.headers["location"] == "/"
    assert web.get(asked["address"]).status_code == 404
    assert "a secret" not in web.get("/").text


def test_without_scripts_the_form_leads_to_the_conversation(web):
    response = web.post("/ui/answers", data={"question": "hi"}, headers=OURS)
    assert response.status_code == 303
    assert web.get(response.headers["location"]).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {},
    ],
)
def test_changes_from_elsewhere_are_refused(web, fake_api, headers):
    assert web.post("/ui/answers", data={"question": "hi"}, headers=headers).status_code == 403
    assert fake_api.asked == []


def test_an_older_browser_is_known_by_its_origin(web, web_url):
    assert web.post("/ui/answers", data={"question": "hi"}, headers={"origin": web_url}).status_code == 303


@pytest.mark.parametrize("path", ["/", "/chain", "/c/nowhere"])
def test_every_page_has_a_strict_policy_and_nothing_inline(web, path):
    response = web.get(path)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", response.text)
    addresses = re.findall(r'(?:src|href)="([^"#]+)"', response.text)
    assert all(a.startswith(("/", "https://example.org")) for a in addresses)


def test_assets_are_kept_by_the_hash_of_their_contents(web):
    page = web.get("/").text
    for path in re.findall(r'"(/static/[^"]+)"', page):
        response = web.get(path)
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
    assert web.get("/static/old/style.css").headers["cache-control"] == "no-cache"
    assert web.get("/static/old/app.py").status_code == 404


def test_no_asset_names_another_site():
    for name, asset in assets().items():
        addresses = re.findall(rb"https?://[^\"' )]+", asset.content)
        assert set(addresses) <= {b"http://www.w3.org/2000/svg"}, name


def test_the_language_is_the_browsers_until_chosen(web):
    assert "Ask anything" in web.get("/").text
    assert "Posez votre question" in web.get("/", headers={"accept-language": "fr-FR,fr;q=0.9"}).text
    web.post("/ui/language", data={"language": "fr", "back": "/chain"}, headers=OURS)
    assert '<html lang="fr"' in web.get("/").text


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", ""])
def test_choosing_a_language_never_leads_away(web, back):
    response = web.post("/ui/language", data={"language": "fr", "back": back}, headers=OURS)
    assert response.headers["location"] == "/"


@pytest.mark.parametrize(
    ("body", "status"), [(b"question=", 422), (b"\xff", 413), (b"q=" + b"x" * 4_000_001, 413)]
)
def test_bad_forms_are_refused(web, body, status):
    assert web.post("/ui/answers", content=body, headers=AS_SCRIPT).status_code == status


def test_the_chain_page_and_its_update_show_the_same(web):
    events(web, ask(web)["answer"])
    page, update = web.get("/chain").text, web.get("/ui/chain").json()
    assert page.count('class="station"') == 5
    for key, (number, unit) in update["amounts"].items():
        assert f'data-number="{key}"' in page, (number, unit)
    assert "61.0\u202fJ × 41.4\u202fg/kWh = 702\u202fµg" in page


def test_a_key_is_asked_for_where_there_is_one(api_url, chat_store):
    with (
        served(create_web(ApiClient(api_url), store=chat_store, key="the-key")) as url,
        httpx.Client(base_url=url) as web,
    ):
        for path in ("/", "/chain", "/ui/chain", "/ui/history", "/ui/answers/x/events", "/c/x"):
            assert web.get(path).status_code == 401, path
        assert web.post("/ui/answers", data={"question": "hi"}, headers=OURS).status_code == 401
        assert web.post("/ui/session", data={"key": "wrong"}, headers=OURS).status_code == 401
        opened = web.post("/ui/session", data={"key": "the-key"}, headers=OURS)
        assert opened.status_code == 303
        assert "httponly" in opened.headers["set-cookie"].lower()
        assert web.get("/").status_code == 200


def test_without_the_daemon_the_page_says_so(chat_store):
    with (
        served(create_web(ApiClient("http://127.0.0.1:9"), store=chat_store)) as url,
        httpx.Client(base_url=url) as web,
    ):
        assert "The daemon does not answer" in web.get("/").text
        assert web.get("/chain").status_code == 503
        assert web.get("/ui/chain").status_code == 503


def test_what_a_person_writes_is_text(web):
    asked = ask(web, "<script>alert(1)</script>")
    events(web, asked["answer"])
    assert "<script>alert" not in web.get(asked["address"]).text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "no page at this address"), ("fr", "pas de page à cette adresse")]
)
def test_an_address_that_leads_nowhere_says_so_and_leads_home(web, language, words):
    lost = web.get("/nope/<script>", headers={"accept-language": language})
    assert lost.status_code == 404
    assert words in lost.text
    assert 'class="button" href="/"' in lost.text
    assert "script>" not in lost.text.split("</head>")[1]
    assert "default-src 'none'" in lost.headers["content-security-policy"]
