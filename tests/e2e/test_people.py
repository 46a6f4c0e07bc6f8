"""Two people at one address, in two browsers; and a budget that holds through the page of a real daemon."""

import concurrent.futures
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect
from tests.chat.fake_api import served
from tests.chat.people.test_store import CHEAP, PASSWORD, join
from tests.live_server import live_daemon

from galerne.chat.client.api import ApiClient
from galerne.chat.history.store import open_chat, open_conversations
from galerne.chat.people.records import Role
from galerne.chat.web import create_web
from galerne.clock import SystemClock
from galerne.storage import read_daemon, sqlite_url

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
SMALL = {"width": 360, "height": 740}
JSON = {"accept": "application/json"}


@pytest.fixture
def team_url(fake_api, tmp_path) -> Iterator[str]:
    store = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=SystemClock(), hashing=CHEAP)
    join(store.people, "ada")
    join(store.people, "bob", role=Role.MEMBER)
    fake_api.gate.set()
    with served(fake_api.app()) as api_url, served(create_web(ApiClient(api_url), store=store)) as url:
        yield url
    store.close()


@pytest.mark.browser
def test_two_people_see_each_their_own(team_url, open_page):
    pages = []
    for name in ("ada", "bob"):
        form = {"name": name, "password": PASSWORD}
        entered = httpx.post(f"{team_url}/ui/session", data=form, headers={"origin": team_url})
        shown = {"name": "galerne-session", "value": entered.cookies["galerne-session"], "path": "/"}
        shown |= {
            "domain": "127.0.0.1",
            "expires": -1,
            "httpOnly": True,
            "secure": False,
            "sameSite": "Strict",
        }
        pages.append(open_page(team_url, viewport=SMALL, storage_state={"cookies": [shown], "origins": []}))
    ada, bob = pages
    ada.locator("#question").fill("Where is the treasure?")
    ada.keyboard.press("Enter")
    expect(ada.locator("article").last).to_contain_text("world")
    bob.reload()
    expect(bob.locator("#history")).not_to_contain_text("treasure")
    theirs = httpx.get(ada.url, cookies={c["name"]: c["value"] for c in bob.context.cookies()})
    assert theirs.status_code == 404
    ada.goto("/people")
    expect(ada.get_by_role("heading", level=1)).to_have_text("People")
    assert ada.evaluate(FITS)
    bob.goto("/account")
    expect(bob.get_by_role("heading", level=1)).to_have_text("bob")
    assert bob.evaluate(FITS)


@pytest.mark.slow
def test_a_budget_holds_through_the_page_however_many_ask_at_once(tmp_path):
    with live_daemon(tmp_path) as url:
        store = open_chat(sqlite_url(tmp_path / "chat.db"), clock=SystemClock(), hashing=CHEAP)
        join(store.people, "ada")
        bob = join(store.people, "bob", role=Role.MEMBER)
        token = store.people.open_session(bob.id)
        daemon = read_daemon(tmp_path)
        owner = {"authorization": f"Bearer {daemon.key}"}
        wish = {"subject": "user:bob", "unit": "requests", "period": "total", "limit": 2}
        assert httpx.put(f"{url}/v1/admin/limits", json=wish, headers=owner).status_code == 200
        with httpx.Client(
            base_url=url, cookies={"galerne-session": token}, headers={"origin": url}, timeout=60
        ) as page:

            def ask(n: int) -> str:
                asked = page.post("/ui/answers", data={"question": f"Bonjour {n}"}, headers=JSON).json()
                words = page.get(f"/ui/answers/{asked['answer']}/words").text
                assert "event: end" in words
                return asked["answer"]

            with concurrent.futures.ThreadPoolExecutor(5) as pool:
                answers = list(pool.map(ask, range(5)))
            mine = store.of(bob.id)
            ended = sorted(
                (mine.message(answer).status, mine.message(answer).problem_code) for answer in answers
            )
            assert [status for status, _ in ended] == ["done", "done", "failed", "failed", "failed"]
            assert len({problem for _, problem in ended}) == 2
            assert page.get("/operator").status_code == 403
        usage = httpx.get(f"{url}/v1/admin/usage?group_by=owner", headers=owner).json()["rows"]
        assert [(row["group"], row["n_answers"]) for row in usage] == [("bob", 2)]
        store.close()


@pytest.mark.browser
def test_who_was_signed_out_while_typing_finds_the_words_again(team_url, browser):
    context = browser.new_context(base_url=team_url, locale="en-GB", viewport=SMALL)
    page = context.new_page()

    def sign_in():
        page.locator("#name").fill("ada")
        page.locator("#password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("#question")).to_be_visible()

    page.goto("/")
    sign_in()
    page.locator("#question").fill("half a thought")
    context.clear_cookies()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    page.get_by_role("link", name="Sign in again").click()
    sign_in()
    expect(page.locator("#question")).to_have_value("half a thought")
    page.locator("[aria-controls=side]").click()
    page.get_by_role("button", name="Sign out").click()
    sign_in()
    expect(page.locator("#question")).to_have_value("")
    context.close()
