"""The daily sums are those of the receipts, whatever came late or twice or from two, on both databases."""

from __future__ import annotations

import dataclasses
import random
import threading

import pytest
from sqlalchemy import text

from galerne.errors import EntryConflict, LedgerSumsBroken, StoreUnreachable, UnknownReceipt
from galerne.ledger import Answer, Events, Ledger, Settlement, total_row
from galerne.ledger import events as writing_events
from galerne.ledger.rows import DAY_S
from galerne.storage import writing
from tests.contract.ledgers import AT, ledger, ledger_url, make_answer, make_entry, make_settlement
from tests.ledger.bench import FACTORS

__all__ = ["ledger", "ledger_url"]

DIRTY = dataclasses.replace(FACTORS, grid=dataclasses.replace(FACTORS.grid, g_per_kwh=720.0))


def any_answer(chance: random.Random, number: int) -> Answer:
    return make_answer(
        number,
        at=AT + chance.uniform(0, 3) * DAY_S,
        factors=chance.choice([FACTORS, DIRTY]),
        key_id=chance.choice([None, "key_a"]),
    )


def any_settlement(chance: random.Random, answer: Answer) -> Settlement:
    return dataclasses.replace(
        make_settlement(answer, revision=chance.randint(1, 4), active_uj=chance.randrange(10**9)),
        final=chance.random() < 0.5,
        device_s=chance.uniform(0, 9),
        accelerator_uj=chance.choice([None, chance.randrange(10**9)]),
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_sums_of_a_day_are_those_of_its_receipts_in_whatever_order_they_came(ledger, seed):
    """Revisions come late, before older ones, twice, and by another writer than their answer's."""
    chance = random.Random(seed)
    answers: list[Answer] = []
    for step in range(30):
        new = [any_answer(chance, len(answers) + extra) for extra in range(chance.randint(0, 2))]
        answers += new
        settlements = [any_settlement(chance, chance.choice(answers)) for _ in range(3) if answers]
        again = chance.choices(answers, k=1) if answers else []
        events = Events(
            answers=[*new, *again], settlements=settlements, entries=[make_entry(step, idle_uj=step)]
        )
        try:
            ledger.append(events, writer_id=chance.choice(["here", "there"]))
        except EntryConflict:  # a revision that is there already, with other contents
            ledger.append(Events(answers=new), writer_id="here")
    ledger.verify()
    assert_report_is_of_receipts(ledger, answers, since_at=None, until_at=None)
    assert_report_is_of_receipts(ledger, answers, since_at=AT + 0.3 * DAY_S, until_at=AT + 2.6 * DAY_S)
    assert_report_is_of_receipts(ledger, answers, since_at=AT + 1.1 * DAY_S, until_at=AT + 1.9 * DAY_S)


def assert_report_is_of_receipts(
    ledger: Ledger, answers: list[Answer], *, since_at: float | None, until_at: float | None
) -> None:
    receipts = []
    for answer in answers:
        try:
            receipts.append(ledger.receipt(answer.answer_id))
        except UnknownReceipt:  # not settled yet
            continue
    told = [one for one in receipts if (since_at or 0) <= one.answer.at < (until_at or 1e12)]
    total = total_row(ledger.usage("day", since_at=since_at, until_at=until_at))
    assert total.n_answers == len(told)
    assert total.n_provisional == sum(not one.settlement.final for one in told)
    assert total.active_uj == sum(one.settlement.active_uj for one in told)
    assert total.idle_uj == sum(one.settlement.idle_uj for one in told)
    parts = [one.settlement.accelerator_uj for one in told]
    assert total.accelerator_uj == (None if None in parts or not parts else sum(parts))
    assert total.impact.use_co2_g == pytest.approx(sum(one.impact.use_co2_g for one in told))
    assert total.impact.embodied_co2_g == pytest.approx(sum(one.impact.embodied_co2_g for one in told))


def test_two_writers_of_the_same_day_and_of_the_same_answers_lose_nothing(ledger, ledger_url):
    other = Ledger.open(ledger_url)
    answers = [make_answer(number) for number in range(40)]
    ledger.append(Events(answers=answers, settlements=[make_settlement(answer) for answer in answers]))

    def write(store: Ledger, writer_id: str, revision: int) -> None:
        for answer in answers:
            late = make_settlement(answer, revision=revision, active_uj=1000 * revision)
            new = make_answer(1000 * revision + int(answer.answer_id[5:]))
            store.append(Events(answers=[new], settlements=[late, make_settlement(new)]), writer_id=writer_id)

    threads = [
        threading.Thread(target=write, args=(store, name, revision))
        for store, name, revision in ((ledger, "here", 2), (other, "there", 3))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    ledger.verify()
    total = total_row(ledger.usage())
    assert total.n_answers == 120
    assert total.active_uj == 40 * 3000 + 80 * 1000


def test_a_crash_between_the_events_and_their_sums_leaves_neither(ledger, monkeypatch):
    answer = make_answer(1)

    def fall_over(*_: object) -> None:
        raise StoreUnreachable(store="ledger", problem="killed")

    with monkeypatch.context() as patch:
        patch.setattr(writing_events, "add_to_days", fall_over)
        with pytest.raises(StoreUnreachable):
            ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))
    assert ledger.usage().rows == ()
    ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))
    assert total_row(ledger.usage()).n_answers == 1
    ledger.verify()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_days SET active_uj = active_uj + 1",
        "DELETE FROM ledger_days",
        "UPDATE ledger_meter_days SET idle_uj = 0, foreign_uj = 7",
    ],
)
def test_sums_that_are_not_those_of_the_events_are_named_and_made_anew(ledger, statement):
    answer = make_answer(1)
    ledger.append(
        Events(
            answers=[answer],
            settlements=[make_settlement(answer, revision=2)],
            entries=[make_entry(1, idle_uj=7), make_entry(2, answers_uj=1100)],
        )
    )
    before = ledger.usage("day")
    assert before.adds_up
    with writing(ledger._engine) as connection:
        connection.execute(text(statement))
    with pytest.raises(LedgerSumsBroken, match="2026-01-01"):
        ledger.verify()
    ledger.rebuild()
    ledger.verify()
    assert ledger.usage("day") == before
