import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def ask(page, question="What is a galerne?", *, n_answers=1):
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]")).to_have_count(n_answers, timeout=15_000)


def test_answers_are_walked_with_arrows_and_the_bill_counts_both(fake_api, web_url, open_page):
    page = open_page(web_url)
    ask(page)
    expect(page.locator("#bill .amount").first).to_contain_text("56\u202fJ")
    fake_api.pieces = ["Another *answer*."]
    page.get_by_role("button", name="Answer again").click()
    expect(page.locator(".blocks em")).to_have_text("answer")
    expect(page.locator(".walk .n")).to_have_text("2/2")
    expect(page.locator("#bill .amount").first).to_contain_text("112\u202fJ", timeout=15_000)
    page.get_by_role("button", name="Previous branch").click()
    expect(page.locator(".blocks strong")).to_have_text("world")
    expect(page.locator(".walk .n")).to_have_text("1/2")
    page.keyboard.press("Enter")  # the arrow that leads on has the focus
    expect(page.locator(".blocks em")).to_have_text("answer")
    page.reload()
    expect(page.locator(".walk .n")).to_have_text("2/2")


def test_the_last_question_is_asked_in_other_words_by_keyboard(fake_api, web_url, open_page):
    page = open_page(web_url)
    ask(page)
    page.locator("#question").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    expect(page.locator("details.edit[open]")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("details.edit textarea")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Better words")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text("Better words")
    expect(page.locator(".user .walk .n")).to_have_text("2/2")
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=15_000)
    assert fake_api.asked[1]["messages"] == [{"role": "user", "content": "Better words"}]


def test_a_cut_answer_goes_on(fake_api, web_url, open_page):
    fake_api.reason, fake_api.pieces = "length", ["one two"]
    page = open_page(web_url)
    ask(page)
    fake_api.reason, fake_api.pieces = "stop", [" three"]
    page.get_by_role("button", name="Continue the answer").click()
    expect(page.locator(".blocks")).to_have_text("one two three")
    expect(page.locator("[data-state=final]")).to_have_count(2, timeout=15_000)
    expect(page.get_by_role("button", name="Continue the answer")).to_have_count(0)


def test_search_opens_finds_and_leads_there_by_keyboard(web_url, open_page):
    page = open_page(web_url)
    ask(page, "Où souffle la galerne ?")
    page.keyboard.press("Control+Shift+O")
    expect(page.locator("#empty")).to_be_visible()
    page.keyboard.press("Control+K")
    page.keyboard.type("ou souff")
    expect(page.locator(".hits mark").first).to_have_text("Où")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text("Où souffle la galerne ?")
    page.keyboard.press("Control+K")
    expect(page.locator("#seek")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#seek")).to_be_hidden()


def test_a_conversation_is_named_and_pinned(web_url, open_page):
    page = open_page(web_url)
    ask(page)

    def open_menu():
        page.locator(".history li").hover()
        page.locator(".history .menu > summary").click()

    open_menu()
    page.locator(".rename input").fill("Winds of the Atlantic")
    page.keyboard.press("Enter")
    expect(page.locator(".head h1")).to_have_text("Winds of the Atlantic")
    expect(page.locator(".history li > a")).to_have_text("Winds of the Atlantic")
    open_menu()
    page.get_by_role("button", name="Pin to the top").click()
    expect(page.locator(".history .pin").first).to_be_visible()


def test_files_go_out_and_come_in(web_url, open_page, tmp_path):
    page = open_page(web_url)
    ask(page)
    page.locator(".files > summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export everything").click()
    path = tmp_path / "galerne.json"
    download.value.save_as(path)
    page.locator("[data-import]").set_input_files(path)
    expect(page.locator("#imported")).to_have_text("Conversations brought in: 1")
    expect(page.locator(".history li")).to_have_count(2)
    assert json.loads(path.read_text())["conversations"][0]["messages"][1]["content"] == "Hello, **world**."


def test_a_temporary_conversation_leaves_no_trace(web_url, open_page):
    page = open_page(web_url, path="/?temporary=1")
    expect(page.locator("#empty")).to_contain_text("written nowhere")
    ask(page)
    expect(page.locator(".history li")).to_have_count(0)
    page.reload()
    expect(page.locator(".blocks strong")).to_have_text("world")
    expect(page.locator(".head .badge").first).to_have_text("Temporary conversation")


def test_the_manner_goes_with_the_question(fake_api, web_url, open_page):
    page = open_page(web_url)
    page.locator(".manner > summary").click()
    page.get_by_label("Instructions").fill("Answer like a sailor.")
    page.get_by_label("Temperature").fill("0.3")
    page.keyboard.press("Escape")
    ask(page)
    assert fake_api.asked[0]["messages"][0]["content"] == "Answer like a sailor."
    assert fake_api.asked[0]["temperature"] == 0.3
    page.reload()
    page.locator(".manner > summary").click()
    expect(page.get_by_label("Instructions")).to_have_value("Answer like a sailor.")


def test_a_long_conversation_shows_its_end_first_and_keeps_its_place(fake_api, web_url, open_page):
    messages = [{"id": 0, "role": "user", "content": "message 0"}]
    messages += [
        {"id": n, "parent": n - 1, "role": "assistant" if n % 2 else "user", "content": f"message {n}"}
        for n in range(1, 100)
    ]
    page = open_page(web_url)
    body = json.dumps({"conversations": [{"title": "Long", "messages": messages}]})
    page.evaluate("(body) => fetch('/ui/import', { method: 'POST', body })", body)
    page.reload()
    page.get_by_role("link", name="Long").click()
    expect(page.locator(".turn")).to_have_count(40)
    page.get_by_role("link", name="Earlier messages").click()
    expect(page.locator(".turn")).to_have_count(80)
    expect(page.locator(".earlier")).to_have_count(1)
    ask(page, "message 100")
    assert len(fake_api.asked[0]["messages"]) == 101
