"""What axe finds against WCAG 2.2 AA on every page of a real daemon, light and dark: nothing."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
PAPER = b"# Winds\n\nThe galerne turns from the south to the north-west within minutes.\n"


COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""All that a theme changes."""


def faults(page, rules):
    said = Axe().run(page, options=rules).response
    assert said["passes"], "axe looked at nothing"
    return [(fault["id"], node["html"][:160]) for fault in said["violations"] for node in fault["nodes"]]


@pytest.fixture(scope="module")
def places(live_url, browser):
    """The pages, with a conversation that has a document and a receipt, and a project."""
    context = browser.new_context(base_url=live_url, locale="en-GB")
    page = context.new_page()
    page.goto("/")
    page.locator("#question").fill("What does an answer cost?")
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=30_000)
    page.locator("#attach").set_input_files({"name": "w.md", "mimeType": "text/markdown", "buffer": PAPER})
    page.locator("#question").fill("Where does the galerne turn to?")
    page.keyboard.press("Enter")
    expect(page.locator("a[data-passage]").first).to_be_visible(timeout=30_000)
    talk = page.url
    passage = page.locator("a[data-passage]").first.get_attribute("href")
    page.locator(".projects > summary").click()
    page.locator("#project-name").fill("Winds")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/*")
    shown = [
        "/",
        "/?temporary=1",
        talk,
        page.url,
        passage,
        "/search?q=galerne",
        "/chain",
        "/plan",
        "/operator",
    ]
    context.close()
    return [*shown, "/operator", "/developer"]


@pytest.mark.parametrize(("theme", "rules"), [("light", RULES), ("dark", COLOURS)], ids=["light", "dark"])
def test_no_page_has_a_fault_that_axe_knows(places, live_url, open_page, theme, rules):
    page = open_page(live_url, color_scheme=theme, reduced_motion="reduce")
    found = {}
    for place in places:
        page.goto(place)
        found[place] = faults(page, rules)
    page.goto(places[2])
    for menu in (".fits", ".manner", ".tools", ".budget", ".files"):
        page.locator(f"{menu} > summary").click()
        if menu == ".fits":
            expect(page.locator(".fit li").first).to_be_visible()
        found[menu] = faults(page, rules)
    page.locator(".receipt summary").first.click()
    found["receipt"] = faults(page, rules)
    page.keyboard.press("Control+k")
    page.keyboard.type("galerne")
    expect(page.locator("#hits a").first).to_be_visible()
    found["search"] = faults(page, rules)
    assert {place: wrong for place, wrong in found.items() if wrong} == {}
