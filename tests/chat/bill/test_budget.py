"""What may still be used: limits of the server, a budget of one's own, and a refusal that says until when."""

import pytest

from galerne.chat.bill.budget import SoftBudget, view_limit, view_soft
from galerne.language import Language
from tests.chat.test_web import AS_SCRIPT, OURS, ask, events, web, web_url

__all__ = ["web", "web_url"]

NOON = 1_767_225_600.0 + 43_200  # of 2026-01-01
JOULES = {"energy_j": {"active": 5_000.0, "full": 7_200.0}, "co2e_g": {"use": 0.3, "embodied": 0.1}}
USAGE = {"rows": [JOULES | {"cost_eur": 0.01, "charged_eur": 0.02}], "metered": {"by_method_j": {}}}


def a_limit(**facts):
    row = {"subject": "model:galerne-mini", "unit": "wh", "period": "month", "limit": 250.0, "spent": 100.0}
    return row | {"held": 25.0, "remaining": 125.0, "resets_at": NOON} | facts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wh:day:4", "2.0\u202fWh of 4.0\u202fWh today"),
        ("g:month:1", "400\u202fmg of 1.0\u202fg this month"),
        ("eur:day:0.5", "0.020\u202f€ of 0.50\u202f€ today"),
    ],
)
def test_what_was_used_of_a_budget_is_said_in_its_unit(text, words):
    view = view_soft(SoftBudget.read(text), USAGE, now_at=NOON, language=Language.ENGLISH)
    assert view.text == words
    assert not view.hard


@pytest.mark.parametrize(("amount", "state"), [("10", "ok"), ("2.4", "near"), ("2", "over"), ("1", "over")])
def test_the_bar_warns_before_it_is_full(amount, state):
    view = view_soft(SoftBudget.read(f"wh:day:{amount}"), USAGE, now_at=NOON, language=Language.FRENCH)
    assert view.state == state


@pytest.mark.parametrize(
    "text", ["", "wh:day", "wh:day:0", "wh:year:4", "kwh:day:4", "wh:day:-1", "g:day:1e9"]
)
def test_a_cookie_that_is_no_budget_is_none(text):
    assert SoftBudget.read(text) is None


def test_periods_are_those_of_the_utc_calendar():
    daily, monthly = SoftBudget.read("wh:day:4"), SoftBudget.read("wh:month:4")
    assert (daily.begins_on(NOON), daily.renews_at(NOON)) == ("2026-01-01", NOON + 43_200)
    assert (monthly.begins_on(NOON), monthly.renews_at(NOON)) == ("2026-01-01", NOON - 43_200 + 31 * 86_400)


def test_of_several_limits_the_one_that_leaves_least_is_shown():
    view = view_limit([a_limit(), a_limit(unit="eur", limit=1.0, spent=0.9)], language=Language.ENGLISH)
    assert (view.state, view.hard) == ("over", True)


def test_a_limit_of_the_model_is_shown_with_when_it_opens_again(fake_api, web):
    fake_api.limits = [a_limit()]
    shown = web.get("/ui/budget?model=galerne-mini").text
    assert "125\u202fWh of 250\u202fWh this month" in shown
    assert "2026-01-01 at 12:00 UTC" in shown
    assert "<form" not in shown
    assert "250" not in web.get("/ui/budget?model=another").text


def test_a_budget_of_ones_own_is_set_kept_and_given_up(web):
    assert "Set a budget" in web.get("/ui/budget").text
    form = {"amount": "0,5", "unit": "wh", "period": "day"}
    assert web.post("/ui/budget", data=form, headers=AS_SCRIPT).status_code == 204
    shown = web.get("/ui/budget").text
    assert "31\u202fmWh of 500\u202fmWh today" in shown
    assert "modelled" in shown
    web.post("/ui/budget", data=form | {"amount": ""}, headers=AS_SCRIPT)
    assert "Set a budget" in web.get("/ui/budget").text


@pytest.mark.parametrize("form", [{"amount": "x", "unit": "wh", "period": "day"}, {"amount": "1"}])
def test_what_is_no_budget_is_refused(web, form):
    assert web.post("/ui/budget", data=form, headers=OURS).status_code == 422


def test_a_refusal_says_when_the_limit_opens_again(fake_api, web, store):
    fake_api.failure = (429, {"code": "rate_limit_exceeded", "message": "no"})
    fake_api.failure_headers = {"retry-after": "3600"}
    asked = ask(web)
    events(web, asked["answer"])
    assert store.message(asked["answer"]).opens_at == store.now_at() + 3600
    page = web.get(asked["address"]).text
    assert "A limit of this server is reached" in page
    assert "opens again on 2026-01-01 at 01:00 UTC" in page


def test_a_refusal_that_waiting_does_not_help_promises_nothing(fake_api, web):
    fake_api.failure = (429, {"code": "rate_limit_exceeded", "message": "no"})
    asked = ask(web)
    events(web, asked["answer"])
    assert "opens again" not in web.get(asked["address"]).text
