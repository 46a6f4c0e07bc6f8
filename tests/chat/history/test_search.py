"""Full-text search, on each database."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.chat.history.records import MessageStatus
from galerne.chat.history.search import excerpt, fold, plain, search_words
from galerne.chat.history.store import open_conversations
from galerne.clock import ManualClock
from tests.chat.documents.test_store import empty

POSTGRES_URL = os.environ.get("GALERNE_TEST_POSTGRES_URL", "")
needs_postgres = pytest.mark.skipif(not POSTGRES_URL, reason="GALERNE_TEST_POSTGRES_URL is not set")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def kept(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'chat.db'}"
    if request.param == "postgresql":
        url = POSTGRES_URL
        empty(url)
    clock = ManualClock()
    opened = open_conversations(url, clock=clock)
    yield opened.of(None), clock
    opened.close()


def tell(kept, question, text):
    store, clock = kept
    clock.advance(1)
    asked, answer = store.begin(question, conversation_id=None, model_id=None)
    store.save_answer(answer.id, content=text, status=MessageStatus.DONE)
    return asked.conversation_id


def found(kept, query):
    return [hit.conversation_id for hit in kept[0].search(query)]


def test_words_are_found_without_accents_and_case_the_newest_first(kept):
    old = tell(kept, "Météo", "Une DÉPRESSION arrive par l'ouest")
    new = tell(kept, "Encore", "deux dépressions de plus")
    assert found(kept, "depress") == [new, old]
    assert found(kept, "DÉPRESSION ouest") == [old]
    assert found(kept, "ouest depression") == [old]


def test_only_the_last_word_may_be_unfinished(kept):
    home = tell(kept, "q", "galerne et noroit")
    assert found(kept, "galerne noro") == [home]
    assert found(kept, "gal noroit") == []


@pytest.mark.parametrize(
    "query",
    ["", "   ", '"', "'; DROP TABLE message --", "a AND", "NEAR(", "*", "( & | !", "\0", "col:x", "%_"],
)
def test_a_query_is_words_and_never_a_language(kept, query):
    tell(kept, "q", "plain text")
    assert isinstance(kept[0].search(query), list)


def test_a_title_is_found_too(kept):
    home = tell(kept, "q", "text")
    kept[0].rename(home, title="Crêpes du dimanche")
    hits = kept[0].search("crepes dim")
    assert [hit.title for hit in hits] == ["Crêpes du dimanche"]
    assert hits[0].excerpt == ()


def test_the_excerpt_marks_the_words(kept):
    tell(kept, "q", "Hier, l'Été\nfut long et froid; " + "x " * 300)
    (hit,) = kept[0].search("été fro")
    assert [piece for piece, match in hit.excerpt if match] == ["Été", "fro"]


def test_what_changed_is_found_as_it_is_now_and_what_is_erased_no_more(kept):
    store, _ = kept
    home = tell(kept, "q", "before")
    answer = store.thread(home)[-1]
    store.save_answer(answer.id, content="afterwards", status=MessageStatus.DONE)
    assert found(kept, "before") == []
    assert found(kept, "afterwards") == [home]
    store.erase(home)
    assert found(kept, "afterwards") == []


def test_pinned_conversations_come_first(kept):
    old, new = tell(kept, "old", "x"), tell(kept, "new", "x")
    kept[0].pin(old, pinned=True)
    assert [entry.id for entry in kept[0].conversations()] == [old, new]


def test_a_common_word_does_not_hide_other_conversations(kept):
    rare = tell(kept, "rare", "common word")
    for n in range(5):
        tell(kept, f"often {n}", "common")
    assert rare in found(kept, "common wor")


@pytest.mark.parametrize("few", [0, 20_000])
def test_each_owner_finds_their_own_however_many_are_elsewhere(kept, monkeypatch, few):
    monkeypatch.setattr("galerne.chat.history.search._FEW", few)
    mine = tell(kept, "mine", "galerne")
    opened = open_conversations(kept[0]._engine.url.render_as_string(hide_password=False), clock=kept[1])
    theirs = [tell((opened.of("ada"), kept[1]), f"theirs {n}", "galerne") for n in range(3)]
    project = opened.of("ada").projects.add("Winds")
    opened.of("ada").projects.move(theirs[1], project_id=project.id)
    assert found(kept, "galer") == [mine]
    assert [hit.conversation_id for hit in opened.of("ada").search("galer")] == theirs[::-1]
    hits = opened.of("ada").search("galer", project_id=project.id)
    assert [hit.conversation_id for hit in hits] == [theirs[1]]
    opened.close()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("## Winds", "Winds"),
        ("a **bold** `word` and snake_case", "a bold word and snake_case"),
        ("| a | b |\n|---|---|", " a  b  "),
        ("2 > 1 and C# stays", "2 > 1 and C# stays"),
    ],
)
def test_an_excerpt_is_shown_without_marks(written, shown):
    assert plain(written.replace("\n", " ")) == shown


@given(st.text(max_size=80), st.text(min_size=1, max_size=6))
def test_an_excerpt_is_the_text_itself(text, query):
    pieces = excerpt(text, search_words(query) or ["x"])
    shown = "".join(piece for piece, _ in pieces).strip("…")
    assert shown in text.replace("\n", " ") or shown.strip() == ""


@given(st.text(max_size=200))
def test_folding_keeps_every_character_in_its_place(text):
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)
