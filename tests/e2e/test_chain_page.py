import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def ask(page):
    page.goto("/")
    page.locator("#question").fill("What is a galerne?")
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "names", "carbon"),
    [
        ("en-GB", ["Grid", "Place", "Machine", "Engine", "Last answer"], "41.4"),
        ("fr-FR", ["Réseau", "Lieu", "Machine", "Moteur", "Dernière réponse"], "41,4"),
    ],
)
def test_five_stations_in_the_readers_language(web_url, open_page, language, names, carbon):
    page = open_page(web_url, path="/chain", language=language)
    assert [text.strip() for text in page.locator(".station h2").all_inner_texts()] == names
    expect(page.locator('[data-number="grid.g_per_kwh"]')).to_have_text(carbon)
    expect(page.locator(".live")).to_be_visible()


def test_an_answer_given_elsewhere_appears_by_itself(fake_api, web_url, open_page):
    watching = open_page(web_url, path="/chain")
    expect(watching.locator('[data-station="answer"]')).to_contain_text("No answer yet")
    ask(open_page(web_url))
    expect(watching.locator('[data-number="answer.energy_j"]')).to_have_text("55.9", timeout=10_000)
    expect(watching.locator('[data-link="site.1"]')).to_have_text("55.9\u202fJ × PUE 1.09 = 61.0\u202fJ")
    fake_api.receipts["rcpt_001"]["energy_j"] = {"active": 80.0, "full": 99.5}
    expect(watching.locator('[data-number="answer.energy_j"]')).to_have_text("99.5", timeout=10_000)


def test_every_figure_tells_its_source_by_keyboard(web_url, open_page):
    page = open_page(web_url, path="/chain")
    figure = page.locator('[data-station="grid"] .figure').first
    expect(figure.locator(".why")).to_be_hidden()
    figure.focus()
    expect(figure.locator(".why")).to_be_visible()
    expect(figure.locator(".why a")).to_have_attribute("href", "https://example.org/rte")
    page.keyboard.press("Escape")
    expect(figure.locator(".why")).to_be_hidden()


def test_it_says_when_the_daemon_is_gone(web_url, open_page):
    page = open_page(web_url, path="/chain")
    page.route("**/ui/chain", lambda route: route.fulfill(status=204, body=""))
    expect(page.locator(".live")).to_have_text("not connected", timeout=10_000)


def test_those_who_want_no_motion_get_none(web_url, open_page):
    page = open_page(web_url, path="/chain", reduced_motion="reduce")
    moving = page.evaluate("document.getAnimations().filter((a) => a.playState === 'running').length")
    assert moving == 0


def test_the_current_runs_at_the_pace_of_the_tokens(fake_api, web_url, open_page):
    page = open_page(web_url, path="/chain")
    pace = "document.querySelector('.words path').getAnimations()[0].playbackRate"
    while page.evaluate(pace) != 0:  # the page's policy lets nobody else wait for it
        page.wait_for_timeout(20)
    fake_api.n_active = 1
    expect(page.locator('[data-number="engine.tokens_per_s"]')).to_have_text("120")
    assert page.evaluate(pace) > 1
