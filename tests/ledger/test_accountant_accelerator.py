"""A host with an accelerator: two meters, and every joule in one account."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from galerne.ledger import total_row
from tests.ledger.bench import Bench
from tests.machine.meter.test_accelerator_time import read_trace


@pytest.fixture
def gpu_bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "gpu.sqlite", accelerator_idle_w=20.0, has_accelerator=True)
    yield made
    made.close()


def test_a_receipt_says_what_the_accelerator_drew_and_what_the_host(gpu_bench: Bench) -> None:
    gpu_bench.begin("only")
    gpu_bench.work(2.0, active_j=10.0, accelerator_j=300.0)
    receipt = gpu_bench.finish("only")
    assert (receipt.accelerator_j, receipt.host_j) == (340.0, 18.0)
    gpu_bench.accountant.close_window()
    final = gpu_bench.final(receipt)
    assert (final.accelerator_j, final.host_j, final.full_j) == (340.0, 18.0, 358.0)
    row = total_row(gpu_bench.ledger.usage())
    assert (row.accelerator_j, row.host_j) == (340.0, 18.0)


def test_two_answers_share_both_parts_by_the_same_weights(gpu_bench: Bench) -> None:
    for name in ("a", "b"):
        gpu_bench.begin(name)
        gpu_bench.accountant.prompt_read(name, prompt_tokens=0, cached_tokens=0)
    gpu_bench.accountant.tokens("a", n_tokens=3)
    gpu_bench.accountant.tokens("b", n_tokens=1)
    gpu_bench.work(1.0, active_j=8.0, accelerator_j=400.0)
    receipts = {name: gpu_bench.finish(name) for name in ("a", "b")}
    gpu_bench.accountant.close_window()
    a, b = gpu_bench.final(receipts["a"]), gpu_bench.final(receipts["b"])
    assert (a.accelerator_j, b.accelerator_j) == (310.0, 110.0)  # and half of the idle each
    assert (a.host_j, b.host_j) == (8.0, 4.0)


def test_a_window_that_cannot_tell_the_parts_leaves_the_receipt_without_them(gpu_bench: Bench) -> None:
    gpu_bench.begin("only")
    gpu_bench.work(1.0, accelerator_j=30.0)
    gpu_bench.accountant.close_window()
    gpu_bench.meter.part = "machine"  # as where the better meter has a gap
    gpu_bench.work(1.0, active_j=50.0)
    receipt = gpu_bench.finish("only")
    assert (receipt.accelerator_j, receipt.host_j) == (None, None)
    gpu_bench.accountant.close_window()
    assert gpu_bench.final(receipt).accelerator_j is None
    assert gpu_bench.final(receipt).full_j == 128.0
    assert total_row(gpu_bench.ledger.usage()).host_j is None


def test_what_other_programs_do_on_the_accelerator_is_foreign(gpu_bench: Bench) -> None:
    gpu_bench.begin("only")
    gpu_bench.work(1.0, active_j=10.0, accelerator_j=400.0)
    gpu_bench.compute_on_accelerators(0.3, others_s=0.1)
    receipt = gpu_bench.finish("only")
    gpu_bench.accountant.close_window()
    assert gpu_bench.final(receipt).accelerator_j == 320.0  # three quarters, and its idle energy
    totals, accelerators = gpu_bench.accountant.totals(), gpu_bench.accountant.accelerator_totals()
    assert (totals.foreign_uj, accelerators.foreign_uj) == (100_000_000, 100_000_000)
    assert accelerators.adds_up


def test_on_the_simulated_trace_of_a_shared_device_each_joule_has_one_account(gpu_bench: Bench) -> None:
    rows, began = read_trace(), gpu_bench.begin("only")
    gpu_bench.accountant.prompt_read("only", prompt_tokens=10, cached_tokens=0)
    for before, row in itertools.pairwise(rows):
        drawn_j = float(row["energy_j"]) - float(before["energy_j"])
        gpu_bench.work(1.0, accelerator_j=drawn_j - gpu_bench.accelerator_idle_w)
        gpu_bench.compute_on_accelerators(int(row["ours"]) / 100, others_s=int(row["others"]) / 100)
        gpu_bench.accountant.close_window()
    receipt = gpu_bench.final(gpu_bench.finish("only"))
    accelerators = gpu_bench.accountant.accelerator_totals()
    assert receipt.receipt_id == began
    assert accelerators.adds_up
    assert accelerators.meter_uj == 3480 * 10**6
    # Above 20 W: a third of 600 J, half of 580 J, all of the two seconds in which only they worked, and the
    # 40 J of the second after: nobody worked, and the split is still theirs.
    assert accelerators.foreign_uj == pytest.approx((600 / 3 + 580 / 2 + 380 + 320 + 40) * 1e6, rel=1e-9)
