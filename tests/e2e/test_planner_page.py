"""The planner in a real browser."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from tests.chat.planner.conftest import planner_url

__all__ = ["planner_url"]
pytestmark = pytest.mark.browser


def tile(page, key):
    return page.locator(f'[data-tile="{key}"] [data-value]')


def test_a_lever_moves_the_plan_by_keyboard_and_the_address_follows(planner_url, open_page):
    page = open_page(planner_url, path="/plan?case=university", language="en-GB")
    before = tile(page, "output_eur").inner_text()
    slider = page.get_by_role("slider", name="Mean load over the year")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Mean load over the year", exact=True)).to_have_value("21")
    expect(tile(page, "output_eur")).not_to_have_text(before)
    expect(page).to_have_url(re.compile(r"workload\.load_ratio=21"))
    now = tile(page, "output_eur").inner_text()
    page.reload()
    expect(tile(page, "output_eur")).to_have_text(now)


def test_a_plan_is_kept_and_another_place_stands_beside_it(planner_url, open_page):
    page = open_page(planner_url, path="/plan?case=le-chat")
    page.get_by_role("link", name="Keep to compare").click()
    expect(page.locator(".band.there")).to_have_count(8)
    page.get_by_label("Place", exact=True).select_option("tokyo")
    expect(page.locator('[data-tile="output_co2_g"]')).to_contain_text("here × ")
    page.get_by_role("link", name="Stop comparing").click()
    expect(page.locator(".band.there")).to_have_count(0)
    expect(page.get_by_label("Place", exact=True)).to_have_value("tokyo")


@pytest.mark.parametrize(("scheme", "language", "width"), [("light", "en-GB", 1280), ("dark", "fr-FR", 360)])
def test_everybody_can_use_it(planner_url, open_page, scheme, language, width):
    page = open_page(
        planner_url,
        path="/plan?case=university&beside=case%3Dhospital",
        language=language,
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
    )
    expect(page.get_by_role("slider").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []
