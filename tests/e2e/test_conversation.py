import gzip
import re

import pytest
from playwright.sync_api import expect
from tests.chat.test_markdown import ATTACKS

pytestmark = pytest.mark.browser

RICH = [
    "## Title\n\n",
    "Some `code` and $x^2$.\n\n",
    "```python\n",
    "def f(x): return x  # a rather long comment\n",
    "```\n\n",
    "| a | b | c |\n|---|---|---|\n",
    "| one long cell | another long cell | and one more long cell |\n\n",
    "$$\nE = \\sum_{i=1}^{n} \\left(\\frac{a}{n} + b\\right) t_i + \\alpha + \\beta + \\gamma\n$$\n\n",
    "a" * 300,
]


def ask(page, question="What is a galerne?"):
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")


def test_send_stream_and_a_receipt_that_becomes_final(fake_api, web_url, open_page):
    page = open_page(web_url)
    ask(page)
    expect(page.locator(".answer strong")).to_have_text("world")
    expect(page.locator("[data-state=final]")).to_be_visible()
    assert re.search(r"/c/[\w-]+$", page.url)
    expect(page.locator("#history .current")).to_have_text(re.compile("What is a galerne"))
    page.locator(".receipt summary").click()
    expect(page.locator(".sheet")).to_contain_text("61\u202fJ × 41.4\u202fg/kWh")
    expect(page.locator(".sheet cite a[href='https://example.org/rte']")).to_be_visible()


def test_the_sheet_stays_open_while_the_receipt_settles(fake_api, web_url, open_page):
    fake_api.final_after = 2
    page = open_page(web_url)
    ask(page)
    page.locator("[data-state=provisional] summary").click()
    expect(page.locator("[data-state=final] .sheet")).to_be_visible(timeout=15_000)


def test_a_reload_in_the_middle_takes_the_stream_up_again(fake_api, web_url, open_page):
    fake_api.pieces, fake_api.open_pieces = ["first\n\n", "second ", "third"], 2
    page = open_page(web_url)
    ask(page)
    expect(page.locator(".blocks")).to_contain_text("second")
    page.reload()
    expect(page.locator(".blocks")).to_contain_text("second")
    expect(page.locator("button[data-action=stop]")).to_be_visible()
    fake_api.gate.set()
    expect(page.locator(".blocks")).to_contain_text("third")
    expect(page.locator("[data-state=final]")).to_be_visible()
    assert page.locator(".block").all_inner_texts() == ["first", "second third"]


def test_stop_keeps_what_is_written(fake_api, web_url, open_page):
    fake_api.open_pieces = 1
    page = open_page(web_url)
    ask(page)
    expect(page.locator(".blocks")).to_contain_text("Hello")
    page.locator("button[data-action=stop]").click()
    expect(page.locator(".note")).to_contain_text("You stopped this answer")
    expect(page.locator("button[type=submit].send")).to_be_visible()


def test_sealed_blocks_are_never_drawn_again(fake_api, web_url, open_page):
    fake_api.pieces, fake_api.open_pieces = ["first\n\n", "second\n\n", "third\n\n", "end"], 3
    page = open_page(web_url)
    ask(page)
    expect(page.locator(".blocks")).to_contain_text("third")
    page.evaluate("document.querySelector('.block > *').dataset.mine = 'kept'")
    fake_api.gate.set()
    expect(page.locator("[data-state=final]")).to_be_visible()
    assert page.locator(".block > *").first.get_attribute("data-mine") == "kept"


def test_keyboard_only(fake_api, web_url, open_page):
    page = open_page(web_url)
    page.keyboard.type("line one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("line two")
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]")).to_be_visible()
    assert fake_api.asked[0]["messages"][0]["content"].splitlines() == ["line one", "line two"]
    assert page.evaluate("document.activeElement.id") == "question"
    for action in (
        "Attach documents or images",
        "Compare with another model",
        "Answer again",
        "Copy the answer",
    ):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.ariaLabel") == action
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    expect(page.locator(".sheet")).to_be_visible()
    page.keyboard.press("Control+Shift+O")
    expect(page.locator("#empty")).to_be_visible()
    page.keyboard.press("Tab")


def test_the_skip_link_is_first_and_focus_is_visible(web_url, open_page):
    page = open_page(web_url, path="/chain")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert width == "2px"


