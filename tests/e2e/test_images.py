"""Images in a real browser: pasted, seen as small pictures, and who would see them."""

import pytest
from playwright.sync_api import expect
from tests.pictures import WEBP, png

pytestmark = pytest.mark.browser

PICTURE = {"name": "sea.png", "mimeType": "image/png", "buffer": png(64, 48)}


def wait_drawn(page, selector):
    expect(page.locator(selector).first).to_have_js_property("naturalWidth", 64)


def paste(page):
    page.evaluate(
        """async (bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
          const event = new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data });
          document.querySelector("#question").dispatchEvent(event);
        }""",
        list(PICTURE["buffer"]),
    )


def test_a_pasted_image_is_seen_sent_and_stays_after_a_reload(fake_api, web_url, open_page):
    fake_api.sees = True
    page = open_page(web_url)
    paste(page)
    wait_drawn(page, "#drafts .thumb")
    expect(page.locator("#sight")).to_be_hidden()
    page.locator("#question").fill("What is it?")
    page.keyboard.press("Enter")
    expect(page.locator("[data-state=final]")).to_be_visible(timeout=15_000)
    wait_drawn(page, ".user .thumb")
    assert [part["type"] for part in fake_api.asked[0]["messages"][-1]["content"]] == ["text", "image_url"]
    page.reload()
    wait_drawn(page, ".user .thumb")


def test_before_it_is_sent_a_hint_says_who_would_see_an_image(fake_api, web_url, open_page):
    page = open_page(web_url)
    page.locator("#attach").set_input_files([PICTURE])
    expect(page.locator("#sight")).to_contain_text("No model here sees images.")
    fake_api.sees = True
    page.reload()
    page.locator("select[name=model]").select_option("ministral-3-3b")
    page.locator("#attach").set_input_files([PICTURE])
    expect(page.locator("#sight")).to_have_text("ministral-3-3b sees no images. Galerne mini does.")
    page.locator("select[name=model]").select_option("galerne-mini")
    expect(page.locator("#sight")).to_be_hidden()


def test_a_webp_image_is_handed_in_as_one_that_every_engine_reads(fake_api, web_url, open_page):
    fake_api.sees = True
    page = open_page(web_url)
    page.locator("#attach").set_input_files([{"name": "sea.webp", "mimeType": "image/webp", "buffer": WEBP}])
    wait_drawn(page, "#drafts .thumb")
    image = page.request.get(page.locator("#drafts .thumb").get_attribute("src"))
    assert image.headers["content-type"] == "image/png"
