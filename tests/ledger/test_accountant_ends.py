"""Ends that nobody wished for: a crash, a full disk, answers in flight; and the next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from galerne.errors import StoreUnreachable
from galerne.ledger import Hold, Limit, Period, Unit
from galerne.units import to_microjoules
from tests.ledger.bench import Bench


def test_what_was_in_flight_at_the_end_is_unattributed_after_the_next_start(bench: Bench) -> None:
    bench.begin("lost")
    bench.work(1.0, active_j=6.0)
    bench.accountant.close()
    assert bench.ledger.usage().adds_up
    bench.start()
    report = bench.ledger.usage()
    assert report.adds_up
    assert report.accounts.unattributed_uj == 10_000_000
    assert report.accounts.answers_uj == 0


def test_a_crash_leaves_provisional_receipts_that_become_final_as_they_stand(bench: Bench) -> None:
    bench.begin("other")
    bench.begin("r")
    bench.work(1.0, active_j=6.0)
    bench.accountant.close_window()
    bench.work(1.0, active_j=6.0)
    provisional = bench.finish("r")  # nothing more is written: the process is killed here
    bench.accountant._writer.close()
    bench.start()
    final = bench.ledger.receipt(provisional.receipt_id)
    assert (final.status, final.revision) == ("final", 2)
    assert final.full_j == provisional.full_j
    report = bench.ledger.usage()
    assert report.adds_up
    assert report.accounts.answers_uj == final.settlement.active_uj + final.settlement.idle_uj


def test_events_of_a_time_without_disk_are_written_once_it_is_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_events: object, **_: object) -> None:
        raise StoreUnreachable(store="ledger", problem="disk full")

    bench.begin("r")
    bench.work(1.0, active_j=1.0)
    with monkeypatch.context() as patch:
        patch.setattr(bench.ledger, "append", refuse)
        with pytest.raises(StoreUnreachable):
            bench.finish("r")
        bench.accountant.close_window()
    bench.begin("next")
    receipt = bench.finish("next")
    report = bench.ledger.usage()
    assert report.rows[0].n_answers == 2
    bench.accountant.close_window()
    assert bench.final(receipt).status == "final"
    assert bench.ledger.usage().adds_up


def test_closing_reports_what_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path / "other.sqlite")

    def refuse(_events: object, **_: object) -> None:
        raise StoreUnreachable(store="ledger", problem="disk full")

    monkeypatch.setattr(bench.ledger, "append", refuse)
    bench.work(1.0)
    with pytest.raises(StoreUnreachable):
        bench.accountant.close()
    bench.ledger.close()


def test_a_node_that_starts_again_charges_what_was_delivered_and_gives_back_the_rest(bench: Bench) -> None:
    quotas = bench.ledger.quotas
    quotas.set_limit(Limit(subject="key:k", unit=Unit.ENERGY, period=Period.TOTAL, amount=10**9))
    for request_id in ("delivered", "lost"):
        need = {Unit.ENERGY: 10**8}
        at = bench.clock.now_at()
        quotas.hold(Hold(request_id=request_id, subjects=["key:k"], need=need, node_id="here", at=at))
        bench.begin(request_id)
    bench.work(1.0, active_j=2.0)
    receipt = bench.finish("delivered")
    bench.start()  # the life before this one ended without a word
    (standing,) = quotas.standings(at=bench.clock.now_at())
    final = bench.ledger.receipt(receipt.receipt_id)
    assert final.status == "final"
    assert (standing.spent, standing.held) == (to_microjoules(final.full_j), 0)
