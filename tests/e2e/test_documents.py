import pytest
from playwright.sync_api import expect
from tests.chat.documents import files
from tests.chat.documents.files import WINDS

pytestmark = pytest.mark.browser

PDF = {"name": "winds of the west.pdf", "mimeType": "application/pdf", "buffer": files.a_pdf(*WINDS)}
QUESTION = "How fast does the mistral blow?"


def hand_in(page, *documents):
    page.locator("#attach").set_input_files(list(documents or [PDF]))
    expect(page.locator("#drafts [data-id]")).to_have_count(len(documents) or 1, timeout=30_000)


def ask(page, question=QUESTION):
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")


def test_a_document_is_handed_in_asked_about_and_a_citation_opens_its_passage(fake_api, web_url, open_page):
    fake_api.pieces = ["Up to 100 km/h [1]."]
    page = open_page(web_url)
    hand_in(page)
    ask(page)
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=15_000)
    expect(page.locator("#drafts li")).to_have_count(0)
    expect(page.locator(".user .chip")).to_contain_text("winds of the west.pdf")
    page.locator("a.citation").click()
    expect(page.locator("#passage mark")).to_have_text(WINDS[1])
    expect(page.locator("#passage .place")).to_have_text("page 2")
    page.keyboard.press("Escape")
    expect(page.locator("#passage")).to_be_hidden()
    page.reload()
    page.locator(".sources a").first.click()
    expect(page.locator("#passage mark")).to_have_text(WINDS[1])


@pytest.mark.parametrize("language", ["en-GB", "fr-FR"])
def test_the_built_in_model_quotes(live_url, open_page, language):
    page = open_page(live_url, language=language)
    hand_in(page)
    ask(page)
    expect(page.locator(".quoted")).to_be_visible(timeout=30_000)
    expect(page.locator(".quote blockquote").first).to_contain_text(WINDS[1])
    page.locator("a.citation").first.click()
    expect(page.locator("#passage mark")).to_have_text(WINDS[1])


def test_with_the_keyboard_alone(fake_api, web_url, open_page):
    fake_api.pieces = ["Up to 100 km/h [1]."]
    page = open_page(web_url)
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#attach")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files([PDF])
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")  # at once: the question waits for its document
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=30_000)
    page.locator("a.citation").focus()
    assert page.evaluate("document.activeElement.ariaLabel") == "Passage 1"
    page.keyboard.press("Enter")
    expect(page.locator("#passage mark")).to_have_text(WINDS[1])
    page.keyboard.press("Escape")
    expect(page.locator("a.citation")).to_be_focused()


def test_a_draft_can_be_removed_again(fake_api, web_url, open_page):
    page = open_page(web_url)
    page.locator("#attach").set_input_files(
        [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"words about winds"}]
    )
    expect(page.locator("#drafts [data-id]")).to_have_count(1, timeout=30_000)
    page.get_by_role("button", name="Remove: a.txt").click()
    expect(page.locator("#drafts li")).to_have_count(0)
    ask(page)
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=15_000)
    assert len(fake_api.asked[0]["messages"]) == 1


def test_files_are_dropped_and_pasted(web_url, open_page):
    page = open_page(web_url)
    for n, (target, event) in enumerate([("main", "drop"), ("#question", "paste")], start=1):
        page.evaluate(
            """([target, kind]) => {
              const data = new DataTransfer();
              data.items.add(new File(["words about winds"], `${kind}.txt`, { type: "text/plain" }));
              const options = { bubbles: true, cancelable: true };
              const event = kind === "drop"
                ? new DragEvent(kind, { ...options, dataTransfer: data })
                : new ClipboardEvent(kind, { ...options, clipboardData: data });
              document.querySelector(target).dispatchEvent(event);
            }""",
            [target, event],
        )
        expect(page.locator("#drafts [data-id]")).to_have_count(n, timeout=30_000)
    assert page.locator("#drafts .chip > span").all_inner_texts() == ["drop.txt", "paste.txt"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_small_phone_nothing_scrolls_sideways(fake_api, web_url, open_page, theme):
    fake_api.pieces = ["Up to 100 km/h [1], [2] and [3]."]
    page = open_page(
        web_url, language="fr-FR", color_scheme=theme, viewport={"width": 360, "height": 700}, has_touch=True
    )
    sideways = (
        "[document.documentElement, document.querySelector('main')].some((e) => e.scrollWidth > innerWidth)"
    )
    long = {"name": "x" * 120 + ".md", "mimeType": "text/markdown", "buffer": b"# Vents\n" + b"mistral" * 90}
    hand_in(page, PDF, long)
    assert not page.evaluate(sideways)
    page.locator("#question").fill("Quelle est la vitesse du mistral ?")
    page.locator("button.send").first.click()
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=15_000)
    assert not page.evaluate(sideways)
    page.locator("a.citation").last.click()
    expect(page.locator("#passage mark")).to_be_visible()
    assert not page.evaluate(sideways)
    assert not page.evaluate("document.querySelector('#passage').scrollWidth > innerWidth")


@pytest.mark.parametrize("width", [360, 1200])
def test_a_project_shares_its_documents(fake_api, web_url, open_page, width):
    page = open_page(web_url, viewport={"width": width, "height": 700})
    if width < 860:
        page.locator("[aria-controls=side]").click()
    page.locator(".projects > summary").click()
    page.locator("#project-name").fill("Winds")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Winds")
    page.locator("#attach").set_input_files([PDF])
    expect(page.locator(".chip")).to_contain_text("winds of the west.pdf", timeout=30_000)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("link", name="New conversation").click()
    ask(page)
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=15_000)
    assert WINDS[1] in fake_api.asked[0]["messages"][-1]["content"]
    page.reload()
    page.locator(".head a.badge").click()
    expect(page.get_by_role("link", name=QUESTION)).to_be_visible()
