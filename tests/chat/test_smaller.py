"""The hint that a smaller model would do: when it is due, what it says, and how it is never seen again."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galerne.chat.history.records import MessageStatus
from galerne.chat.smaller import (
    LEAST_SAVED_J,
    MOST_CHARACTERS,
    MOST_QUESTION_CHARACTERS,
    find_smaller,
    is_plain,
    view_smaller,
)
from galerne.language import Language
from tests.chat.fake_api import FITS, a_fit, a_receipt
from tests.chat.test_web import AS_SCRIPT, ask, web, web_url
from tests.chat.test_web_branches import finished, post

__all__ = ["web", "web_url"]

SMALL, LARGE = "ministral-3-3b", "ministral-3-8b"
CARDS = [{"id": "galerne-mini"}, {"id": SMALL, "name": "Ministral 3 3B"}, {"id": LARGE}]


def engines_of(*model_ids, presence="loaded", engine="llama.cpp"):
    return [{"model_id": model_id, "presence": presence, "engine": engine} for model_id in model_ids]


def found(model_id=LARGE, *, energy_j=720.0, cards=CARDS, fits=FITS["data"], engines=None):
    engines = engines_of(*(card["id"] for card in cards)) if engines is None else engines
    return find_smaller(model_id, energy_j=energy_j, cards=cards, fits=fits, engines=engines)


def with_row(model_id, **facts):
    return [row | facts if row["model_id"] == model_id else row for row in FITS["data"]]


def test_the_saving_is_the_answers_energy_times_what_the_shared_model_says():
    hint = found()
    assert hint.id == SMALL
    assert hint.saved_j == pytest.approx(720.0 * (1 - 4.5 / 11.0))


def test_the_hint_says_watt_hours_and_what_they_stand_on():
    view = view_smaller(found(), machine="this machine", language=Language.ENGLISH)
    assert "Ministral 3 3B would take about 120\u202fmWh less than the 200\u202fmWh" in view.text
    assert "7.3\u202fJ/token as q4-k-m against 18\u202fJ/token as q4-k-m" in view.how
    assert "30 %" in view.how
    assert "load comes on top" not in view.how


def test_a_load_that_comes_on_top_is_said_in_french_too():
    hint = found(engines=engines_of(LARGE) + engines_of(SMALL, presence="installed"))
    view = view_smaller(hint, machine="cette machine", language=Language.FRENCH)
    assert "son chargement s’y ajoute" in view.how
    assert "7,3\u202fJ/jeton" in view.how


@pytest.mark.parametrize(
    "case",
    [
        {"model_id": SMALL},  # nothing smaller is here
        {"model_id": "galerne-mini"},  # the catalogue does not know what it takes
        {"energy_j": 2 * LEAST_SAVED_J * 0.8},
        {"fits": with_row(SMALL, j_per_token=80 / 4.5 / 2)},
        {"fits": with_row(SMALL, purpose="code")},
        {"fits": with_row(LARGE, purpose="reasoning")},
        {"fits": with_row(SMALL, n_active_parameters=8.4e9)},
        {"cards": [{"id": LARGE}]},
        {"engines": engines_of(LARGE)},
        {"engines": engines_of(LARGE) + engines_of(SMALL, engine="remote")},
        {"engines": engines_of(SMALL) + engines_of(LARGE, engine="simulated")},
    ],
)
def test_without_a_reason_there_is_no_hint(case):
    assert found(**case) is None


def test_the_built_in_model_is_never_named_even_were_its_energy_known():
    mini = a_fit("galerne-mini", headroom_bytes=19e9, tokens_per_s=900.0, n_parameters=5.6e6)
    assert found(fits=[*FITS["data"], mini]).id == SMALL
    assert found(SMALL, fits=[*FITS["data"], mini]) is None


def test_a_model_that_is_not_loaded_must_have_room():
    engines = engines_of(LARGE) + engines_of(SMALL, presence="installed")
    tight = with_row(SMALL, fits=False, headroom_bytes=-1e9)
    assert found(fits=tight, engines=engines).id == SMALL  # in the place of the one that answered
    assert found(fits=with_row(SMALL, fits=False, needed_bytes=30e9), engines=engines) is None


def test_another_file_of_a_model_is_known_by_the_model_in_its_name():
    cards = [{"id": f"{LARGE}:q8_0"}, {"id": SMALL}]
    assert found(f"{LARGE}:q8_0", cards=cards).id == SMALL
    assert found(f"{LARGE}:q8_0", cards=[{"id": f"{LARGE}:q8_0"}, {"id": LARGE}]) is None


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.floats(1e6, 1e11), st.floats(0.05, 400.0)), min_size=1, max_size=6),
    energy_j=st.floats(0.0, 1e6),
)
def test_whatever_is_here_the_hint_is_smaller_takes_less_than_half_and_is_the_largest_such(sizes, energy_j):
    rows = [
        a_fit(f"m{n}", headroom_bytes=1e9, tokens_per_s=speed, n_parameters=size)
        for n, (size, speed) in enumerate(sizes)
    ]
    cards = [{"id": row["model_id"]} for row in rows]
    hint = found("m0", energy_j=energy_j, cards=cards, fits=rows)
    better = [
        row
        for row in rows
        if 5e8 <= row["n_active_parameters"] < rows[0]["n_active_parameters"]
        and row["j_per_token"] < rows[0]["j_per_token"] / 2
    ]
    if hint is None:
        assert not better or energy_j / 2 < LEAST_SAVED_J or energy_j < 2 * LEAST_SAVED_J
        return
    assert max(row["n_active_parameters"] for row in better) == next(
        row["n_active_parameters"] for row in better if row["model_id"] == hint.id
    )
    assert energy_j / 2 < hint.saved_j <= energy_j
    assert hint.saved_j >= LEAST_SAVED_J


def an_exchange(store, *, question="q", answer="a", **facts):
    _, begun = store.begin(question, conversation_id=None, model_id=LARGE)
    receipt = a_receipt() | {"energy_j": {"active": 700.0, "full": 720.0}}
    status = facts.pop("status", MessageStatus.DONE)
    store.save_answer(begun.id, content=answer, status=status, receipt=receipt, model_id=LARGE, **facts)
    return store.message(begun.id)


@pytest.mark.parametrize(
    ("case", "instructions", "plain"),
    [
        ({}, "", True),
        ({"question": "q" * MOST_QUESTION_CHARACTERS}, "", True),
        ({"question": "q" * (MOST_QUESTION_CHARACTERS + 1)}, "", False),
        ({"answer": "a" * MOST_CHARACTERS}, "", False),
        ({}, "i" * MOST_CHARACTERS, False),
        ({"status": MessageStatus.STOPPED}, "", False),
    ],
)
def test_a_plain_exchange_is_short_and_whole(store, case, instructions, plain):
    page = store.page(an_exchange(store, **case).conversation_id)
    assert is_plain(page, instructions=instructions) is plain


def test_what_a_model_did_not_answer_alone_is_not_plain(store):
    page = store.page(an_exchange(store).conversation_id)
    question, answer = page.messages
    for facts in ({"quoted": True}, {"past_receipts": (a_receipt(),)}):
        other = dataclasses.replace(page, messages=(question, dataclasses.replace(answer, **facts)))
        assert not is_plain(other, instructions="")


def hint_of(web, answer):
    return web.get(f"/ui/answers/{answer}/smaller")


@pytest.fixture
def large(fake_api):
    """A server that has the larger model too."""
    fake_api.serves_large = True
    fake_api.presence |= {LARGE: "loaded"}


@pytest.mark.usefixtures("large")
def test_a_short_question_to_the_larger_model_gets_the_hint(web, store):
    shown = hint_of(web, an_exchange(store).id)
    assert shown.status_code == 200
    assert "ministral-3-3b would take about 120\u202fmWh less than" in shown.text
    assert "200\u202fmWh (720\u202fJ)" in shown.text
    assert 'class="badge modelled"' in shown.text
    assert "How well each answers is not said" in shown.text


def test_where_no_smaller_model_is_here_nothing_is_shown(web, store):
    assert hint_of(web, an_exchange(store).id).status_code == 204


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("how", ["goes on", "in other words", "again", "beside"])
def test_once_the_conversation_goes_on_the_hint_is_gone(web, store, how):
    answer = an_exchange(store)
    question = store.page(answer.conversation_id).messages[0]
    match how:
        case "goes on":
            ask(web, "And then?", conversation=answer.conversation_id)
        case "in other words":
            post(web, f"/ui/messages/{question.id}/edit", question="Other words?", model=LARGE)
        case "again":
            post(web, f"/ui/messages/{answer.id}/regenerate", model=LARGE)
        case _:
            post(web, f"/ui/messages/{answer.id}/compare", model=SMALL)
    newest = store.messages(answer.conversation_id)[-1]
    finished(web, {"answer": newest.id})
    for message_id in (answer.id, newest.id):
        assert hint_of(web, message_id).status_code == 204


@pytest.mark.usefixtures("large")
def test_beside_a_document_there_is_no_hint(web, store):
    files = {"file": ("notes.txt", b"The wind is called galerne.", "text/plain")}
    answer = an_exchange(store)
    document = web.post("/ui/documents", files=files, headers=AS_SCRIPT).json()
    home = {"conversation_id": answer.conversation_id, "message_id": answer.id}
    store.documents.attach([document["id"]], **home)
    assert hint_of(web, answer.id).status_code == 204


@pytest.mark.usefixtures("large")
def test_who_wants_no_hints_sees_none_until_they_ask_for_them(web, store):
    answer = an_exchange(store)
    assert "Hints of a model that takes less are off" not in web.get("/ui/models").text
    said = web.post("/ui/smaller", headers=AS_SCRIPT)
    assert said.status_code == 204
    assert "HttpOnly" in said.headers["set-cookie"]
    assert hint_of(web, answer.id).status_code == 204
    assert "Hints of a model that takes less are off" in web.get("/ui/models").text
    web.post("/ui/smaller", data={"again": "1"}, headers=AS_SCRIPT)
    assert hint_of(web, answer.id).status_code == 200
