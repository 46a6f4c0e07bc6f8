"""Tools as a person meets them, in a real browser."""

import dataclasses

import pytest
from playwright.sync_api import expect
from tests.chat.fake_api import served

from galerne.chat.client.api import ApiClient
from galerne.chat.history.store import open_conversations
from galerne.chat.tools.own import own_tools
from galerne.chat.tools.toolbox import Toolbox
from galerne.chat.web import create_web
from galerne.clock import SystemClock

pytestmark = pytest.mark.browser


@pytest.fixture
def tools_url(fake_api, tmp_path):
    store = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=SystemClock())
    with served(fake_api.app()) as api_url:
        client = ApiClient(api_url)
        own = own_tools(client, clock=SystemClock())
        asking = [dataclasses.replace(tool, asks=tool.name == "my_usage") for tool in own]
        with served(create_web(client, store=store, toolbox=Toolbox(asking))) as url:
            yield url
    store.close()


@pytest.mark.parametrize(
    ("language", "use", "refused"), [("en-GB", "My usage", "refused"), ("fr-FR", "Ma consommation", "refusé")]
)
def test_a_tool_asks_is_refused_then_allowed_and_a_reload_shows_the_same(
    open_page, tools_url, fake_api, language, use, refused
):
    fake_api.calls = [[("calculator", '{"expression": "6 * 7"}'), ("my_usage", "{}")], [("my_usage", "{}")]]
    page = open_page(tools_url, language=language, viewport={"width": 360, "height": 740})
    page.locator("summary[aria-label]").filter(has=page.locator("use[href='#i-tool']")).click()
    page.get_by_label(use).check()
    page.keyboard.press("Escape")
    page.locator("#question").fill("What did I use?")
    page.keyboard.press("Enter")
    deny = page.locator("[data-decide] [value=deny]")
    deny.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".tool[data-state=denied] .badge").first).to_have_text(refused)
    page.locator("[data-decide] [value=conversation]").click()
    expect(page.get_by_text("world", exact=True)).to_be_visible()
    states = [tool.get_attribute("data-state") for tool in page.locator(".tool").all()]
    assert states == ["done", "denied", "done"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.reload()
    assert [tool.get_attribute("data-state") for tool in page.locator(".tool").all()] == states
    page.locator(".tool summary").first.click()
    expect(page.locator(".tool pre").first).to_have_text('{"expression": "6 * 7"}')