def test_escape_stops_an_answer(fake_api, web_url, open_page):
    fake_api.open_pieces = 1
    page = open_page(web_url)
    ask(page)
    expect(page.locator(".blocks")).to_contain_text("Hello")
    page.keyboard.press("Escape")
    expect(page.locator(".note")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["fr-FR", "en-GB"])
def test_nothing_scrolls_sideways_on_a_small_phone(fake_api, web_url, open_page, language, theme):
    fake_api.pieces = RICH
    page = open_page(
        web_url, language=language, color_scheme=theme, viewport={"width": 360, "height": 700}, has_touch=True
    )
    sideways = (
        "[document.documentElement, document.querySelector('main')].some((e) => e.scrollWidth > innerWidth)"
    )
    assert not page.evaluate(sideways)
    page.locator("#question").fill("What is a galerne?")
    page.locator("button.send").first.click()
    expect(page.locator("[data-state=final]")).to_be_visible()
    page.locator(".receipt summary").click()
    assert not page.evaluate(sideways)
    page.locator("[aria-controls=side]").click()
    expect(page.locator("#side")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_be_hidden()
    page.goto("/chain")
    assert not page.evaluate(sideways)


def test_the_language_can_be_changed_and_numbers_follow(web_url, open_page):
    page = open_page(web_url, language="fr-FR")
    ask(page)
    expect(page.locator("[data-state=final]")).to_contain_text("1,6\u202fmg")
    page.get_by_role("button", name="English").click()
    expect(page.locator("[data-state=final]")).to_contain_text("1.6\u202fmg")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_theme_can_be_changed_and_stays(web_url, open_page):
    page = open_page(web_url, color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.locator("[data-action=theme]").click()
    assert page.evaluate(background) != before
    page.reload()
    assert page.evaluate(background) != before


def test_a_suggestion_asks(fake_api, web_url, open_page):
    page = open_page(web_url)
    page.locator(".suggestions button").first.click()
    expect(page.locator("[data-state=final]")).to_be_visible()
    assert fake_api.asked[0]["messages"][0]["content"].startswith("Who are you")


def test_the_chosen_model_is_asked(fake_api, web_url, open_page):
    page = open_page(web_url)
    page.locator("select[name=model]").select_option("ministral-3-3b")
    ask(page)
    expect(page.locator("[data-state=final]")).to_be_visible()
    assert fake_api.asked[0]["model"] == "ministral-3-3b"


def test_code_is_copied_as_it_was_written(fake_api, web_url, open_page):
    fake_api.pieces = ["```python\nif a < b:\n", "    go()\n```\n"]
    page = open_page(web_url, permissions=["clipboard-read", "clipboard-write"])
    ask(page)
    page.locator(".copy").click()
    expect(page.locator(".copy")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").rstrip("\n") == "if a < b:\n    go()"


def test_attacks_stay_inert_in_a_real_browser(fake_api, web_url, open_page):
    fake_api.pieces = [f"{attack}\n\n" for attack in ATTACKS]
    page = open_page(web_url)
    ask(page, "<img src=x onerror=alert(1)>")
    expect(page.locator("[data-state=final]")).to_be_visible()
    page.reload()
    expect(page.locator("[data-state=final]")).to_be_visible()
    assert page.locator("main img, main iframe, main script, main style, main base").count() == 0


def test_deleting_asks_first_and_is_for_good(web_url, open_page):
    page = open_page(web_url)
    ask(page)
    expect(page.locator("[data-state=final]")).to_be_visible()
    page.locator(".history li").hover()
    page.locator(".history .menu > summary").click()
    page.locator(".history .sure summary").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#history .history")).to_have_count(0)


def test_a_failure_shows_what_to_do_and_the_next_question_works(fake_api, web_url, open_page):
    fake_api.failure = (503, {"code": "overloaded", "message": "busy"})
    page = open_page(web_url)
    ask(page)
    expect(page.locator(".notice")).to_contain_text("wait a few seconds")
    fake_api.failure = None
    ask(page, "Again?")
    expect(page.locator("[data-state=final]")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/chain"])
def test_the_first_load_is_small(web_url, open_page, path):
    page = open_page(web_url, path=path)
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    files = [address for address in loaded if "/ui/" not in address]
    sizes = [len(gzip.compress(page.request.get(address).body())) for address in (page.url, *files)]
    assert len(sizes) <= 12
    assert sum(sizes) <= 60_000
