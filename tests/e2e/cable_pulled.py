"""A whole house in a network without a route: run inside a network namespace of its own by ``test_offline``.

Prints what the page showed, and every address that was asked for which is not the daemon's.
"""

import errno
import fcntl
import json
import shutil
import socket
import struct
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import FilePayload, expect, sync_playwright
from tests.e2e.flags import FLAGS
from tests.live_server import live_daemon

UP_AND_RUNNING = 0x1 | 0x40
SET_FLAGS = 0x8914
PAPER: FilePayload = {
    "name": "winds.md",
    "mimeType": "text/markdown",
    "buffer": b"# Winds\n\nThe galerne turns from the south to the north-west within minutes.\n",
}


def raise_loopback() -> None:
    """A new namespace has a loopback that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        fcntl.ioctl(device, SET_FLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))


def has_route() -> bool:
    """Whether a packet for elsewhere would find a way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            return error.errno != errno.ENETUNREACH
    return True


def main(home: Path) -> None:
    """Ask, read the receipt, cite a document, look at the other pages."""
    raise_loopback()
    shown: dict[str, object] = {"route": has_route()}
    asked: list[str] = []
    with live_daemon(home) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(base_url=url, locale="en-GB")
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/")
        page.locator("#question").fill("What does an answer cost?")
        page.keyboard.press("Enter")
        expect(page.locator("[data-state=final]")).to_be_visible(timeout=60_000)
        shown["receipt"] = page.locator(".receipt summary").inner_text()
        page.locator("#attach").set_input_files(PAPER)
        page.locator("#question").fill("Where does the galerne turn to?")
        page.keyboard.press("Enter")
        expect(page.locator(".answer").last).to_contain_text("north-west", timeout=60_000)
        for path in ("/chain", "/plan", "/operator"):
            shown[path] = page.goto(path).status
        browser.close()
    home_of = urlsplit(url).netloc
    shown["elsewhere"] = [a for a in asked if urlsplit(a).scheme != "data" and urlsplit(a).netloc != home_of]
    print(json.dumps(shown))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
