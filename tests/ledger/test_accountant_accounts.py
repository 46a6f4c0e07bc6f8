"""What no answer pays: idle, loading, other programs; and what is learnt of idle power."""

from __future__ import annotations

import pytest

from galerne.machine.meter import IdlePower
from tests.ledger.bench import Bench


def test_without_traffic_there_is_idle_and_what_nobody_caused(bench: Bench) -> None:
    bench.work(10.0)
    bench.accountant.close_window()
    bench.work(1.0, active_j=2.0)
    bench.accountant.close_window()
    totals = bench.accountant.totals()
    assert (totals.idle_uj, totals.unattributed_uj, totals.meter_uj) == (44_000_000, 2_000_000, 46_000_000)
    assert totals.answers_uj == 0


def test_idle_is_never_more_than_the_meter_counted(bench: Bench) -> None:
    bench.clock.advance(10.0)
    bench.meter.count(1.0)
    bench.accountant.close_window()
    assert bench.accountant.totals().idle_uj == 1_000_000


def test_energy_below_a_microjoule_is_not_lost_between_windows(bench: Bench) -> None:
    for _ in range(1000):
        bench.meter.count(0.4e-6)
        bench.accountant.close_window()
    assert bench.accountant.totals().meter_uj == pytest.approx(400, abs=1)


def test_loading_has_its_own_account(bench: Bench) -> None:
    bench.work(1.0)
    with bench.accountant.loading():
        bench.work(2.0, active_j=50.0)
    bench.work(1.0)
    bench.accountant.close_window()
    totals = bench.accountant.totals()
    assert (totals.loading_uj, totals.idle_uj, totals.unattributed_uj) == (50_000_000, 16_000_000, 0)


def test_while_another_model_loads_an_answer_keeps_its_share_of_idle_and_its_own_time(bench: Bench) -> None:
    """What is drawn above idle goes to the load: who caused it cannot be told apart."""
    bench.begin("mine", model_id="mini")
    bench.accountant.prompt_read("mine", prompt_tokens=4, cached_tokens=0)
    bench.work(1.0, active_j=10.0)
    bench.accountant.tokens("mine", n_tokens=5)
    with bench.accountant.loading():
        bench.work(2.0, active_j=50.0)
        bench.accountant.tokens("mine", n_tokens=5)
    bench.work(1.0, active_j=10.0)
    bench.accountant.tokens("mine", n_tokens=5)
    receipt = bench.finish("mine")
    bench.accountant.close_window()
    final, totals = bench.final(receipt), bench.accountant.totals()
    assert (final.active_j, final.full_j) == (20.0, 36.0)
    assert final.settlement.device_s == 4.0
    assert (totals.loading_uj, totals.answers_uj) == (50_000_000, 36_000_000)
    assert totals.adds_up


def test_two_models_that_load_at_once_are_one_account_until_the_last_is_there(bench: Bench) -> None:
    with bench.accountant.loading():
        bench.work(1.0, active_j=10.0)
        with bench.accountant.loading():
            bench.work(1.0, active_j=20.0)
        bench.work(1.0, active_j=30.0)
    bench.work(1.0, active_j=5.0)
    bench.accountant.close_window()
    totals = bench.accountant.totals()
    assert (totals.loading_uj, totals.unattributed_uj) == (60_000_000, 5_000_000)


def test_what_other_programs_burn_is_foreign_and_not_the_answers(bench: Bench) -> None:
    bench.begin("r")
    bench.compute(1.0, others_s=3.0)
    bench.work(1.0, active_j=20.0)
    receipt = bench.finish("r")
    bench.accountant.close_window()
    totals = bench.accountant.totals()
    assert (totals.foreign_uj, totals.answers_uj, totals.meter_uj) == (15_000_000, 9_000_000, 24_000_000)
    assert receipt.active_j == bench.final(receipt).active_j == pytest.approx(5.0)


