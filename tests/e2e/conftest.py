"""A real browser, Debian's Chromium, which reports every complaint and every request that leaves the site."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.chat.fake_api import FakeApi, served
from tests.e2e.flags import FLAGS
from tests.live_server import live_url

from galerne.chat.client.api import ApiClient
from galerne.chat.history.store import open_conversations
from galerne.chat.web import create_web
from galerne.clock import SystemClock

__all__ = ["live_url"]

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """One browser for a whole run, and the loop that drives it: put aside, or nothing else could run one."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield running, loop
        asyncio._set_running_loop(loop)
        running.close()


@pytest.fixture(scope="module")
def browser(chromium: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    running, loop = chromium
    asyncio._set_running_loop(loop)
    yield running
    asyncio._set_running_loop(None)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages, and fails the test for any console error, uncaught error or request to another origin."""
    complaints: list[str] = []
    contexts = []

    def open_one(url: str, *, path: str = "/", language: str = "en-GB", **options: object) -> Page:
        context = browser.new_context(locale=language, base_url=url, **options)
        contexts.append(context)
        page = context.new_page()
        home = urlsplit(url).netloc

        def watch(request) -> None:
            if urlsplit(request.url).scheme != "data" and urlsplit(request.url).netloc != home:
                complaints.append(f"request to {request.url}")

        page.on("request", watch)
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def fake_api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def web_url(fake_api: FakeApi, tmp_path: Path) -> Iterator[str]:
    store = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=SystemClock())
    with served(fake_api.app()) as api_url, served(create_web(ApiClient(api_url), store=store)) as url:
        yield url
    store.close()
