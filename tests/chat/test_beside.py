"""Answers of two models beside each other: asked, told apart, and one kept."""

import pytest

from galerne.chat.bill.difference import view_difference
from galerne.chat.history.records import MessageStatus
from galerne.language import Language
from tests.chat.fake_api import a_receipt
from tests.chat.test_web import ask, events, wait_for, web, web_url
from tests.chat.test_web_branches import finished, post

__all__ = ["web", "web_url"]


def pair_of(web, **fields):
    asked = ask(web, beside="ministral-3-3b", model="galerne-mini", **fields)
    return asked, lambda store: store.message(store.message(asked["answer"]).beside_id)


def test_both_models_answer_one_question_and_stand_beside_each_other(fake_api, web, store):
    asked, other = pair_of(web)
    finished(web, asked)
    wait_for(lambda: other(store).status is MessageStatus.DONE)
    assert {body["model"] for body in fake_api.asked} == {"galerne-mini", "ministral-3-3b"}
    assert fake_api.asked[0]["messages"] == fake_api.asked[1]["messages"]
    page = web.get(asked["address"]).text
    assert page.count("data-answer=") == 2
    assert page.count('class="receipt"') == 2
    assert "Keep ministral-3-3b" in page


@pytest.mark.parametrize("kept", ["first", "second"])
def test_the_kept_one_is_the_branch_and_the_other_stays_beside_it(web, store, kept):
    asked, other = pair_of(web)
    finished(web, asked)
    events(web, other(store).id)
    chosen = asked["answer"] if kept == "first" else other(store).id
    reply = post(web, f"/ui/messages/{chosen}/keep").json()
    assert 'class="duo"' not in reply["html"]
    assert [turn.id for turn in store.thread(asked["conversation"])][-1] == chosen
    page = web.get(asked["address"]).text
    assert page.count("data-answer=") == 1
    assert ("1/2" if kept == "first" else "2/2") in page


def test_an_answer_in_the_middle_is_compared_and_what_followed_is_not_lost(web, store):
    first = finished(web, ask(web))
    finished(web, ask(web, "And then?", conversation=first["conversation"]))
    reply = post(web, f"/ui/messages/{first['answer']}/compare", model="ministral-3-3b").json()
    assert 'class="duo"' in reply["html"]
    other = store.message(first["answer"]).beside_id
    events(web, other)
    assert "And then?" not in web.get(first["address"] + "#").text.split('id="turns"')[1]
    post(web, f"/ui/messages/{first['answer']}/keep")
    assert "And then?" in web.get(first["address"]).text.split('id="turns"')[1]


def test_without_a_name_the_other_model_is_asked(fake_api, web, store):
    first = finished(web, ask(web, model="galerne-mini"))
    post(web, f"/ui/messages/{first['answer']}/compare")
    events(web, store.message(first["answer"]).beside_id)
    assert fake_api.asked[1]["model"] == "ministral-3-3b"


def test_the_next_question_goes_on_with_the_first_while_none_is_kept(fake_api, web, store):
    asked, other = pair_of(web)
    finished(web, asked)
    events(web, other(store).id)
    finished(web, ask(web, "And then?", conversation=asked["conversation"]))
    thread = [turn.id for turn in store.thread(asked["conversation"])]
    assert asked["answer"] in thread
    assert other(store).id not in thread


def test_each_of_the_two_is_taken_up_where_it_was_left(fake_api, web, store):
    fake_api.pieces, fake_api.open_pieces = ["one\n\n", "two\n\n", "three"], 2
    asked, other = pair_of(web)
    wait_for(lambda: fake_api.n_active == 2)
    page = web.get(asked["address"]).text
    assert page.count("data-writing aria-busy") == 2
    fake_api.gate.set()
    for answer in (asked["answer"], other(store).id):
        assert [data for _, _, data in events(web, answer, after="2") if "three" in data]


def a_pair(store, first, second):
    _, one = store.begin("q", conversation_id=None, model_id="small")
    other = store.begin_beside(one.id, model_id="large")
    for answer, facts in ((one, first), (other, second)):
        receipt = a_receipt(f"rcpt_{answer.id}") | {"completion_tokens": 38} | facts
        store.save_answer(answer.id, content="a", status=MessageStatus.DONE, receipt=receipt)
    return store.message(one.id), store.message(other.id)


def joules(full):
    return {"energy_j": {"active": full, "full": full}}


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.03, "about the same energy"),
        (2.0, "twice the energy"),
        (0.5, "half the energy"),
        (3.4, "3.4 times the energy"),
        (1.3, "30\u202f% more energy"),
        (0.7, "30\u202f% less energy"),
    ],
)
def test_the_difference_is_said_plainly(store, ratio, words):
    one, other = a_pair(store, joules(10.0), joules(10.0 * ratio))
    text = view_difference(one, other, language=Language.ENGLISH).text
    assert text == f"Beside small, large took {words} and about the same time."


def test_time_runs_from_the_question_to_the_last_word(store):
    timing = {"timing": {"queued_s": 0.0, "first_token_s": 0.56, "tokens_per_s": 38.0}}
    quick = {"timing": {"queued_s": 0.0, "first_token_s": 0.28, "tokens_per_s": 76.0}}
    one, other = a_pair(store, timing, quick | joules(111.8))
    text = view_difference(one, other, language=Language.FRENCH).text
    assert text == "À côté de small, large a demandé deux fois plus d’énergie et deux fois moins de temps."


def test_a_difference_is_as_sure_as_the_less_sure_receipt(store):
    one, other = a_pair(store, {"method": "measured", "status": "final"}, {"method": "modelled"})
    difference = view_difference(one, other, language=Language.ENGLISH)
    assert (difference.method, difference.final) == ("modelled", False)


def test_without_both_receipts_nothing_is_claimed(store):
    _, one = store.begin("q", conversation_id=None, model_id="small")
    other = store.begin_beside(one.id, model_id="large")
    assert view_difference(one, other, language=Language.ENGLISH).text == ""