def test_with_nobody_there_other_programs_are_foreign_and_not_unattributed(bench: Bench) -> None:
    bench.compute(0.0, others_s=1.0)
    bench.work(1.0, active_j=20.0)
    bench.accountant.close_window()
    totals = bench.accountant.totals()
    assert (totals.foreign_uj, totals.unattributed_uj, totals.idle_uj) == (20_000_000, 0, 4_000_000)


def test_loading_pays_its_own_part_of_the_processor_only(bench: Bench) -> None:
    with bench.accountant.loading():
        bench.compute(1.0, others_s=1.0)
        bench.work(1.0, active_j=30.0)
    assert bench.accountant.totals().loading_uj == 15_000_000
    assert bench.accountant.totals().foreign_uj == 15_000_000


def test_a_moment_without_processor_time_is_split_as_the_last_window_was(bench: Bench) -> None:
    bench.compute(1.0, others_s=1.0)
    bench.work(1.0, active_j=10.0)
    bench.accountant.close_window()
    bench.work(0.001, active_j=1.0)  # less than a tick of the processor's clock
    bench.accountant.close_window()
    assert bench.accountant.totals().foreign_uj == 5_500_000


def test_ticks_that_make_ours_seem_more_than_all_leave_nothing_foreign(bench: Bench) -> None:
    bench.own_s, bench.busy_s = 1.01, 1.0
    bench.work(1.0, active_j=10.0)
    bench.accountant.close_window()
    assert bench.accountant.totals().foreign_uj == 0


def test_a_meter_that_knows_no_parts_has_nothing_foreign(bench: Bench) -> None:
    bench.meter.part = "machine"
    bench.compute(1.0, others_s=9.0)
    bench.work(1.0, active_j=10.0)
    bench.accountant.close_window()
    assert bench.accountant.totals().foreign_uj == 0
    assert bench.accountant.totals().unattributed_uj == 10_000_000


def test_an_accelerator_is_not_shared_by_processor_time(bench: Bench) -> None:
    bench.meter.part = "accelerator"
    bench.compute(1.0, others_s=9.0)
    bench.work(1.0, active_j=10.0)
    bench.accountant.close_window()
    assert bench.accountant.totals().foreign_uj == 0


def test_a_report_says_how_its_energy_was_counted(bench: Bench) -> None:
    bench.work(30.0)
    bench.meter.gap_s += 15.0
    bench.accountant.close_window()
    bench.work(30.0)
    bench.accountant.close_window()
    bench.settle_writes()
    metered = bench.ledger.usage().metered
    assert metered.by_method_uj == {"measured": 240_000_000}
    assert metered.coverage_ratio == pytest.approx(0.75)


def test_the_power_at_rest_is_learnt_in_quiet_windows_and_used(bench: Bench) -> None:
    assert bench.accountant.idle_power().method == "modelled"
    for _ in range(305):
        bench.clock.advance(1.0)
        bench.meter.count(2.5)  # the catalogue says 4
        bench.accountant.close_window()
    assert bench.accountant.idle_power() == IdlePower(host_w=2.5, host_method="measured")
    bench.begin("only")
    bench.clock.advance(1.0)
    bench.meter.count(10.0)
    bench.accountant.close_window()
    receipt = bench.final(bench.finish("only"))
    assert receipt.active_j == 7.5


def test_windows_with_answers_loads_or_other_programs_teach_nothing(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        with bench.accountant.loading():
            for _ in range(120):
                bench.clock.advance(1.0)
                bench.meter.count(2.5)
                bench.accountant.close_window()
        bench.begin(name)
        for _ in range(120):
            bench.clock.advance(1.0)
            bench.meter.count(2.5)
            bench.accountant.close_window()
        bench.finish(name)
        for _ in range(120):
            bench.clock.advance(1.0)
            bench.meter.count(2.5)
            bench.compute(0.0, others_s=0.5)
            bench.accountant.close_window()
    assert bench.accountant.idle_power().method == "modelled"
