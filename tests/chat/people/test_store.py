"""Accounts, passwords, invitations and sessions, on each database."""

import pytest
import sqlalchemy as sa

from galerne.chat.history.store import open_conversations
from galerne.chat.people.passwords import Hashing, check_new, is_right
from galerne.chat.people.records import Role, device_of
from galerne.chat.people.store import INVITATION_S, SESSION_S, UNUSED_S, PeopleStore
from galerne.chat.people.tables import invitations, persons, sessions
from galerne.chat.people.throttle import FORGOTTEN_S, FREE_FAILURES, LONGEST_S, Throttle
from galerne.clock import ManualClock
from galerne.errors import AccountRefused, SignInDelayed, UnknownPerson
from tests.chat.documents.test_store import POSTGRES_URL, empty, needs_postgres

CHEAP = Hashing(n_mixes=2, n_blocks=1, n_lanes=1)
PASSWORD = "correct horse battery"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def opened(request, tmp_path):
    url = POSTGRES_URL if request.param == "postgresql" else f"sqlite:///{tmp_path / 'chat.db'}"
    if request.param == "postgresql":
        empty(url)
    store = open_conversations(url, clock=ManualClock(), hashing=CHEAP)
    yield store
    store.close()


@pytest.fixture
def people(opened) -> PeopleStore:
    return opened.people


def clock_of(people) -> ManualClock:
    return people._clock


def join(people, name, *, role=Role.ADMINISTRATOR):
    person, token = people.add(name, role=role)
    assert people.accept(token, PASSWORD) == people.person(person.id)
    return people.person(person.id)


def refused(call, *args, **facts):
    with pytest.raises(AccountRefused) as caught:
        call(*args, **facts)
    return caught.value.reason


def test_an_invitation_is_accepted_once_and_only_while_it_holds(people):
    person, token = people.add("Ada", role=Role.ADMINISTRATOR, shown_name="Ada  L.")
    assert (person.name, person.shown_name, person.invited) == ("ada", "Ada L.", True)
    assert people.invited("nothing") is None
    assert people.known_by("ada", "") is None
    assert refused(people.accept, token, "short") == "password_length"
    assert people.accept(token, PASSWORD).invited is False
    assert people.accept(token, "another password") is None
    assert people.known_by("ADA ", PASSWORD).id == person.id
    assert people.known_by("ada", PASSWORD.upper()) is None
    again = people.invite_again(person.id)
    assert people.known_by("ada", PASSWORD) is None
    clock_of(people).advance(INVITATION_S)
    assert people.invited(again) is None
    assert people.accept(again, PASSWORD) is None


def test_an_older_invitation_ends_with_a_newer_one(people):
    person, first = people.add("ada", role=Role.ADMINISTRATOR)
    second = people.invite_again(person.id)
    assert people.invited(first) is None
    assert people.invited(second) == person


@pytest.mark.parametrize("name", ["", "a b", "-a", "é", "x" * 41, "a/b", "a\nb", "person:x"])
def test_names_are_plain(people, name):
    assert refused(people.add, name, role=Role.ADMINISTRATOR) == "name_invalid"


def test_a_name_is_one_persons_and_the_first_is_an_administrator(people):
    assert refused(people.add, "ada", role=Role.MEMBER) == "first_is_administrator"
    assert not people.exist()
    join(people, "ada")
    assert people.exist()
    assert refused(people.add, "ADA", role=Role.MEMBER) == "name_taken"
    with pytest.raises(UnknownPerson):
        people.person("bob")


def test_nothing_that_opens_is_kept(opened, people):
    person, token = people.add("ada", role=Role.ADMINISTRATOR)
    _, waiting = people.add("bob", role=Role.MEMBER)
    people.accept(token, PASSWORD)
    session = people.open_session(person.id)
    with opened._engine.connect() as connection:
        kept = [
            str(tuple(row))
            for table in (persons, sessions, invitations)
            for row in connection.execute(sa.select(table))
        ]
    assert len(kept) == 4
    for secret in (PASSWORD, token, waiting, session):
        assert not any(secret in row for row in kept)


def test_two_hashes_of_one_password_differ_and_keep_their_cost():
    first, second = CHEAP.keep(PASSWORD), Hashing(n_mixes=4, n_blocks=1, n_lanes=1).keep(PASSWORD)
    assert first != CHEAP.keep(PASSWORD)
    assert is_right(PASSWORD, first)
    assert is_right(PASSWORD, second)
    assert not is_right(PASSWORD + " ", first)
    assert is_right("caf\u00e9 au lait", CHEAP.keep("cafe\u0301 au lait"))


