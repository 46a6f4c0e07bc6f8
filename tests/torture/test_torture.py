"""Random kills while answers stream: what was promised is there, once, and the books balance.

CI runs a seeded handful. ``make torture`` runs a thousand on each database (``GALERNE_TORTURE=full``); a
number in that variable runs as many. Results that were kept: docs/torture.md.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import func, select

from galerne.clock import SystemClock
from galerne.ledger import Ledger, total_row
from galerne.ledger.recovery import recover_all
from galerne.ledger.schema import ANSWERS, SETTLEMENTS
from galerne.storage import reading, sqlite_url
from tests.cli.terminal import serving
from tests.contract.ledgers import POSTGRES_URL, empty_postgres, needs_postgres
from tests.programs import program_context
from tests.torture.server import serve

ASKED = os.environ.get("GALERNE_TORTURE", "")
FULL = 1000
N_KILLS = FULL if ASKED == "full" else int(ASKED or 2)
N_ENGINE_KILLS = max(2, N_KILLS // 10)
SEED = 20261122
N_CLIENTS = 6
QUESTION = {"model": "mini", "stream": True, "messages": [{"role": "user", "content": "Vent ?"}]}

pytestmark = pytest.mark.timeout(7200)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "ledger.sqlite")
    empty_postgres()
    return POSTGRES_URL


class Clients(threading.Thread):
    """Somebody who asks again and again, and notes the receipts of answers that came to their end."""

    def __init__(self, address: str, model: str = "mini") -> None:
        super().__init__(daemon=True)
        self.address = address
        self.model = model
        self.promised: dict[str, float] = {}
        self.n_broken = 0
        self.leaving = threading.Event()
        self.start()

    def run(self) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not self.leaving.is_set():
                try:
                    self.ask(client)
                except (httpx.HTTPError, OSError):
                    self.n_broken += 1
                    self.leaving.wait(0.01)

    def ask(self, client: httpx.Client) -> None:
        url, last, ended = f"{self.address}/v1/chat/completions", None, False
        with client.stream("POST", url, json={**QUESTION, "model": self.model, "max_tokens": 24}) as response:
            for line in response.iter_lines():
                if line == "data: [DONE]":
                    ended = True
                elif line.startswith("data: "):
                    last = json.loads(line[6:])
        if ended and last and (usage := last.get("usage")):
            receipt = usage["galerne"]
            self.promised[receipt["id"]] = receipt["energy_j"]["full"]
        else:
            self.n_broken += 1


def assert_books_balance(ledger: Ledger, promised: dict[str, float]) -> int:
    """After a start that settles what the kill left; returns how many answers there are."""
    with closing(ledger):
        report = ledger.usage()
        assert report.adds_up
        assert report.accounts.adds_up
        assert report.open_uj == 0
        assert total_row(report).n_provisional == 0
        assert ledger.open_nodes() == {}
        ledger.verify()
        for receipt_id, full_j in promised.items():
            assert ledger.receipt(receipt_id, revision=1).full_j == pytest.approx(full_j)
            assert ledger.receipt(receipt_id).status == "final"
        with reading(ledger._engine) as connection:
            n_answers = connection.scalar(select(func.count()).select_from(ANSWERS))
            n_requests = connection.scalar(select(func.count(ANSWERS.c.request_id.distinct())))
            finals = select(func.count()).select_from(SETTLEMENTS).where(SETTLEMENTS.c.final)
            assert n_answers == n_requests == connection.scalar(finals)
    return int(n_answers)


@pytest.mark.slow
def test_torture_kills_of_the_api(ledger_url):
    context = program_context()
    chance = random.Random(SEED)
    promised: dict[str, float] = {}
    n_answers = 0
    Ledger.open(ledger_url).close()
    for _ in range(N_KILLS):
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
            child = context.Process(target=serve, args=(listening, ledger_url), daemon=True)
            child.start()
            port = listening.getsockname()[1]
        clients = [Clients(f"http://127.0.0.1:{port}") for _ in range(N_CLIENTS)]
        n_wanted = chance.randint(0, 12)
        while sum(len(one.promised) for one in clients) < n_wanted:
            assert child.is_alive(), "the server ended by itself"
            time.sleep(0.002)
        time.sleep(chance.random() * 0.1)  # anywhere in an answer
        for one in clients:
            one.leaving.set()
        child.kill()
        child.join()
        for one in clients:
            one.join()
        fresh = {name: full_j for one in clients for name, full_j in one.promised.items()}
        promised |= fresh
        ledger = Ledger.open(ledger_url)
        recover_all(ledger, "here", at=SystemClock().now_at())
        n_answers = assert_books_balance(ledger, fresh)
        assert n_answers >= len(promised)
    assert_books_balance(Ledger.open(ledger_url), promised if N_KILLS < FULL else {})
    print(f"\n{N_KILLS} kills of the API, {len(promised)} answers promised, {n_answers} in the ledger")


def is_engine(process: psutil.Process) -> bool:
    try:
        return any("llama" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_torture_kills_of_the_engine(ledger_url, tmp_path):
    chance, home = random.Random(SEED), tmp_path / "home"
    with serving(home, GALERNE_LEDGER=ledger_url if ledger_url == POSTGRES_URL else "") as daemon:
        clients = [Clients(daemon.address, model="galerne-mini") for _ in range(2)]
        n_killed = 0
        while n_killed < N_ENGINE_KILLS:
            engines = [child for child in daemon.children() if is_engine(child)]
            n_wanted = sum(len(one.promised) for one in clients) + 1
            while sum(len(one.promised) for one in clients) < n_wanted:
                assert daemon.process.poll() is None
                time.sleep(0.005)
            time.sleep(chance.random() * 0.2)
            for engine in engines:
                try:
                    engine.kill()
                    n_killed += 1
                except psutil.NoSuchProcess:
                    continue
        for one in clients:
            one.leaving.set()
        for one in clients:
            one.join()
        assert daemon.end(signal.SIGTERM) == 0
    promised = {name: full_j for one in clients for name, full_j in one.promised.items()}
    url = ledger_url if ledger_url == POSTGRES_URL else sqlite_url(home / "ledger.db")
    ledger = Ledger.open(url)
    recover_all(ledger, "local", at=SystemClock().now_at())
    n_answers = assert_books_balance(ledger, promised)
    assert n_answers >= len(promised)
    n_broken = sum(one.n_broken for one in clients)
    print(f"\n{n_killed} kills of the engine, {len(promised)} answers, {n_broken} broken off")
