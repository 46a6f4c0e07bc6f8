import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
SMALL = {"width": 360, "height": 740}
LIMIT = {"subject": "key:a", "unit": "tokens", "period": "day", "limit": 1000, "spent": 120, "held": 0}
ROW = {"group": "mini", "n_answers": 2, "prompt_tokens": 4, "completion_tokens": 9, "charged_eur": 0.5}
RECEIPT = {"id": "rcpt_1", "energy_j": {"full": 55.9}}
ANSWERS = {
    "/v1/models": {"data": [{"id": "galerne-mini"}]},
    "/v1/galerne/limits": {"data": [{**LIMIT, "remaining": 880, "resets_at": None}]},
    "/v1/usage": {"rows": [{**ROW, "energy_j": {"full": 1.5}}]},
    "/v1/chat/completions": {"choices": [], "usage": {"galerne": RECEIPT}},
    "/v1/receipts/rcpt_1": RECEIPT,
}


@pytest.mark.parametrize(
    ("language", "title", "waiting"),
    [("en-GB", "The house", "Who waits"), ("fr-FR", "La maison", "Qui attend")],
)
def test_the_operator_sees_usage_energy_money_and_the_line(web_url, open_page, language, title, waiting):
    page = open_page(web_url, path="/operator", language=language, viewport=SMALL)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator("svg.bars rect").first).to_be_attached()
    assert page.locator("svg.whole rect").count() == 2
    line = page.locator(".slab", has_text=waiting).locator("td")
    assert line.all_inner_texts()[:2] == ["4/4", "3"]
    assert page.evaluate(FITS)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()


def test_a_developer_sees_what_the_pasted_key_may_and_the_raw_answer_with_its_receipt(web_url, open_page):
    page = open_page(web_url, viewport=SMALL)
    keys = []

    def serve(route):
        keys.append(route.request.headers.get("authorization"))
        path = route.request.url.removeprefix(web_url).partition("?")[0]
        headers = {"content-type": "application/json", "galerne-receipt": "rcpt_1"}
        route.fulfill(status=200, headers=headers, body=json.dumps(ANSWERS[path]))

    page.route("**/v1/**", serve)
    page.goto("/developer")
    page.locator("#key").fill("glrn_secret")
    page.keyboard.press("Enter")
    expect(page.locator("[data-limits]")).to_contain_text("880")
    expect(page.locator("[data-usage]")).to_contain_text("mini")
    page.locator("[data-play] button").click()
    expect(page.locator("[data-receipt]")).to_contain_text("55.9")
    expect(page.locator("[data-headers]")).to_contain_text("galerne-receipt: rcpt_1")
    assert keys[-1] == "Bearer glrn_secret"
    assert "glrn_secret" not in page.content()
    assert page.evaluate(FITS)