def test_a_guess_costs_32_mib_by_default():
    assert Hashing().n_mixes * Hashing().n_blocks * 128 == 32 * 2**20
    assert Hashing().n_lanes == 3


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("123456789", "password_length"),
        ("x" * 1001, "password_length"),
        ("adaada-ada-", "password_simple"),
        ("aaaaaaaaaaaaaa", "password_simple"),
    ],
)
def test_a_password_that_is_guessed_at_once_is_refused(password, reason):
    assert refused(check_new, password, name="ada") == reason
    check_new("a long sentence with ada in it", name="ada")


def test_a_session_ends_by_itself_by_disuse_and_by_hand(people):
    ada, clock = join(people, "ada"), clock_of(people)
    token = people.open_session(ada.id, device="Firefox · Linux")
    assert people.session(token)[0] == ada
    assert people.session(token + "x") is None
    for _ in range(5):
        clock.advance(UNUSED_S - 1)
        if people.session(token) is None:
            break
    assert clock.monotonic_s() >= SESSION_S
    unused = people.open_session(ada.id)
    clock.advance(UNUSED_S)
    assert people.session(unused) is None
    first, second = people.open_session(ada.id), people.open_session(ada.id)
    bob = join(people, "bob", role=Role.MEMBER)
    session_id = people.session(first)[1].id
    assert not people.end_session(bob.id, session_id)
    assert people.end_session(ada.id, session_id)
    assert people.session(first) is None
    assert [entry.id for entry in people.sessions_of(ada.id)] == [people.session(second)[1].id]
    people.end_sessions(ada.id)
    assert people.session(second) is None


def test_who_is_kept_out_is_out_at_once(people):
    join(people, "ada")
    bob = join(people, "bob", role=Role.MEMBER)
    token = people.open_session(bob.id)
    people.set_disabled(bob.id, disabled=True)
    assert people.session(token) is None
    assert people.known_by("bob", PASSWORD) is None
    people.set_disabled(bob.id, disabled=False)
    assert people.session(token) is None
    assert people.known_by("bob", PASSWORD).id == bob.id


def test_a_new_password_needs_the_old_and_ends_other_sessions(people):
    ada = join(people, "ada")
    here, there = people.open_session(ada.id), people.open_session(ada.id)
    mine = people.session(here)[1].id
    assert refused(people.change_password, ada.id, old="wrong", new="a new password") == "password_wrong"
    assert refused(people.change_password, ada.id, old=PASSWORD, new="short") == "password_length"
    people.change_password(ada.id, old=PASSWORD, new="a new password", but_session=mine)
    assert people.session(here) is not None
    assert people.session(there) is None
    assert people.known_by("ada", "a new password") is not None


def test_an_administrator_is_always_left(people):
    ada, bob = join(people, "ada"), join(people, "bob", role=Role.MEMBER)
    for call in (
        lambda: people.set_role(ada.id, Role.MEMBER),
        lambda: people.set_disabled(ada.id, disabled=True),
        lambda: people.remove(ada.id),
    ):
        assert refused(call) == "last_administrator"
    people.set_role(bob.id, Role.ADMINISTRATOR)
    people.set_role(ada.id, Role.MEMBER)
    people.remove(ada.id)
    people.remove(bob.id)
    assert not people.exist()
    with pytest.raises(UnknownPerson):
        people.remove(bob.id)


def test_what_was_there_before_is_handed_over_and_what_is_somebodys_is_erased(opened):
    asked, _ = opened.of(None).begin("q", conversation_id=None, model_id=None)
    opened.of(None).projects.add("P")
    opened.hand_over(None, to="ada")
    assert opened.n_conversations(None) == 0
    assert opened.of("ada").thread(asked.conversation_id)
    kept, _ = opened.of("bob").begin("q", conversation_id=None, model_id=None)
    opened.erase_all("ada")
    assert opened.of("ada").conversations() == opened.of("ada").projects.all() == []
    assert opened.of("bob").thread(kept.conversation_id)


def test_guessing_waits_longer_and_longer_and_never_for_ever():
    clock = ManualClock()
    throttle = Throttle(clock)
    for _ in range(FREE_FAILURES):
        throttle.begin("ada")
    waits = []
    for _ in range(12):
        with pytest.raises(SignInDelayed) as caught:
            throttle.begin("Ada ")
        waits.append(caught.value.retry_after_s)
        clock.advance(caught.value.retry_after_s)
        throttle.begin("ada")
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert max(waits) == waits[-1] == LONGEST_S
    throttle.begin("bob")
    clock.advance(FORGOTTEN_S)
    for _ in range(FREE_FAILURES):
        throttle.begin("ada")
    throttle.succeeded("ada")
    throttle.begin("ada")


def test_a_device_is_told_in_two_words():
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert device_of(firefox) == "Firefox · Linux"
    assert device_of("curl/8") == ""
