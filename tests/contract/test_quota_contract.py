"""Limits on both databases: never overspent by threads or programs that race, charged with the receipt."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter

import pytest

from galerne.api.problems import headers_of
from galerne.errors import QuotaExhausted
from galerne.ledger import Events, Hold, Ledger, Limit, Payer, Period, Unit, parts_of
from galerne.ledger.limits import amounts_of
from galerne.ledger.quotas import HOLD_LIFE_S
from tests.contract.ledgers import AT, ledger, ledger_url, make_answer, make_settlement
from tests.programs import program_context

__all__ = ["ledger", "ledger_url"]

ADA = Payer(key_id="key_1", owner="ada", project="wind")
SUBJECTS = ADA.subjects("mini")
NEED = {Unit.REQUESTS: 1, Unit.TOKENS: 100, Unit.ENERGY: 10_000, Unit.CO2E: 50, Unit.COST: 7}


def limit(subject="key:key_1", unit=Unit.TOKENS, period=Period.DAY, amount=1000) -> Limit:
    return Limit(subject=subject, unit=unit, period=period, amount=amount)


def hold(ledger, request_id="request-1", *, need=NEED, at=AT, subjects=SUBJECTS, node_id="here"):
    asked = Hold(request_id=request_id, subjects=subjects, need=need, node_id=node_id, at=at)
    return ledger.quotas.hold(asked)


def standing(ledger, *, at=AT, subject="key:key_1"):
    (only,) = ledger.quotas.standings([subject], at=at)
    return only.spent, only.held


def deliver(ledger, number=1, *, revision=1, alone=False, **changes):
    answer = make_answer(number, key_id="key_1")
    settlement = make_settlement(answer, revision=revision, **changes)
    ledger.append(Events(answers=[] if alone else [answer], settlements=[settlement]), writer_id="here")


def test_without_a_limit_nothing_is_held(ledger):
    assert hold(ledger) == []
    assert ledger.quotas.standings(at=AT) == []


def test_the_worst_case_is_held_then_the_truth_is_charged_and_the_rest_given_back(ledger):
    ledger.quotas.set_limit(limit())
    (held,) = hold(ledger)
    assert (held.spent, held.held, held.remaining) == (0, 100, 900)
    deliver(ledger)  # ten tokens read, five written
    assert standing(ledger) == (15, 0)


def test_the_final_settlement_corrects_the_charge_once(ledger):
    ledger.quotas.set_limit(limit(unit=Unit.ENERGY, amount=10**9))
    hold(ledger)
    deliver(ledger, active_uj=1000)
    assert standing(ledger) == (1100, 0)
    deliver(ledger, revision=2, alone=True, active_uj=3000)
    assert standing(ledger) == (3100, 0)
    deliver(ledger, revision=2, alone=True, active_uj=3000)
    deliver(ledger, active_uj=1000)
    assert standing(ledger) == (3100, 0)


@pytest.mark.parametrize("unit", Unit)
def test_every_unit_is_charged_what_the_receipt_says(ledger, unit):
    ledger.quotas.set_limit(limit(unit=unit, amount=10**15))
    hold(ledger)
    deliver(ledger, active_uj=5_000_000)
    receipt = ledger.receipt(make_answer(1).answer_id)
    said = {
        Unit.REQUESTS: 1,
        Unit.TOKENS: 15,
        Unit.ENERGY: receipt.full_j / 3600,
        Unit.CO2E: receipt.impact.use_co2_g + receipt.impact.embodied_co2_g,
        Unit.COST: receipt.impact.cost_eur,
    }[unit]
    spent, held = standing(ledger)
    assert held == 0
    assert spent == parts_of(unit, said) > 0


def test_a_refused_request_holds_nothing_of_any_limit(ledger):
    ledger.quotas.set_limit(limit("key:key_1", Unit.TOKENS, Period.DAY, 1000))
    ledger.quotas.set_limit(limit("user:ada", Unit.REQUESTS, Period.MINUTE, 1))
    hold(ledger, "one")
    with pytest.raises(QuotaExhausted) as refused:
        hold(ledger, "two", at=AT + 20)
    assert (refused.value.subject, refused.value.unit, refused.value.period) == (
        "user:ada",
        "requests",
        "minute",
    )
    assert standing(ledger) == (0, 100)
    assert standing(ledger, subject="user:ada") == (0, 1)


@pytest.mark.parametrize("subject", ["key:key_1", "user:ada", "project:wind", "model:mini"])
def test_a_limit_holds_for_its_subject_alone(ledger, subject):
    ledger.quotas.set_limit(limit(subject, amount=100))
    hold(ledger, "one")
    with pytest.raises(QuotaExhausted):
        hold(ledger, "two")
    other = Payer(key_id="key_2", owner="bob", project="sun").subjects("large")
    assert hold(ledger, "three", subjects=other) == []


def test_a_period_begins_anew_and_an_answer_counts_where_it_was_admitted(ledger):
    ledger.quotas.set_limit(limit(period=Period.MINUTE, amount=100))
    hold(ledger, at=AT + 59)
    (fresh,) = hold(ledger, "request-2", at=AT + 60)
    assert (fresh.spent, fresh.held) == (0, 100)
    deliver(ledger, 1)
    assert standing(ledger, at=AT + 59) == (15, 0)
    assert standing(ledger, at=AT + 60) == (0, 100)


@pytest.mark.parametrize(
    ("period", "at", "wait_s"),
    [
        (Period.MINUTE, AT + 42.5, 17.5),
        (Period.DAY, AT + 3600.0, 82_800.0),
        (Period.MONTH, AT + 86_400.0, 30 * 86_400.0),  # of January
        (Period.TOTAL, AT, None),
    ],
)
def test_whoever_comes_back_when_told_is_let_in_and_not_before(ledger, period, at, wait_s):
    ledger.quotas.set_limit(limit(unit=Unit.REQUESTS, period=period, amount=1))
    deliver_at = at - 1
    hold(ledger, "request-1", at=deliver_at)
    deliver(ledger, 1, revision=2)
    with pytest.raises(QuotaExhausted) as refused:
        hold(ledger, "two", at=at)
    headers = headers_of(refused.value)
    assert headers[f"x-ratelimit-limit-req-{period}"] == "1"
    assert headers[f"x-ratelimit-remaining-req-{period}"] == "0"
    assert refused.value.retry_after_s == wait_s
    if wait_s is None:
        assert "retry-after" not in headers
        assert headers["x-should-retry"] == "false"
        return
    with pytest.raises(QuotaExhausted):
        hold(ledger, "three", at=at + wait_s - 0.5)
    (fresh,) = hold(ledger, "four", at=at + int(headers["retry-after"]))
    assert (fresh.spent, fresh.held) == (0, 1)


def test_a_limit_can_be_changed_and_removed_and_keeps_its_count(ledger):
    ledger.quotas.set_limit(limit(amount=100))
    hold(ledger)
    ledger.quotas.set_limit(limit(amount=250))
    hold(ledger, "two")
    with pytest.raises(QuotaExhausted):
        hold(ledger, "three")
    assert ledger.quotas.clear_limit("key:key_1", Unit.TOKENS, Period.DAY)
    assert not ledger.quotas.clear_limit("key:key_1", Unit.TOKENS, Period.DAY)
    assert hold(ledger, "four") == []


def test_a_limit_set_by_another_program_holds_within_a_second(ledger, ledger_url):
    assert hold(ledger, "before") == []
    other = Ledger.open(ledger_url)
    other.quotas.set_limit(limit(amount=1))
    other.close()
    with pytest.raises(QuotaExhausted):
        hold(ledger, "after", at=AT + 1)


def test_what_will_not_be_answered_is_given_back(ledger):
    ledger.quotas.set_limit(limit())
    hold(ledger)
    ledger.quotas.release("request-1")
    ledger.quotas.release("request-1")
    assert standing(ledger) == (0, 0)


def test_a_node_that_starts_again_gives_back_what_its_last_life_held_and_only_that(ledger):
    ledger.quotas.set_limit(limit(amount=10_000))
    hold(ledger, "request-1")
    hold(ledger, "lost")
    hold(ledger, "elsewhere", node_id="there")
    deliver(ledger, 1)
    ledger.quotas.recover("here", at=AT + 60)
    assert standing(ledger) == (15, 100)
    ledger.quotas.recover("here", at=AT + 60 + HOLD_LIFE_S)
    assert standing(ledger) == (15, 0)


def test_a_limit_in_euros_without_a_price_is_our_mistake_not_a_free_lunch(ledger):
    ledger.quotas.set_limit(limit(unit=Unit.COST))
    with pytest.raises(ValueError, match="not known"):
        hold(ledger, need={**NEED, Unit.COST: None})


def test_minutes_long_past_are_forgotten(ledger):
    ledger.quotas.set_limit(limit(period=Period.MINUTE))
    for number in range(3):
        hold(ledger, f"r{number}", at=AT + 60 * number)
        ledger.quotas.release(f"r{number}")
    hold(ledger, "later", at=AT + 3 * 86400)
    assert standing(ledger, at=AT) == (0, 0)
    assert standing(ledger, at=AT + 3 * 86400) == (0, 100)


N_RACING = 200
NEED_EACH, BUDGET = 100, 4550
"""Forty-five fit."""


def race(url: str, first: int, n_requests: int, outcomes, start) -> None:
    """Requests that come at once, each from a thread of its own; those admitted are answered."""
    ledger = Ledger.open(url)
    gate = threading.Barrier(n_requests)
    settled = threading.Lock()

    def one(number: int) -> None:
        gate.wait(30)
        try:
            hold(ledger, f"request-{number}", need={**NEED, Unit.TOKENS: NEED_EACH})
        except QuotaExhausted:
            outcomes.put(("refused", f"racer-{first}"))
            return
        with settled:  # one writer per program, as in a daemon
            answer = make_answer(number, key_id="key_1")
            usage = dataclasses.replace(answer.usage, prompt_tokens=NEED_EACH - 5)  # the worst case came true
            answer = dataclasses.replace(answer, usage=usage)
            events = Events(answers=[answer], settlements=[make_settlement(answer, revision=2)])
            ledger.append(events, writer_id=f"racer-{first}")
        outcomes.put(("answered", f"racer-{first}"))

    start.wait(60)  # programs load at their own pace; the race begins when all are there
    threads = [threading.Thread(target=one, args=(first + number,)) for number in range(n_requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()


@pytest.mark.parametrize("n_programs", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_200_requests_that_race_for_one_budget_never_overspend_it_nor_leave_room(
    ledger, ledger_url, n_programs
):
    ledger.quotas.set_limit(limit(period=Period.TOTAL, amount=BUDGET))
    ledger.quotas.set_limit(limit("user:ada", Unit.REQUESTS, Period.DAY, amount=1000))
    context = program_context()
    outcomes, start = context.Queue(), context.Barrier(n_programs)
    each = N_RACING // n_programs
    programs = [
        context.Process(target=race, args=(ledger_url, number * each, each, outcomes, start))
        for number in range(n_programs)
    ]
    for program in programs:
        program.start()
    told = [outcomes.get(timeout=100) for _ in range(N_RACING)]
    counted = Counter(outcome for outcome, _ in told)
    for program in programs:
        program.join(30)
        assert program.exitcode == 0
    assert counted == {"answered": BUDGET // NEED_EACH, "refused": N_RACING - BUDGET // NEED_EACH}
    assert standing(ledger) == (BUDGET // NEED_EACH * NEED_EACH, 0)
    assert standing(ledger, subject="user:ada") == (BUDGET // NEED_EACH, 0)
    winners = {program for outcome, program in told if outcome == "answered"}
    assert {head.writer_id for head in ledger.verify()} == winners


def test_amounts_of_an_unpriced_answer_have_no_cost(ledger):
    answer = make_answer(1)
    ledger.append(Events(answers=[answer], settlements=[make_settlement(answer)]))
    impact = dataclasses.replace(ledger.receipt(answer.answer_id).impact, charged_eur=None)
    assert amounts_of(tokens=15, total_uj=1100, impact=impact)[Unit.COST] is None
