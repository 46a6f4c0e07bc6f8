"""Words in a real browser: those half written, those copied, those that could not be sent."""

import pytest
from playwright.sync_api import expect
from tests.chat.fake_api import served

from galerne.chat.client.api import ApiClient
from galerne.chat.history.store import open_conversations
from galerne.chat.web import create_web
from galerne.clock import SystemClock

pytestmark = pytest.mark.browser

PASTE = """([text, picture]) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  if (picture) data.items.add(new File([new Uint8Array(9)], "table.png", { type: "image/png" }));
  const question = document.querySelector("#question");
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  return question.dispatchEvent(event);
}"""


def ask(page, question="What is a galerne?"):
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]").last).to_be_visible(timeout=15_000)


def test_a_half_written_question_outlasts_a_reload_and_leaves_when_it_is_sent(web_url, open_page):
    page = open_page(web_url)
    page.locator("#question").fill("What is a gal")
    page.get_by_role("button", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page.locator("#question")).to_have_value("What is a gal")
    page.evaluate("window.same = true; document.querySelector('.skip').click()")
    assert page.evaluate("location.hash && window.same")
    ask(page)
    page.reload()
    expect(page.locator("#question")).to_have_value("")
    page.goto("/?temporary=1")
    page.locator("#question").fill("a secret")
    page.reload()
    expect(page.locator("#question")).to_have_value("")


def test_an_answer_is_copied_as_it_was_written(fake_api, web_url, open_page):
    fake_api.pieces = ["Let $x$ be:\n\n```python\n", "x = 1\n```\n"]
    page = open_page(web_url, permissions=["clipboard-read", "clipboard-write"])
    ask(page)
    page.get_by_role("button", name="Copy the answer").click()
    expect(page.locator("#status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "".join(fake_api.pieces)
    read = "navigator.clipboard.read().then((all) => all[0].getType('text/html')).then((html) => html.text())"
    looks = page.evaluate(read)
    assert "<math" in looks
    assert "figcaption" not in looks


def test_a_table_is_pasted_as_text_and_a_book_as_a_file(web_url, open_page):
    page = open_page(web_url)
    assert page.evaluate(PASTE, ["a\tb", True])  # left to the browser
    assert not page.evaluate(PASTE, ["word " * 50_000, False])
    expect(page.locator("#drafts [data-id]")).to_have_count(1, timeout=15_000)
    expect(page.locator("#drafts")).to_contain_text("Pasted text.txt")


def test_on_a_phone_enter_starts_a_line_and_the_button_sends(fake_api, web_url, open_page):
    page = open_page(web_url, viewport={"width": 360, "height": 700}, has_touch=True, is_mobile=True)
    page.locator("#question").click()
    page.keyboard.type("one")
    page.keyboard.press("Enter")
    page.keyboard.type("two")
    page.locator("button.send").first.click()
    expect(page.locator("[data-state=final]")).to_be_visible()
    assert fake_api.asked[0]["messages"][0]["content"] == "one\ntwo"


def test_who_comes_back_sees_what_another_tab_did_and_is_told_when_it_erased_all(web_url, browser):
    context = browser.new_context(base_url=web_url, locale="en-GB")
    here, there = context.new_page(), context.new_page()
    here.goto("/")
    ask(here)
    there.goto(here.url)
    ask(there, "And a noroît?")
    here.locator("#question").fill("half a thought")
    here.evaluate("dispatchEvent(new Event('focus'))")
    expect(here.locator(".said")).to_have_count(2)
    expect(here.locator("#question")).to_have_value("half a thought")
    there.locator(".files > summary").click()
    there.locator(".files .sure > summary").click()
    there.get_by_role("button", name="Erase them all for good").click()
    expect(there.locator("#history")).to_contain_text("Nothing yet")
    here.locator("#question").press("Enter")
    expect(here.get_by_role("alert")).to_contain_text("not here any more")
    expect(here.locator("#question")).to_have_value("half a thought")
    context.close()


def test_the_model_chosen_last_begins_the_next_conversation(web_url, open_page):
    page = open_page(web_url)
    page.locator("select[name=model]").select_option("ministral-3-3b")
    ask(page)
    expect(page.locator(".by")).to_have_text("ministral-3-3b")
    page.keyboard.press("Control+Shift+O")
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("select[name=model]")).to_have_value("ministral-3-3b")


def test_a_server_that_leaves_in_the_middle_is_looked_for_until_it_is_back(fake_api, tmp_path, browser):
    fake_api.pieces, fake_api.open_pieces = ["first\n\n", "second"], 1
    store = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=SystemClock())
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    with served(fake_api.app()) as api_url:
        with served(create_web(ApiClient(api_url), store=store)) as url:
            page.goto(url)
            page.locator("#question").fill("Begin")
            page.keyboard.press("Enter")
            expect(page.locator(".blocks")).to_contain_text("first")
            page.locator("#question").fill("typed meanwhile")
        expect(page.locator("#lost")).to_be_visible(timeout=15_000)
        with served(create_web(ApiClient(api_url), store=store), port=int(url.rpartition(":")[2])):
            expect(page.get_by_role("button", name="Continue the answer")).to_be_visible(timeout=20_000)
            expect(page.locator("#lost")).to_be_hidden()
            expect(page.locator(".blocks")).to_have_text("first")
            expect(page.locator("#question")).to_have_value("typed meanwhile")
            context.close()
    store.close()
