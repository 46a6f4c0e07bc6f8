"""Hours of ordinary use: memory, files and threads stay level, and at the end the books balance.

CI runs some seconds; ``make torture`` an hour, and only then is memory judged: in the first minutes caches
fill. The daemon is ``galerne serve`` with keys, limits, ledger and meter, over a simulated engine.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import closing

import httpx
import psutil
import pytest

from galerne.ledger import Ledger, Limit, Period, Unit, total_row
from galerne.storage import sqlite_url
from tests.cli.terminal import serving

ASKED = os.environ.get("GALERNE_TORTURE", "")
FULL_S = 3600.0
SOAK_S = FULL_S if ASKED == "full" else float(os.environ.get("GALERNE_TORTURE_SOAK_S", "4"))
MODEL = "mistral-small-3.2-24b"
N_CLIENTS = 8
PAUSE_S = 0.4
"""Mean time that a client thinks."""
SEED = 20261122
MOST_GROWTH_RATIO = 1.05
"""From the end of the first quarter to the end: less than a byte for each answer would be nothing to see."""

pytestmark = pytest.mark.timeout(7200)


class Visitor(threading.Thread):
    """Somebody who asks in every way there is, politely or not, until told to leave."""

    def __init__(self, address: str, key: str, number: int, leaving: threading.Event) -> None:
        super().__init__(daemon=True)
        self.address, self.key, self.leaving = address, key, leaving
        self.chance = random.Random(SEED + number)
        self.outcomes: Counter[str] = Counter()
        self.start()

    def run(self) -> None:
        ways = (self.whole, self.streamed, self.streamed, self.broken_off, self.unknown_model, self.wrong_key)
        with httpx.Client(
            base_url=self.address,
            trust_env=False,
            timeout=60,
            headers={"Authorization": f"Bearer {self.key}"},
        ) as client:
            while not self.leaving.wait(self.chance.expovariate(1 / PAUSE_S)):
                way = self.chance.choice(ways)
                self.outcomes[f"{way.__name__} {way(client)}"] += 1

    def question(self, **changes: object) -> dict[str, object]:
        words = " ".join(self.chance.choices(("vent", "mer", "sel", "pin", "sable"), k=12))
        return {
            "model": MODEL,
            "messages": [{"role": "user", "content": words}],
            "max_tokens": self.chance.randint(1, 60),
            **changes,
        }

    def whole(self, client: httpx.Client) -> int:
        return client.post("/v1/chat/completions", json=self.question()).status_code

    def streamed(self, client: httpx.Client) -> int:
        last = ""
        with client.stream("POST", "/v1/chat/completions", json=self.question(stream=True)) as response:
            for line in response.iter_lines():
                last = line or last
        assert last == "data: [DONE]", last
        return response.status_code

    def broken_off(self, client: httpx.Client) -> int:
        with client.stream("POST", "/v1/chat/completions", json=self.question(stream=True)) as response:
            next(response.iter_lines())
        return response.status_code

    def unknown_model(self, client: httpx.Client) -> int:
        return client.post("/v1/chat/completions", json=self.question(model="none-such")).status_code

    def wrong_key(self, client: httpx.Client) -> int:
        wrong = {"Authorization": "Bearer sk-wrong"}
        return client.post("/v1/chat/completions", json=self.question(), headers=wrong).status_code


@pytest.mark.slow
def test_torture_of_long_use(tmp_path, capsys):
    key = make_limited_key(tmp_path)
    with serving(tmp_path, "--simulate", "dgx-h200", "--model", MODEL) as daemon:
        process, samples, leaving = psutil.Process(daemon.pid), [], threading.Event()
        visitors = [Visitor(daemon.address, key, number, leaving) for number in range(N_CLIENTS)]
        ends_s = time.monotonic() + SOAK_S
        while time.monotonic() < ends_s:
            time.sleep(SOAK_S / 120)
            assert daemon.process.poll() is None
            with process.oneshot():
                samples.append((process.memory_full_info().uss, process.num_fds(), process.num_threads()))
        leaving.set()
        for visitor in visitors:
            visitor.join(60)
        assert daemon.end(signal.SIGTERM) == 0
    outcomes = sum((visitor.outcomes for visitor in visitors), Counter())
    told = {"whole 200", "streamed 200", "broken_off 200", "unknown_model 404", "wrong_key 401"}
    assert set(outcomes) <= told
    n_answers = assert_books_balance(tmp_path)
    assert n_answers >= outcomes["whole 200"] + outcomes["streamed 200"] > 0
    quarter, last = samples[len(samples) // 4], samples[-1]
    with capsys.disabled():
        print(f"\n{SOAK_S:.0f} s, {n_answers} answers, {json.dumps(outcomes, sort_keys=True)}")
        print(f"memory, files, threads after a quarter: {quarter}, at the end: {last}")
    assert last[1] <= quarter[1] + N_CLIENTS, "file descriptors leak"
    assert last[2] <= quarter[2] + 4, "threads leak"
    if SOAK_S >= FULL_S:
        assert last[0] <= quarter[0] * MOST_GROWTH_RATIO, "memory grows"


def make_limited_key(home) -> str:
    """A key whose limits hold for each request and refuse none."""
    at = time.time()
    with closing(Ledger.open(sqlite_url(home / "ledger-simulated.db"))) as ledger:
        made, secret = ledger.keys.create("soak", owner="soak", at=at)
        for unit, period in ((Unit.REQUESTS, Period.MINUTE), (Unit.ENERGY, Period.DAY)):
            ledger.quotas.set_limit(
                Limit(subject=f"key:{made.key_id}", unit=unit, period=period, amount=10**15)
            )
    return secret


def assert_books_balance(home) -> int:
    with closing(Ledger.open(sqlite_url(home / "ledger-simulated.db"))) as ledger:
        report = ledger.usage()
        assert report.adds_up
        assert report.accounts.adds_up
        assert report.open_uj == 0
        assert total_row(report).n_provisional == 0
        ledger.verify()
        return total_row(report).n_answers
