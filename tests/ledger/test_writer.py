from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import wait

import pytest

from galerne.errors import EntryConflict, StoreUnreachable, UnknownReceipt
from galerne.generation import FinishReason
from galerne.ledger import Answer, Events, Ledger, Settlement, total_row
from galerne.ledger.writer import LedgerWriter
from galerne.storage import sqlite_url
from tests.ledger.bench import FACTORS, make_usage


class SlowLedger(Ledger):
    """A real ledger whose disk waits to be released, counting its transactions."""

    gate: threading.Event
    entered: threading.Event
    n_transactions: int

    def append(self, events: Events, **_: object) -> None:
        self.n_transactions += 1
        self.entered.set()
        self.gate.wait(10)
        super().append(events)


@pytest.fixture
def ledger(tmp_path):
    opened = SlowLedger.open(sqlite_url(tmp_path / "ledger.sqlite"))
    opened.gate, opened.entered, opened.n_transactions = threading.Event(), threading.Event(), 0
    yield opened
    opened.close()


def make_events(number: int, **changes: object) -> Events:
    answer = Answer(
        answer_id=f"rcpt_{number}",
        request_id="r",
        key_id=None,
        node_id="here",
        model_id="mini",
        usage=make_usage(),
        finish_reason=FinishReason.STOP,
        at=1e9,
        factors=FACTORS,
    )
    settlement = Settlement(
        answer_id=answer.answer_id,
        revision=1,
        started_at=1e9,
        ended_at=1e9,
        active_uj=number,
        idle_uj=0,
        device_s=0.0,
        method="modelled",
        coverage_ratio=1.0,
        final=False,
        at=1e9,
    )
    return Events(answers=[dataclasses.replace(answer, **changes)], settlements=[settlement])


def test_those_who_come_while_the_disk_is_busy_share_one_transaction(ledger):
    writer = LedgerWriter(ledger)
    first = writer.submit(make_events(0), "first")
    ledger.entered.wait(10)
    others = [writer.submit(make_events(number), number) for number in range(1, 100)]
    assert not first.done()
    ledger.gate.set()
    wait([first, *others], timeout=10)
    assert first.result() == "first"
    assert [other.result() for other in others] == list(range(1, 100))
    assert ledger.n_transactions == 2
    assert total_row(ledger.usage()).n_answers == 100
    writer.close()


def test_one_at_fault_does_not_spoil_the_others(ledger):
    writer = LedgerWriter(ledger)
    held = writer.submit(make_events(0), None)
    ledger.entered.wait(10)
    good = [writer.submit(make_events(1), 1), writer.submit(make_events(2), 2)]
    bad = writer.submit(make_events(0, model_id="other"), None)
    ledger.gate.set()
    with pytest.raises(EntryConflict):
        bad.result(10)
    assert [one.result(10) for one in good] == [1, 2]
    held.result(10)
    writer.close()


def test_what_the_disk_refused_is_written_before_what_comes_later(ledger, monkeypatch):
    ledger.gate.set()
    writer = LedgerWriter(ledger)

    def refuse(_events: Events, **_: object) -> None:
        raise StoreUnreachable(store="ledger", problem="disk full")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "append", refuse)
        refused = writer.submit(Events(answers=make_events(1).answers), None)
        with pytest.raises(StoreUnreachable):
            refused.result(10)
    with pytest.raises(UnknownReceipt):
        ledger.receipt("rcpt_1")
    writer.submit(Events(settlements=make_events(1).settlements), None).result(10)
    assert ledger.receipt("rcpt_1").revision == 1
    writer.close()


def test_a_promise_cannot_be_cancelled_once_given(ledger):
    writer = LedgerWriter(ledger)
    promise = writer.submit(make_events(1), "done")
    assert not promise.cancel()
    ledger.gate.set()
    assert promise.result(10) == "done"
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.submit(make_events(2), None)
