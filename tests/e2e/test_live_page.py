"""The real daemon, engine, built-in model and ledger behind the page."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("language", "question", "label"),
    [("fr-FR", "Bonjour, qui es-tu ?", "modélisé"), ("en-GB", "Who are you?", "modelled")],
)
def test_a_question_travels_through_the_whole_house(live_url, open_page, language, question, label):
    page = open_page(live_url, language=language)
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=30_000)
    assert page.locator(".blocks").inner_text().strip()
    expect(page.locator(".receipt .badge").first).to_contain_text(label)
    page.locator(".receipt summary").click()
    assert page.locator(".sheet .row").count() == 6
    assert page.locator(".sheet cite").count() >= 3
    page.goto("/chain")
    expect(page.locator('[data-station="answer"] .figure')).to_have_count(5)
    assert page.locator(".station").count() == 5
    assert page.locator(".accounts rect").count() >= 2


def test_the_chain_follows_an_answer(live_url, open_page):
    talk, watch = open_page(live_url), open_page(live_url, path="/chain")

    def ask(question, *, n_answers):
        talk.locator("#question").fill(question)
        talk.keyboard.press("Enter")
        expect(talk.locator("[data-state=final]")).to_have_count(n_answers, timeout=30_000)

    ask("Which model should I install?", n_answers=1)
    share = watch.locator('[data-link="share.1"]')
    expect(share).to_contain_text("J", timeout=15_000)
    before = share.inner_text()
    ask("What does an answer cost, in detail?", n_answers=2)
    expect(share).not_to_have_text(before, timeout=15_000)


def test_a_reload_in_the_middle_loses_nothing(live_url, open_page):
    page = open_page(live_url)
    page.locator("#question").fill("Explain how to plan a site.")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_be_visible()
    page.reload()
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=30_000)
    written = page.locator(".blocks").inner_text()
    page.reload()
    assert page.locator(".blocks").inner_text() == written
