"""The database is locked, gone, full; the clock jumps; the meter vanishes; everybody leaves at once."""

import asyncio
import contextlib
import json
import resource
import sqlite3

import httpx
import pytest
from sqlalchemy import text

from galerne.clock import ManualClock
from galerne.errors import StoreUnreachable
from galerne.fleet import Delivered
from galerne.ledger import Events, Ledger, total_row
from galerne.ledger.writer import LedgerWriter
from galerne.machine.meter import FallbackMeter
from galerne.storage import open_store, writing
from tests.cli.terminal import galerne, serving
from tests.contract.ledgers import POSTGRES_URL, empty_postgres, make_answer, make_settlement, needs_postgres
from tests.fleet.stand import ask, open_stand
from tests.ledger.bench import Bench, FakeMeter, make_facts

QUESTION = {"model": "galerne-mini", "stream": True, "max_tokens": 8}


def test_a_database_that_another_program_locks_is_written_once_it_lets_go(tmp_path):
    bench = Bench(tmp_path / "ledger.sqlite")
    bench.begin("r")
    bench.work(1.0, active_j=5.0)
    bench.ledger._engine.dispose()
    locker = sqlite3.connect(bench.path, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    bench.ledger = bench.accountant._writer._ledger
    promise = bench.accountant.finish(make_facts("r"))
    assert not promise.done()
    locker.execute("ROLLBACK")
    locker.close()
    receipt = promise.result(timeout=30)
    bench.accountant.close()
    assert bench.ledger.receipt(receipt.receipt_id).status == "final"
    assert total_row(bench.ledger.usage()).n_answers == 1
    assert bench.ledger.usage().adds_up
    bench.ledger.close()


@needs_postgres
def test_a_database_whose_connections_are_cut_is_written_once_it_is_back():
    empty_postgres()
    ledger = Ledger.open(POSTGRES_URL)
    writer = LedgerWriter(ledger)
    answers = [make_answer(number) for number in range(8)]
    events = [Events(answers=[answer], settlements=[make_settlement(answer)]) for answer in answers]
    writer.submit(events[0], None).result(30)
    other = open_store(POSTGRES_URL, migrations="galerne.ledger.migrations")
    cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    for one in events[1:]:
        with writing(other) as connection:
            connection.execute(cut)
        with contextlib.suppress(StoreUnreachable):
            writer.submit(one, None).result(30)
    writer.close()
    assert total_row(ledger.usage()).n_answers == len(answers)
    ledger.verify()
    other.dispose()
    ledger.close()


@pytest.mark.slow
def test_a_full_disk_fails_the_stream_and_doubles_nothing(tmp_path):
    home = tmp_path / "home"
    question = {**QUESTION, "messages": [{"role": "user", "content": "What is a receipt?"}]}
    with serving(home) as daemon:
        url = f"{daemon.address}/v1/chat/completions"

        def stream() -> str:
            return httpx.post(url, json=question, timeout=60, trust_env=False).text

        assert stream().rstrip().endswith("[DONE]")
        _, most = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1, most))
        failed = stream()
        assert "[DONE]" not in failed
        error = json.loads(failed.rstrip().rpartition("data: ")[2])["error"]
        assert error["code"] == "store_unreachable"
        assert "ledger" in error["message"]
        told = galerne("run", "galerne-mini", "What is a receipt?", home=home)
        assert told.exit_code == 3
        assert "ledger" in told.errors
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (most, most))
        assert stream().rstrip().endswith("[DONE]")
        daemon.end(15)
    document = galerne("usage", "--json", home=home).document()
    assert document["adds_up"]
    assert document["rows"][-1]["n_answers"] == 4  # what failed was kept, and written once there was room


class JumpingClock(ManualClock):
    """A clock that somebody sets."""

    def __init__(self) -> None:
        super().__init__()
        self.jump_s = 0.0

    def now_at(self) -> float:
        return super().now_at() + self.jump_s


@pytest.mark.parametrize("jump_s", [-7200.0, 7200.0, 400 * 86_400.0])
def test_a_clock_that_is_set_moves_no_energy(tmp_path, jump_s):
    clock = JumpingClock()
    bench = Bench(tmp_path / "ledger.sqlite", clock=clock)
    bench.begin("r")
    bench.work(1.0, active_j=6.0)
    clock.jump_s = jump_s
    bench.work(1.0, active_j=6.0)
    receipt = bench.finish("r")
    bench.accountant.close_window()
    final = bench.final(receipt)
    assert (final.status, final.active_j, final.settlement.device_s) == ("final", 12.0, 2.0)
    bench.accountant.close()
    report = bench.ledger.usage()
    assert report.adds_up
    assert report.accounts.meter_uj == 20_000_000
    bench.ledger.verify()
    bench.ledger.close()


def test_a_meter_that_vanishes_in_a_window_is_modelled_and_the_receipt_says_so(tmp_path):
    clock = ManualClock()
    wall, model = FakeMeter(clock=clock), FakeMeter(clock=clock, method="modelled", part="machine")
    bench = Bench(tmp_path / "ledger.sqlite", clock=clock)
    bench.accountant.close()
    bench.meter = FallbackMeter(wall, model, clock=clock)
    bench.start()
    bench.begin("r")
    for wall_j, gap_s in ((30.0, 0.0), (0.0, 1.0), (0.0, 1.0), (30.0, 0.0)):
        clock.advance(1.0)
        wall.count(wall_j)
        wall.gap_s += gap_s
        model.count(20.0)
        bench.accountant.close_window()
    receipt = bench.finish("r")
    bench.accountant.close_window()
    final = bench.final(receipt)
    assert final.full_j == pytest.approx(100.0)
    assert (final.method, final.settlement.coverage_ratio) == ("modelled", 0.0)
    bench.accountant.close()
    report = bench.ledger.usage()
    assert report.adds_up
    assert report.metered.coverage_ratio == pytest.approx(0.5, abs=0.01)
    bench.ledger.close()


async def leave_together(folder, n_clients: int) -> None:
    async with open_stand(folder) as stand:

        async def come(number: int) -> None:
            answer = stand.answer(ask(request_id=f"r{number}"))
            async with contextlib.aclosing(answer):
                async for event in answer:
                    assert not isinstance(event, Delivered)
                    await asyncio.Event().wait()  # reads no further

        clients = [asyncio.create_task(come(number)) for number in range(n_clients)]
        while stand.engine.status().n_active < stand.n_slots:
            await asyncio.sleep(0)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        assert (stand.gateway.status().n_active, stand.gateway.status().n_waiting) == (0, 0)
        text_, _ = await stand.collect(ask(request_id="afterwards"))
        assert text_ == stand.text
        stand.close()
        report = stand.ledger.usage()
        assert report.adds_up
        assert report.open_uj == 0
        total = total_row(report)
        assert total.n_answers <= n_clients + 1
        assert total.n_provisional == 0
        stand.ledger.verify()


@pytest.mark.slow
def test_five_thousand_who_wait_and_leave_together_leave_nothing_behind(tmp_path):
    asyncio.run(leave_together(tmp_path, 5000))
