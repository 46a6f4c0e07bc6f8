"""Pictures of the page for the README: ``python -m docs.screenshots``, or ``make screenshots``.

A real daemon over an empty data folder, the built-in model and Debian's Chromium: what is on the pictures is
what a newcomer sees. Each is taken light and dark.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from playwright.sync_api import Page, sync_playwright

from galerne.cli.daemon import attach_or_host
from galerne.cli.settings import read_settings

FOLDER = Path(__file__).parent / "images"
SIZE = {"width": 1040, "height": 680}
LARGEST_BYTES = 150_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_WAIT_MS = 60_000.0

Scene: TypeAlias = Callable[[Page], None]


def main() -> None:
    """Take every picture."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        settings = read_settings({"GALERNE_HOME": home, "GALERNE_STORES": "none"})
        with attach_or_host(settings) as address:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for theme in ("light", "dark"):
                for name, scene in SCENES.items():
                    context = browser.new_context(
                        base_url=address, viewport=SIZE, color_scheme=theme, locale="en-GB"
                    )
                    page = context.new_page()
                    scene(page)
                    _take(page, FOLDER / f"{name}-{theme}.png")
                    context.close()
            browser.close()


def _take(page: Page, path: Path) -> None:
    page.screenshot(path=path, animations="disabled")
    size_bytes = path.stat().st_size
    print(f"{path.name}: {size_bytes / 1e3:.0f} kB")
    if size_bytes > LARGEST_BYTES:
        sys.exit(f"{path.name} has {size_bytes} bytes; a picture of the README has {LARGEST_BYTES} at most")


def _ask(page: Page, question: str) -> None:
    before = page.locator("[data-state=final]").count()
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    page.locator("[data-state=final]").nth(before).wait_for(timeout=_WAIT_MS)


def conversation(page: Page) -> None:
    """An answer, and the beginning of the sheet of its receipt."""
    page.goto("/")
    _ask(page, "What does one of your answers cost?")
    page.locator(".receipt summary").first.click()
    page.locator(".sheet").wait_for()
    page.locator("main").evaluate("main => main.scrollTo(0, 0)")


def chain(page: Page) -> None:
    """From the grid to the last answer."""
    page.goto("/chain")
    page.locator('[data-station="answer"] .figure').first.wait_for(timeout=_WAIT_MS)


SCENES: dict[str, Scene] = {"conversation": conversation, "chain": chain}


if __name__ == "__main__":
    main()
