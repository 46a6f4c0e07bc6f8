"""Messages are a tree: other words, other answers, and the way between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.chat.history.records import Manner, MessageStatus
from galerne.chat.history.tree import MessageTree
from galerne.errors import UnknownConversation
from tests.chat.fake_api import a_receipt


def finish(store, answer, text="a", **facts):
    store.save_answer(answer.id, content=text, status=MessageStatus.DONE, **facts)


def said(store, conversation_id):
    return [message.content for message in store.thread(conversation_id)]


@pytest.fixture
def asked(store):
    question, answer = store.begin("q1", conversation_id=None, model_id="mini")
    finish(store, answer, "a1")
    return question, answer


def test_another_answer_stands_beside_the_first(store, asked):
    question, first = asked
    second = store.regenerate(first.id, model_id="other")
    finish(store, second, "a1 again")
    assert said(store, question.conversation_id) == ["q1", "a1 again"]
    place = store.page(question.conversation_id).places[second.id]
    assert (place.n, place.of, place.previous_id, place.next_id) == (2, 2, first.id, None)


def test_other_words_make_a_branch_and_the_old_one_is_kept_whole(store, asked):
    question, _ = asked
    _, later = store.begin("q2", conversation_id=question.conversation_id, model_id=None)
    finish(store, later, "a2")
    edited, other = store.edit(question.id, "q1 better", model_id=None)
    finish(store, other, "b1")
    assert said(store, question.conversation_id) == ["q1 better", "b1"]
    store.show_branch(question.id)
    assert said(store, question.conversation_id) == ["q1", "a1", "q2", "a2"]
    assert edited.parent_id is None


def test_a_question_follows_the_branch_that_is_looked_at(store, asked):
    question, first = asked
    finish(store, store.regenerate(first.id, model_id=None), "a1 again")
    store.begin("q2", conversation_id=question.conversation_id, model_id=None, after_id=first.id)
    assert said(store, question.conversation_id) == ["q1", "a1", "q2", ""]


def test_what_was_written_and_paid_stays_when_an_answer_goes_on(store, asked):
    question, answer = asked
    finish(store, answer, "half", receipt=a_receipt("rcpt_1"))
    with pytest.raises(UnknownConversation):
        store.resume(answer.id)  # it is done
    store.save_answer(answer.id, content="half", status=MessageStatus.CUT)
    assert store.resume(answer.id).content == "half"
    finish(store, answer, "half and half", receipt=a_receipt("rcpt_2"))
    store.save_receipt(answer.id, receipt=a_receipt("rcpt_2") | {"revision": 2, "cost_eur": None})
    bill = store.bill(question.conversation_id)
    assert bill.energy_j == pytest.approx(2 * 55.9)
    assert (bill.low_j, bill.high_j) == (pytest.approx(55.9), pytest.approx(4 * 55.9))
    assert bill.cost_eur is None


def test_the_bill_holds_every_branch_and_the_least_sure_method(store, asked):
    question, first = asked
    finish(store, first, receipt=a_receipt("rcpt_1") | {"method": "measured"})
    finish(store, store.regenerate(first.id, model_id=None), receipt=a_receipt("rcpt_2"))
    bill = store.bill(question.conversation_id)
    assert (bill.n_receipts, bill.method) == (2, "modelled")
    assert bill.cost_eur == pytest.approx(3.2e-6)


def test_a_long_conversation_is_paged(store):
    home = None
    for n in range(12):
        question, answer = store.begin(f"q{n}", conversation_id=home, model_id=None)
        finish(store, answer, f"a{n}")
        home = question.conversation_id
    last = store.page(home, limit=6)
    before = store.page(home, before_id=last.earlier_id, limit=6)
    assert [m.content for m in (*before.messages, *last.messages)] == said(store, home)[-12:]
    assert before.more_follow
    assert not last.more_follow
    target = store.thread(home)[3]
    around = store.page_around(target.id, limit=6)
    assert target.id in {message.id for message in around.messages}
    assert around.more_follow


def test_how_to_answer_is_kept_with_the_conversation(store):
    manner = Manner(instructions="Be brief.", temperature=0.2, max_new_tokens=99)
    question, _ = store.begin("q", conversation_id=None, model_id=None, manner=manner)
    store.begin("q2", conversation_id=question.conversation_id, model_id=None)
    assert store.conversation(question.conversation_id).manner == manner


@pytest.mark.parametrize("call", ["edit", "regenerate", "resume"])
def test_the_wrong_kind_of_message_is_refused(store, asked, call):
    question, answer = asked
    wrong = {
        "edit": lambda: store.edit(answer.id, "no", model_id=None),
        "regenerate": lambda: store.regenerate(question.id, model_id=None),
        "resume": lambda: store.resume(question.id),
    }
    with pytest.raises(UnknownConversation):
        wrong[call]()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_every_message_is_on_a_path_and_every_walk_comes_back(choices):
    edges = [(str(n), None if c % (n + 1) == n else str(c % (n + 1))) for n, c in enumerate(choices)]
    tree = MessageTree(edges)
    for message_id, _ in edges:
        path = tree.path(tree.newest_leaf(message_id))
        assert message_id in path
        place = tree.place(message_id)
        assert 1 <= place.n <= place.of
        if place.next_id:
            assert tree.place(place.next_id).previous_id == message_id
