"""An assistant made and talked to, in a real browser, by keyboard on a narrow screen."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SIGHT = {"width": 360, "height": 740}


@pytest.mark.parametrize(
    ("language", "make", "save", "begin"),
    [
        ("en-GB", "Make it", "Save", "New conversation"),
        ("fr-FR", "Le créer", "Enregistrer", "Nouvelle conversation"),
    ],
)
def test_one_is_made_given_a_document_and_answers(
    open_page, web_url, fake_api, tmp_path, language, make, save, begin
):
    paper = tmp_path / "winds.txt"
    paper.write_text("The mistral blows at up to 100 km/h.")
    fake_api.pieces = ["Up to 100 km/h [1]."]
    page = open_page(web_url, path="/assistants", language=language, viewport=SIGHT)
    page.locator("#name").fill("Sailor")
    page.get_by_role("button", name=make).click()
    page.locator("#instructions").fill("Answer like a sailor.")
    page.get_by_role("button", name=save, exact=True).click()
    expect(page.locator(".saved")).to_be_visible()
    page.locator("#attach").set_input_files(paper)
    expect(page.locator(".chip")).to_contain_text("winds.txt")
    page.get_by_role("link", name=begin).click()
    expect(page.locator(".empty h2")).to_have_text("Sailor")
    page.locator("#question").fill("How fast is the mistral?")
    page.keyboard.press("Enter")
    page.locator(".answer a.citation").click()
    expect(page.locator("#passage mark")).to_contain_text("100 km/h")
    assert fake_api.asked[0]["messages"][0]["content"].startswith("Answer like a sailor.")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()  # it would go on asking for the final receipt of a server that ends with the test


def test_a_name_is_completed_and_chooses_who_answers(open_page, web_url, fake_api):
    page = open_page(web_url, path="/assistants", viewport=SIGHT)
    for name in ("Sailor", "Salt", "Élise"):
        page.goto("/assistants")
        page.locator("#name").fill(name)
        page.keyboard.press("Enter")
        page.wait_for_url("**/assistants/*")
    page.goto("/")
    question, options = page.locator("#question"), page.locator("#mentions [role=option]")
    question.press_sequentially("@sa")
    expect(options).to_have_text(["@Sailor", "@Salt"])
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#mentions")).to_be_hidden()
    question.fill("")
    question.press_sequentially("@eli")
    expect(options).to_have_text(["@Élise"])
    page.keyboard.press("Tab")
    expect(question).to_have_value("@Élise ")
    question.press_sequentially("hello")
    page.keyboard.press("Enter")
    expect(page.locator(".head > .badge")).to_have_text("Élise")
    expect(page.get_by_text("world", exact=True)).to_be_visible()
    assert fake_api.asked[0]["messages"] == [{"role": "user", "content": "hello"}]
    page.close()
