"""The hint that a smaller model would do, in a real browser."""

import pytest
from playwright.sync_api import expect
from tests.chat import fake_api as script

pytestmark = pytest.mark.browser

SMALL, LARGE = "ministral-3-3b", "ministral-3-8b"


def test_the_hint_asks_the_smaller_model_or_takes_it_and_can_be_hushed(
    fake_api, web_url, open_page, monkeypatch
):
    receipt = script.a_receipt
    dear = {"energy_j": {"active": 700.0, "full": 720.0}}
    monkeypatch.setattr(script, "a_receipt", lambda *name: receipt(*name) | dear)
    fake_api.serves_large, fake_api.final_after = True, 0
    fake_api.presence |= {LARGE: "loaded", SMALL: "installed"}
    page = open_page(web_url, viewport={"width": 360, "height": 740})
    hint = page.locator(".smaller")

    def ask_anew():
        page.goto("/")
        page.locator("select[name=model]").select_option(LARGE)
        page.locator("#question").fill("What is a galerne?")
        page.keyboard.press("Enter")
        expect(hint).to_contain_text("would take about 120\u202fmWh less")

    ask_anew()
    page.get_by_text("How this is known").click()
    expect(hint).to_contain_text("its load comes on top")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.reload()
    expect(hint).to_have_count(1)
    page.get_by_role("button", name=f"Ask {SMALL} beside it").click()
    expect(page.locator(".duo .answer")).to_have_count(2)
    expect(hint).to_have_count(0)
    assert fake_api.asked[-1]["model"] == SMALL

    ask_anew()
    page.get_by_role("button", name="Use it from the next question on").click()
    expect(page.locator("select[name=model]")).to_have_value(SMALL)
    expect(page.locator("#question")).to_be_focused()
    expect(hint).to_have_count(0)

    ask_anew()
    page.get_by_role("button", name="No such hints").click()
    expect(hint).to_have_count(0)
    page.reload()
    page.locator(".fits > summary").click()
    page.get_by_role("button", name="Show them").click()
    expect(page.get_by_role("button", name="Show them")).to_have_count(0)
    page.reload()
    expect(hint).to_have_count(1)
