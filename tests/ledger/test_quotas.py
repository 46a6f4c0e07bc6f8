import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from galerne.errors import QuotaExhausted
from galerne.ledger import Ledger, Limit, Period, Unit
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


def hold(ledger, request_id):
    return ledger.quotas.hold(request_id, [SUBJECT], {Unit.REQUESTS: 1}, node_id="here", at=AT)


def test_those_who_wait_while_one_is_decided_on_share_a_transaction_and_never_overspend(ledger):
    n_transactions, first_is_in, go_on = 0, threading.Event(), threading.Event()

    def hold_up(connection, cursor, statement, *_):
        nonlocal n_transactions
        if statement.startswith("BEGIN IMMEDIATE"):
            n_transactions += 1
            first_is_in.set()
            assert go_on.wait(timeout=30)

    ledger.quotas.any_limited([SUBJECT], at=AT)
    event.listen(ledger._engine, "before_cursor_execute", hold_up)
    with ThreadPoolExecutor(16) as pool:
        asking = [pool.submit(hold, ledger, "first")]
        assert first_is_in.wait(timeout=30)
        asking += [pool.submit(hold, ledger, f"r{n}") for n in range(15)]
        while len(ledger.quotas._waiting) < 15:
            threading.Event().wait(0.001)
        go_on.set()
        failures = [asked.exception(timeout=30) for asked in asking]
    assert n_transactions == 2
    assert sum(failure is None for failure in failures) == 10
    assert {type(failure) for failure in failures if failure} == {QuotaExhausted}
    (standing,) = ledger.quotas.standings([SUBJECT], at=AT)
    assert standing.held == 10


def test_one_request_that_asks_twice_does_not_cost_its_neighbours_their_place(ledger):
    hold(ledger, "twice")
    with ThreadPoolExecutor(4) as pool:
        with ledger.quotas._turn:
            asking = {name: pool.submit(hold, ledger, name) for name in ("a", "twice", "b", "c")}
            while len(ledger.quotas._waiting) < 4:
                threading.Event().wait(0.001)
        failures = {name: asked.exception(timeout=30) for name, asked in asking.items()}
    assert isinstance(failures.pop("twice"), IntegrityError)
    assert set(failures.values()) == {None}
    (standing,) = ledger.quotas.standings([SUBJECT], at=AT)
    assert standing.held == 4
