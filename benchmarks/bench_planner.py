"""How long until a plan has followed a lever?

``python -m benchmarks planner``: the planner page of a daemon of ours in a real browser (Chromium). Every
lever of every worked case is moved, several times, and the wait is taken from the event of the slider to the
frame in which the figures have changed. Beside it stands the processor time of the daemon for that move,
which other programs do not lengthen.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

from benchmarks.servers import our_daemon

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
CASES = ("essonne", "deepseek-day", "hospital", "university", "le-chat")
MOVES = 3
_NAMES = """() => [...document.querySelectorAll('.lever.number')].filter(l => !l.hidden)
    .map(l => l.querySelector('input[name]').name)"""
_MOVE = """([name, way]) => new Promise((done, fail) => {
    const lever = document.querySelector(`input[name="${name}"]`).closest('.lever');
    const slider = lever.querySelector('input[type="range"]');
    slider.value = String(Number(slider.value) + way * Math.max(Number(slider.step), 0.01));
    const began = performance.now();
    const seen = new MutationObserver((changes) => {
        if (!changes.some((change) => change.type === 'childList')) return;
        seen.disconnect();
        const refused = document.querySelector('#facts') === null;
        requestAnimationFrame(() => done({ shown: performance.now() - began, refused }));
    });
    seen.observe(document.querySelector('#result'), { childList: true });
    setTimeout(() => fail(new Error(`${name} changed nothing`)), 20000);
    slider.dispatchEvent(new Event('input', { bubbles: true }));
})"""
_WAY = """(name) => Number(document.querySelector(`input[name="${name}"]`).closest('.lever')
    .querySelector('input[type="range"]').value) > 0.5 ? -1 : 1"""
_IDLE = "() => document.querySelector('#result').getAttribute('aria-busy') === null"


def measure_planner(*, cases: tuple[str, ...] = CASES, n_moves: int = MOVES) -> dict[str, Any]:
    """Move every lever of the page; waits and processor times by case and lever.

    Raises:
        FileNotFoundError: there is no Chromium.
    """
    program = shutil.which("chromium")
    if program is None:
        raise FileNotFoundError("Chromium is not installed")
    with (
        tempfile.TemporaryDirectory() as folder,
        our_daemon(Path(folder)) as daemon,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(base_url=daemon.address.removesuffix("/"))
        levers = {case: _move_all(page, case, daemon.front, n_moves=n_moves) for case in cases}
        browser.close()
    moves = [move for by_name in levers.values() for move in by_name.values()]
    return {
        "n_moves": n_moves,
        "levers": levers,
        "median_s": statistics.median(move["wait_s"] for move in moves),
        "slowest_s": max(move["wait_s"] for move in moves),
        "processor_s": statistics.median(move["processor_s"] for move in moves),
        "slowest_processor_s": max(move["processor_s"] for move in moves),
        "n_refused": sum(move["n_refused"] for move in moves),
    }


def _move_all(page: Page, case: str, daemon: psutil.Process, *, n_moves: int) -> dict[str, dict[str, float]]:
    page.goto(f"/plan?case={case}")
    return {name: _move(page, case, name, daemon, n_moves=n_moves) for name in page.evaluate(_NAMES)}


def _move(page: Page, case: str, name: str, daemon: psutil.Process, *, n_moves: int) -> dict[str, float]:
    """Some moves of one lever, each further towards the middle: never to where it was."""
    page.goto(f"/plan?case={case}")
    way = page.evaluate(_WAY, name)
    waits, worked, n_refused = [], [], 0
    for _ in range(n_moves):
        page.wait_for_function(_IDLE)
        before = daemon.cpu_times()
        took = page.evaluate(_MOVE, [name, way])
        after = daemon.cpu_times()
        waits.append(took["shown"] / 1e3)
        worked.append(after.user + after.system - before.user - before.system)
        n_refused += took["refused"]
    return {
        "wait_s": statistics.median(waits),
        "processor_s": statistics.fmean(worked),  # told in hundredths of a second
        "n_refused": n_refused,
    }


if __name__ == "__main__":
    print(json.dumps(measure_planner(), indent=1))
