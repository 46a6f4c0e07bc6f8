"""Every route of the pages, as B on the ids of A, as nobody, and as somebody kept out.

The routes are taken from the application: a new one fails here until it is classed.
"""

import re

import httpx
import pytest

from galerne.chat.assistants.records import Profile
from galerne.chat.client.api import ApiClient
from galerne.chat.history.store import open_conversations
from galerne.chat.people.records import Role
from galerne.chat.people.store import SESSION_S, UNUSED_S
from galerne.chat.web import create_web
from galerne.clock import ManualClock
from tests.chat.fake_api import served
from tests.chat.people.test_store import CHEAP, PASSWORD, join
from tests.chat.test_web import wait_for

JSON = {"accept": "application/json"}
ELSEWHERE = ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"})
SECRET = "the treasure lies under the oak"
OPEN = {
    ("GET", "/developer"),
    ("GET", "/invitation/{token}"),
    ("POST", "/invitation/{token}"),
    ("POST", "/ui/language"),
    ("POST", "/ui/session"),
    ("GET", "/static/{digest}/{name}"),
}
ADMINISTRATORS = {
    ("GET", "/operator"),
    ("GET", "/people"),
    ("POST", "/ui/people"),
    ("POST", "/ui/people/adopt"),
    ("POST", "/ui/people/{person_id}/{what}"),
}
OWN = {  # name nothing, and show what is one's own
    ("GET", "/"),
    ("GET", "/account"),
    ("GET", "/assistants"),
    ("GET", "/chain"),
    ("GET", "/plan"),
    ("GET", "/plan/places"),
    ("GET", "/search"),
    ("GET", "/ui/assistants"),
    ("GET", "/ui/budget"),
    ("GET", "/ui/chain"),
    ("GET", "/ui/export"),
    ("GET", "/ui/history"),
    ("GET", "/ui/models"),
    ("GET", "/ui/plan"),
    ("GET", "/ui/plan/{what}"),
    ("GET", "/ui/projects"),
    ("GET", "/ui/search"),
    ("POST", "/assistants"),
    ("POST", "/ui/account/password"),
    ("POST", "/ui/assistants"),
    ("POST", "/ui/assistants/import"),
    ("POST", "/ui/budget"),
    ("POST", "/ui/erase"),
    ("POST", "/ui/import"),
    ("POST", "/ui/models"),
    ("POST", "/ui/projects"),
    ("POST", "/ui/sign-out"),
    ("POST", "/ui/smaller"),
}


class Team:
    """A house of three people, Ada with something of everything."""

    def __init__(self, store, url) -> None:
        self.store, self.url = store, url
        self.browsers: list[httpx.Client] = []
        self.root = join(store.people, "root")
        self.ada = join(store.people, "ada", role=Role.MEMBER)
        self.bob = join(store.people, "bob", role=Role.MEMBER)

    def browser(self, name: str | None = None, **facts) -> httpx.Client:
        browser = httpx.Client(base_url=self.url, headers={"origin": self.url}, timeout=20, **facts)
        self.browsers.append(browser)
        if name is not None:
            entered = browser.post("/ui/session", data={"name": name, "password": PASSWORD})
            assert entered.status_code == 303
        return browser


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def team(fake_api, api_url, tmp_path, clock):
    store = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=clock, hashing=CHEAP)
    web = create_web(ApiClient(api_url), store=store, clock=clock)
    with served(web) as url:
        made = Team(store, url)
        made.routes = [
            (method, route.path) for route in web.routes for method in sorted(route.methods - {"HEAD"})
        ]
        yield made
        for browser in made.browsers:
            browser.close()
    store.close()


def ask(browser, question, **form):
    asked = browser.post("/ui/answers", data={"question": question} | form, headers=JSON)
    assert asked.status_code == 201, asked.text
    return asked.json()


def hand_in(browser, content, **params):
    return browser.post("/ui/documents", params={"name": "oak.txt"} | params, content=content).json()["id"]


def ids_of_ada(team, fake_api, ada):
    """One of everything that is Ada's, and an answer that is being written."""
    project = ada.post("/ui/projects", data={"name": SECRET}, headers=JSON).json()["id"]
    mine = team.store.of(team.ada.id)
    document = hand_in(ada, SECRET.encode(), project=project)
    draft = hand_in(ada, b"draft of " + SECRET.encode())
    assistant = mine.assistants.add(Profile(name=SECRET))
    fake_api.gate.set()
    asked = ask(ada, f"Where? {SECRET}", project=project)
    wait_for(lambda: mine.message(asked["answer"]).status == "done")
    fake_api.gate.clear()
    writing = ask(ada, f"And now? {SECRET}", temporary="1")
    return {
        "conversation_id": asked["conversation"],
        "message_id": asked["answer"],
        "n": "1",
        "project_id": project,
        "document_id": document,
        "draft_id": draft,
        "assistant_id": assistant.id,
        "session_id": team.store.people.sessions_of(team.ada.id)[0].id,
        "use_id": "u",
        "temporary_id": writing["conversation"],
        "writing_id": writing["answer"],
        "person_id": team.ada.id,
        "what": "plan",
    }


