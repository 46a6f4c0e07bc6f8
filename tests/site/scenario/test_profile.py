import datetime as dt

import pytest

from galerne.catalog import default_catalog
from galerne.errors import InvalidScenario
from galerne.language import Language
from galerne.ledger import Ledger
from galerne.site import (
    load_profile,
    plan_site,
    profile_scenario,
    read_history,
    read_scenario,
    thin_parts,
    word_thin,
)
from galerne.site.scenario.history import AnswerCount, History
from galerne.storage import sqlite_url
from tests.ledger.bench import Bench

MONDAY = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)


def answer(at, prompt=100, cached=40, new=50):
    return AnswerCount(at=at.timestamp(), prompt_tokens=prompt, cached_tokens=cached, new_tokens=new)


def fortnight():
    """Ten answers at 9 and ten at 14 on working days; two at 11 on weekends."""
    answers = []
    for n in range(14):
        day = MONDAY + dt.timedelta(days=n)
        hours = [11] * 2 if day.weekday() >= 5 else [9] * 10 + [14] * 10
        answers += [answer(day + dt.timedelta(hours=hour)) for hour in hours]
    return History(answers=answers)


def test_the_profile_is_what_was_asked():
    profile = load_profile(fortnight())
    assert (profile.n_answers, profile.n_days) == (208, 14)
    assert profile.prompt_tokens == 100
    assert profile.cached_ratio == pytest.approx(0.4)
    assert profile.output_tokens == 50
    assert profile.weekend_ratio == pytest.approx(0.1)
    assert profile.day_shape[9] == pytest.approx(100 / 208)
    assert profile.answers_per_day == pytest.approx((208 / 14, 2, 20))


def test_hours_are_local():
    assert load_profile(fortnight(), standard_offset_s=3600).day_shape[10] > 0.4


def test_too_few_answers_make_no_shape():
    with pytest.raises(InvalidScenario, match="at least"):
        load_profile(History(answers=[answer(MONDAY)]))


@pytest.mark.parametrize("n_days", [1, 3])
def test_a_short_history_claims_no_weekend(n_days):
    days = [MONDAY + dt.timedelta(days=n) for n in range(n_days)]
    history = History(answers=[answer(day) for day in days for _ in range(12)])
    assert load_profile(history).weekend_ratio == 1.0


def scenario_text(n_users=1.0):
    return profile_scenario(
        load_profile(fortnight()),
        place="lyon",
        zone="FR",
        system="dgx-h200",
        model="mistral-small-3.2-24b",
        weight_format="fp8",
        n_users=n_users,
    )


def test_the_scenario_plans():
    plan = plan_site(read_scenario(scenario_text(n_users=1e6)), catalog=default_catalog())
    yearly = plan.figures["yearly_output_tokens"].value
    assert yearly == pytest.approx(1e6 * 208 / 14 * 50 * 365, rel=1e-3)
    assert plan.figures["n_systems"].value > 1


def test_a_real_ledger_tells_its_answers_and_its_meter(tmp_path):
    bench = Bench(tmp_path / "ledger.sqlite")
    for n in range(3):
        request_id = f"request-{n}"
        bench.begin(request_id)
        bench.work(1.0, active_j=8.0)
        receipt = bench.finish(request_id, prompt_tokens=20, cached_tokens=5, new_tokens=7)
    bench.accountant.close_window()
    bench.final(receipt)
    history = read_history(bench.ledger)
    later = read_history(bench.ledger, since_at=bench.clock.now_at() + 1.0)
    bench.close()
    assert [(a.prompt_tokens, a.cached_tokens, a.new_tokens) for a in history.answers] == [(20, 5, 7)] * 3
    assert sum(stretch.it_j for stretch in history.stretches) == pytest.approx(3 * (4.0 + 8.0))
    assert {stretch.method for stretch in history.stretches} == {"measured"}
    assert later == History()


def test_an_empty_ledger_is_an_empty_history(tmp_path):
    ledger = Ledger.open(sqlite_url(tmp_path / "ledger.db"))
    history = read_history(ledger)
    ledger.close()
    assert history == History()


def test_a_short_history_is_said_to_be_thin():
    day = History(answers=[answer(MONDAY + dt.timedelta(hours=n)) for n in range(12)])
    thin = load_profile(day)
    assert thin_parts(thin) == ("days", "week", "hours")
    text = profile_scenario(
        thin, place="essonne", zone="FR", system="dgx-h200", model="m", weight_format="fp8"
    )
    assert text.count("# Thin: ") == 3
    assert read_scenario(text).load is not None
    assert "jours" in word_thin(thin, language=Language.FRENCH)[0]


def test_a_month_of_answers_is_not():
    month = [answer(MONDAY + dt.timedelta(days=n % 28, hours=n % 24)) for n in range(300)]
    profile = load_profile(History(answers=month))
    assert thin_parts(profile) == ()
    text = profile_scenario(
        profile, place="essonne", zone="FR", system="dgx-h200", model="m", weight_format="fp8"
    )
    assert "Thin" not in text
