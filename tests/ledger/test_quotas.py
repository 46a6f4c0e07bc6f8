import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from galerne.errors import QuotaExhausted
from galerne.ledger import Hold, Ledger, Limit, Period, Unit
from galerne.storage import sqlite_url

AT = 1_767_225_600.0
SUBJECT = "key:shared"


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(sqlite_url(tmp_path / "ledger.db"))
    limit = Limit(subject=SUBJECT, unit=Unit.REQUESTS, period=Period.DAY, amount=10)
    ledger.quotas.set_limit(limit)
    yield ledger
    ledger.close()


def asked(request_id):
    return Hold(request_id=request_id, subjects=[SUBJECT], need={Unit.REQUESTS: 1}, node_id="here", at=AT)


def n_held(ledger):
    (standing,) = ledger.quotas.standings([SUBJECT], at=AT)
    return standing.held


def test_requests_that_come_together_share_a_transaction_and_never_overspend(ledger):
    transactions = []

    def note(connection):
        if connection.get_execution_options()["galerne_write"]:
            transactions.append(connection)

    event.listen(ledger._engine, "begin", note)
    outcomes = ledger.quotas.hold_all([asked(f"r{n}") for n in range(16)])
    assert len(transactions) == 1
    assert [standings[0].held for standings in outcomes[:10]] == list(range(1, 11))
    assert {type(outcome) for outcome in outcomes[10:]} == {QuotaExhausted}
    assert n_held(ledger) == 10


def test_one_request_that_asks_twice_does_not_cost_its_neighbours_their_place(ledger):
    ledger.quotas.hold(asked("twice"))
    names = ("a", "twice", "b", "c")
    outcomes = dict(zip(names, ledger.quotas.hold_all([asked(name) for name in names]), strict=True))
    assert isinstance(outcomes.pop("twice"), IntegrityError)
    assert all(isinstance(outcome, list) for outcome in outcomes.values())
    assert n_held(ledger) == 4


def test_who_has_no_limit_is_let_in_beside_who_has_one(ledger):
    free = Hold(request_id="free", subjects=["key:free"], need={Unit.REQUESTS: 1}, node_id="here", at=AT)
    assert ledger.quotas.hold_all([free, asked("limited")])[0] == []
    assert n_held(ledger) == 1
