"""The list of models in a real browser."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_model_is_loaded_chosen_and_compared_from_the_list(fake_api, web_url, open_page):
    page = open_page(web_url)
    page.locator(".fits > summary").click()
    expect(page.locator(".fit .loaded")).to_contain_text("Galerne mini")
    page.get_by_role("button", name="Load: ministral-3-3b").click()
    expect(page.locator(".fit progress")).to_be_visible()
    fake_api.presence["ministral-3-3b"] = "loaded"
    expect(page.locator(".fit .loaded")).to_have_count(2, timeout=10_000)
    page.locator("select[name=beside]").select_option("galerne-mini")
    page.get_by_role("button", name="ministral-3-3b", exact=True).click()
    expect(page.locator("select[name=model]")).to_have_value("ministral-3-3b")
    page.keyboard.type("What is a galerne?")
    page.keyboard.press("Enter")
    expect(page.locator(".duo .answer")).to_have_count(2)
    assert {body["model"] for body in fake_api.asked} == {"galerne-mini", "ministral-3-3b"}
    expect(page.locator("select[name=beside]")).to_have_value("")
    expect(page.locator(".verdict button")).to_have_count(2, timeout=10_000)