EVERY_FIELD = dict.fromkeys(("question", "title", "name", "instructions"), "mine")
EVERY_FIELD |= {"pinned": "1", "decision": "once", "model": "galerne-mini"}


def test_every_route_is_classed(team):
    classed = OPEN | ADMINISTRATORS | OWN
    assert classed - set(team.routes) <= {("POST", "/assistants"), ("POST", "/ui/assistants")}
    for method, path in set(team.routes) - classed:
        named = {
            ("POST", "/ui/answers"), ("GET", "/ui/documents"), ("POST", "/ui/documents"),
        }  # by a field  # fmt: skip
        assert "{" in path or (method, path) in named, f"{method} {path} is classed nowhere"


def test_b_finds_and_changes_nothing_of_a(team, fake_api):
    ada, bob = team.browser("ada"), team.browser("bob")
    ids = ids_of_ada(team, fake_api, ada)
    before = ada.get("/ui/export").json()
    temporary = {"conversation_id": ids["temporary_id"], "message_id": ids["writing_id"]}
    for method, path in team.routes:
        if (method, path) in OPEN | {("POST", "/ui/sign-out"), ("POST", "/ui/account/password")}:
            continue
        for names in (ids, ids | temporary):
            url = path.format(**names)
            query = {"conversation": names["conversation_id"], "at": names["message_id"], "q": "treasure oak"}
            if (method, path) == ("GET", "/"):
                query |= {"project": names["project_id"], "assistant": names["assistant_id"]}
            response = bob.request(method, url, params=query, data=EVERY_FIELD if method == "POST" else None)
            assert SECRET not in response.text, (method, path)
            if (method, path) in ADMINISTRATORS:
                assert response.status_code == 403, (method, path)
            elif (method, path) in OWN:
                assert response.status_code != 500, (method, path, response.text)
            elif (method, path) not in {("POST", "/ui/answers"), ("POST", "/ui/documents")}:
                assert response.status_code == 404, (method, path)
    assert ada.get("/ui/export").json() == before
    assert ada.get(f"/c/{ids['temporary_id']}").status_code == 200
    fake_api.gate.set()
    ends = ada.get(f"/ui/answers/{ids['writing_id']}/words")
    assert "event: end" in ends.text
    assert len(team.store.people.sessions_of(team.ada.id)) == 1


def test_b_takes_nothing_of_a_along(team, fake_api):
    ada, bob = team.browser("ada"), team.browser("bob")
    ids = ids_of_ada(team, fake_api, ada)
    fake_api.gate.set()
    mine = ask(bob, "q", documents=f"{ids['draft_id']} {ids['document_id']}")
    theirs = team.store.of(team.bob.id)
    assert theirs.documents.of(conversation_id=mine["conversation"]) == []
    assert team.store.of(team.ada.id).documents.document(ids["draft_id"]).conversation_id is None
    home = {"conversation": mine["conversation"]}
    for form in (
        {"project": ids["project_id"]},
        {"conversation": ids["conversation_id"]},
        home | {"after": ids["message_id"]},
    ):
        assert bob.post("/ui/answers", data={"question": "q"} | form).status_code == 404, form
    move = f"/ui/conversations/{mine['conversation']}/move"
    assert bob.post(move, data={"project": ids["project_id"]}).status_code == 404
    params = {"name": "a.txt", "project": ids["project_id"]}
    assert bob.post("/ui/documents", params=params, content=b"text").status_code == 404


def test_nobody_comes_in_without_an_account(team):
    ada, stranger = team.browser("ada"), team.browser()
    forged = team.browser(cookies={"galerne-session": "x"})
    team.store.people.set_disabled(team.bob.id, disabled=True)
    out = team.browser(cookies=dict(ada.cookies))
    team.store.people.end_sessions(team.ada.id)
    for browser in (stranger, forged, out):
        for method, path in team.routes:
            if (method, path) in OPEN:
                continue
            url = re.sub(r"{\w+}", "x", path)
            assert browser.request(method, url).status_code == 401, (method, path)
    refused = stranger.post("/ui/session", data={"name": "bob", "password": PASSWORD})
    assert refused.status_code == 401


def test_a_session_ends_in_the_browser_too(team, clock):
    ada = team.browser("ada")
    assert ada.get("/").status_code == 200
    clock.advance(UNUSED_S)
    assert ada.get("/").status_code == 401
    assert SESSION_S > UNUSED_S


