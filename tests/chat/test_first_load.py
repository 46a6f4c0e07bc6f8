"""What a first look costs: bytes and requests of the page, transactions of a conversation never drawn."""

import re

import sqlalchemy as sa

from galerne.chat.history.records import ChatMessage, Conversation, MessageStatus
from tests.chat.test_web import web, web_url

__all__ = ["web", "web_url"]

MOST_BYTES = 60_000
MOST_REQUESTS = 12
AFTER_THE_PAGE = 1
"""The budget under the question."""


def imported(store, name, *, n_messages):
    home = Conversation(id=name, title=f"About {name}", created_at=1.0, changed_at=1.0)
    thread = [
        ChatMessage(
            id=f"{name}-{n}",
            conversation_id=name,
            parent_id=f"{name}-{n - 1}" if n else None,
            role="assistant" if n % 2 else "user",
            content=f"Message **{n}**",
            status=MessageStatus.DONE,
            model_id=None,
            problem_code=None,
            receipt_id=None,
            receipt=None,
            created_at=1.0,
        )
        for n in range(n_messages)
    ]
    store.add([(home, thread)])


def test_a_first_load_is_small_with_a_long_history_beside_it(web, store):
    for n in range(120):
        imported(store, f"c{n}", n_messages=2)
    page = web.get("/")
    assert page.headers["content-encoding"] == "gzip"
    paths = set(re.findall(r'"(/static/[^"]+)"', page.text))
    modules = {path for path in paths if path.endswith(".js")}
    for path in modules:  # what a module brings along is known to the page, so that nothing waits for it
        for name in re.findall(r'from "\./([\w.]+)"', web.get(path).text):
            assert any(known.endswith(f"/{name}") for known in modules), name
    sizes = [int(web.get(path).headers["content-length"]) for path in paths]
    assert int(page.headers["content-length"]) + sum(sizes) <= MOST_BYTES
    assert 1 + len(paths) + AFTER_THE_PAGE <= MOST_REQUESTS


def test_a_conversation_that_was_never_drawn_is_kept_drawn_in_one_transaction(web, store):
    imported(store, "long", n_messages=200)
    web.get("/")
    commits = []

    def note(connection):
        commits.append(connection)

    sa.event.listen(sa.Engine, "commit", note)
    try:
        assert "<strong>199</strong>" in web.get("/c/long").text
        n_first = len(commits)
        web.get("/c/long")
    finally:
        sa.event.remove(sa.Engine, "commit", note)
    n_again = len(commits) - n_first  # a read ends with one too
    assert n_first - n_again == 1


def test_a_stream_is_not_held_back_to_be_compressed(web):
    asked = web.post(
        "/ui/answers",
        data={"question": "hi"},
        headers={"sec-fetch-site": "same-origin", "accept": "application/json"},
    ).json()
    assert "content-encoding" not in web.get(f"/ui/answers/{asked['answer']}/events").headers
