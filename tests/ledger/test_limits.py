from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.ledger.limits import (
    IN_FLIGHT_RETRY_S,
    Limit,
    Payer,
    Period,
    Standing,
    Unit,
    period_end,
    period_start,
    refusal,
)

NOON = datetime.datetime(2026, 12, 31, 12, 0, 30, tzinfo=datetime.UTC).timestamp()
INSTANTS = st.floats(min_value=0, max_value=4e9)


def standing(*, amount=100, spent=0, held=0, period=Period.DAY, unit=Unit.TOKENS) -> Standing:
    limit = Limit(subject="key:k", unit=unit, period=period, amount=amount)
    return Standing(limit=limit, started_at=period_start(period, NOON), spent=spent, held=held)


def ask(*standings: Standing, need: int = 10):
    return refusal(standings, dict.fromkeys(Unit, need), at=NOON)


def test_what_fits_exactly_is_admitted_and_one_more_is_not():
    assert ask(standing(spent=60, held=30)) is None
    assert ask(standing(spent=60, held=31)) is not None
    assert ask() is None


@pytest.mark.parametrize(("period", "wait_s"), [(Period.MINUTE, 30.0), (Period.DAY, 43170.0)])
def test_the_wait_is_to_the_end_of_the_period(period, wait_s):
    refused = ask(standing(spent=95, period=period))
    assert refused.retry_after_s == wait_s
    assert refused.reset_at == NOON + wait_s


def test_where_only_answers_in_flight_are_in_the_way_the_wait_is_short():
    assert ask(standing(spent=80, held=15)).retry_after_s == IN_FLIGHT_RETRY_S
    assert ask(standing(spent=80, held=15, period=Period.TOTAL)).retry_after_s == IN_FLIGHT_RETRY_S


def test_where_waiting_does_not_help_no_wait_is_given():
    assert ask(standing(spent=95, period=Period.TOTAL)).retry_after_s is None
    assert ask(standing(amount=9)).retry_after_s is None


def test_the_limit_that_keeps_longest_is_told():
    refused = ask(
        standing(spent=95, period=Period.MINUTE), standing(spent=95), standing(held=95, period=Period.MONTH)
    )
    assert refused.period == "day"
    assert ask(standing(spent=95), standing(amount=5, period=Period.MINUTE)).period == "minute"


def test_a_refusal_is_a_sentence_with_the_limit_and_the_value():
    refused = ask(standing(amount=3_600_000_000, spent=3_600_000_000, unit=Unit.ENERGY), need=1_800_000_000)
    assert str(refused) == ("The limit of 1 Wh per day for key:k leaves 0; this request may need 0.5")


@given(INSTANTS, st.sampled_from([Period.MINUTE, Period.DAY, Period.MONTH]))
def test_periods_follow_each_other_without_gap(at, period):
    start = period_start(period, at)
    end = period_end(period, start)
    assert start <= at < end
    assert period_start(period, end) == end
    assert period_start(period, start) == start


def test_months_are_those_of_the_calendar_and_a_total_never_ends():
    start = period_start(Period.MONTH, NOON)
    assert datetime.datetime.fromtimestamp(start, datetime.UTC).isoformat() == "2026-12-01T00:00:00+00:00"
    assert period_end(Period.MONTH, start) == NOON - 30 + 12 * 3600
    assert period_start(Period.TOTAL, NOON) == 0
    assert period_end(Period.TOTAL, 0) is None


def test_what_is_left_is_never_less_than_nothing():
    assert standing(spent=90, held=5).remaining == 5
    assert standing(spent=90, held=50).remaining == 0


def test_an_answer_counts_against_everybody_it_concerns():
    payer = Payer(key_id="key_1", owner="ada", project="wind")
    assert payer.subjects("mini") == ("key:key_1", "user:ada", "project:wind", "model:mini")
    assert Payer().subjects("mini") == ("model:mini",)
