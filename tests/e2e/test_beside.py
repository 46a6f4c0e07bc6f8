"""Two answers beside each other in a real browser."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_an_answer_is_compared_and_the_other_one_kept(fake_api, web_url, open_page):
    page = open_page(web_url)
    page.locator("#question").fill("What is a galerne?")
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]")).to_be_visible()
    fake_api.pieces, fake_api.open_pieces = ["Another ", "wind."], 1
    page.get_by_role("button", name="Compare with another model").click()
    expect(page.locator(".duo .answer")).to_have_count(2)
    expect(page.locator(".duo")).to_contain_text("Another")
    page.reload()
    fake_api.gate.set()
    expect(page.locator(".duo .blocks").last).to_contain_text("Another wind.")
    expect(page.locator(".verdict")).to_contain_text(
        "ministral-3-3b took about the same energy", timeout=10_000
    )
    page.get_by_role("button", name="Keep ministral-3-3b").click()
    expect(page.locator(".duo")).to_have_count(0)
    expect(page.locator(".answer .walk .n")).to_have_text("2/2")
    expect(page.locator("#turns")).to_contain_text("Another wind.")


def test_narrow_screens_stack_the_two(fake_api, web_url, open_page):
    page = open_page(web_url, viewport={"width": 360, "height": 740})
    page.locator("#question").fill("What is a galerne?")
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]")).to_be_visible()
    page.get_by_role("button", name="Compare with another model").click()
    expect(page.locator(".verdict button")).to_have_count(2, timeout=10_000)
    boxes = [article.bounding_box() for article in page.locator(".duo .answer").all()]
    assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