def test_a_change_from_another_page_is_refused(team):
    ada = team.browser("ada")
    for method, path in team.routes:
        if method == "POST":
            url = path.replace("{", "").replace("}", "")
            for headers in (
                {"origin": "https://evil.example"},
                {"sec-fetch-site": "cross-site"},
                {"origin": "null"},
            ):
                assert ada.post(url, headers=headers).status_code == 403, (path, headers)


def test_guessing_is_slowed_and_the_right_password_waits_too(team, clock):
    guesser = team.browser()
    for _ in range(5):
        assert guesser.post("/ui/session", data={"name": "ada", "password": "wrong"}).status_code == 401
    slowed = guesser.post("/ui/session", data={"name": "ada", "password": PASSWORD})
    assert slowed.status_code == 429
    assert slowed.headers["retry-after"] == "2"
    for _ in range(6):  # a name that nobody has is treated alike
        last = guesser.post("/ui/session", data={"name": "nobody", "password": "wrong"})
    assert last.status_code == 429
    clock.advance(2)
    assert guesser.post("/ui/session", data={"name": "ada", "password": PASSWORD}).status_code == 303


def test_the_pages_ask_the_api_for_the_person(team, fake_api):
    fake_api.gate.set()
    for name in ("ada", "root"):
        browser = team.browser(name)
        answer = ask(browser, "q")["answer"]
        wait_for(
            lambda browser=browser, answer=answer: (
                "event: end" in browser.get(f"/ui/answers/{answer}/words").text
            )
        )
    assert fake_api.asked_for == ["ada", "root"]


def test_an_administrator_invites_sets_budgets_and_removes(team, fake_api):
    root, eve = team.browser("root"), team.browser()
    page = root.post("/ui/people", data={"name": "eve", "shown_name": "Eve <b>"})
    assert "Eve &lt;b&gt;" in page.text
    link = page.text.split('readonly value="')[1].split('"')[0]
    assert link.startswith(f"{team.url}/invitation/")
    assert eve.post(link, data={"password": PASSWORD, "again": "other"}).status_code == 422
    assert eve.post(link, data={"password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert eve.get("/account").status_code == 200
    assert team.browser().get(link).status_code == 404
    person = team.store.people.person("eve")
    saved = root.post(f"/ui/people/{person.id}/budget", data={"eur": "1,5", "wh": "", "g": "20"})
    assert saved.status_code == 303
    assert [(wish["unit"], wish["limit"], wish["subject"]) for wish in fake_api.wished_limits] == [
        ("eur", 1.5, "user:eve"), ("wh", None, "user:eve"), ("g", 20.0, "user:eve"),
    ]  # fmt: skip
    assert root.post(f"/ui/people/{person.id}/budget", data={"eur": "-1"}).status_code == 422
    assert root.post(f"/ui/people/{team.root.id}/disable").status_code == 422
    assert root.post(f"/ui/people/{person.id}/nothing").status_code == 404
    assert root.post("/ui/people/nobody/disable").status_code == 404
    fake_api.gate.set()
    ask(eve, "q")
    assert root.post(f"/ui/people/{person.id}/remove").status_code == 303
    assert eve.get("/").status_code == 401
    assert team.store.n_conversations(person.id) == 0


def test_one_person_begins_a_team_and_keeps_what_was_there(fake_api, api_url, tmp_path, clock):
    store = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=clock, hashing=CHEAP)
    web = create_web(ApiClient(api_url), store=store, clock=clock)
    with served(web) as url, httpx.Client(base_url=url, headers={"origin": url}, timeout=20) as browser:
        fake_api.gate.set()
        home = ask(browser, "from before")["conversation"]
        assert browser.get("/people").status_code == 200
        begun = browser.post("/ui/people", data={"name": "ada"})
        assert begun.headers["location"].startswith("/invitation/")
        assert browser.get("/").status_code == 401
        browser.post(begun.headers["location"], data={"password": PASSWORD, "again": PASSWORD})
        assert browser.get(f"/c/{home}").status_code == 404
        assert "1 conversations" in browser.get("/account").text
        assert browser.post("/ui/people/adopt").status_code == 303
        assert browser.get(f"/c/{home}").status_code == 200
    store.close()


def test_a_person_sees_to_their_sessions_and_password(team):
    here, there = team.browser("ada"), team.browser("ada")
    sessions = {entry.id for entry in team.store.people.sessions_of(team.ada.id)}
    assert len(sessions) == 2
    new = {"old": PASSWORD, "new": "a whole new sentence", "again": "a whole new sentence"}
    assert here.post("/ui/account/password", data=new | {"old": "wrong"}).status_code == 422
    assert here.post("/ui/account/password", data=new | {"again": "x"}).status_code == 422
    assert here.post("/ui/account/password", data=new).status_code == 200
    assert there.get("/").status_code == 401
    assert here.post("/ui/account/sessions/nothing/end").status_code == 404
    left = here.post("/ui/sign-out")
    assert left.status_code == 303
    assert here.get("/").status_code == 401
