from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from galerne.errors import StoreUnreachable
from galerne.generation import FinishReason
from galerne.ledger import Hold, Limit, Period, Unit, total_row
from galerne.machine.meter import IdlePower
from galerne.units import KWH_J, to_microjoules
from tests.ledger.bench import FACTORS, Bench
from tests.machine.meter.test_accelerator_time import read_trace


def test_one_answer_alone_gets_all_active_energy_and_the_idle_of_its_time(bench: Bench) -> None:
    bench.work(0.5)
    bench.begin("r")
    bench.work(0.2, active_j=4.0)
    bench.accountant.prompt_read("r", prompt_tokens=10, cached_tokens=0)
    bench.work(0.3, active_j=6.0)
    bench.accountant.tokens("r", n_tokens=5)
    provisional = bench.finish("r")
    bench.accountant.close_window()
    final = bench.final(provisional)
    assert (provisional.status, provisional.revision) == ("provisional", 1)
    assert (final.status, final.revision, final.method) == ("final", 2, "measured")
    assert final.active_j == pytest.approx(10.0, abs=1e-6)
    assert final.full_j == pytest.approx(10.0 + 0.5 * bench.idle_w, abs=1e-5)
    assert provisional.full_j == pytest.approx(final.full_j, abs=1e-5)
    assert final.settlement.device_s == pytest.approx(0.5)


def test_the_receipt_carries_grams_litres_and_euros_of_the_full_energy(bench: Bench) -> None:
    bench.begin("r")
    bench.work(1.0, active_j=96.0)
    receipt = bench.finish("r")
    facility_kwh = 100.0 * 1.2 / KWH_J
    assert receipt.impact.facility_j == pytest.approx(120.0)
    assert receipt.impact.use_co2_g == pytest.approx(facility_kwh * 36.0)
    assert receipt.impact.grid_water_l == pytest.approx(facility_kwh * 3.6)
    assert receipt.impact.site_water_l == pytest.approx(100.0 / KWH_J * 0.5)
    assert receipt.impact.cost_eur == pytest.approx(facility_kwh * 0.18)
    assert receipt.impact.embodied_co2_g == pytest.approx(200_000 / (5 * 8760 * 3600))
    assert receipt.factors == FACTORS
    assert receipt.sources()["eur_per_kwh"] == "test-price"
    assert receipt.sources()["l_per_kwh"] == "test-grid"


def test_begin_gives_the_id_of_the_receipt(bench: Bench) -> None:
    receipt_id = bench.begin("r")
    bench.work(0.1, active_j=1.0)
    assert bench.finish("r").receipt_id == receipt_id
    assert receipt_id.startswith("rcpt_")
    assert len(receipt_id) == len("rcpt_") + 26


def test_a_step_of_two_sequences_is_shared_by_a_over_n_plus_b(bench: Bench) -> None:
    for request_id in ("one", "two"):
        bench.begin(request_id)
        bench.accountant.prompt_read(request_id, prompt_tokens=8, cached_tokens=8)
    bench.work(1.0, active_j=30.0)
    bench.accountant.tokens("one", n_tokens=2)
    bench.accountant.tokens("two", n_tokens=1)
    one, two = bench.finish("one"), bench.finish("two")
    bench.accountant.close_window()
    assert bench.final(one).active_j == pytest.approx(20.0)
    assert bench.final(two).active_j == pytest.approx(10.0)


def test_a_cached_prompt_is_free_and_an_uncached_one_weighs_by_its_length(bench: Bench) -> None:
    for request_id, cached_tokens in (("new", 0), ("half", 50), ("cached", 100)):
        bench.begin(request_id)
        bench.accountant.prompt_read(request_id, prompt_tokens=100, cached_tokens=cached_tokens)
    bench.work(1.0, active_j=30.0)
    receipts = [bench.finish(request_id) for request_id in ("new", "half", "cached")]
    bench.accountant.close_window()
    assert [bench.final(r).active_j for r in receipts] == pytest.approx([20.0, 10.0, 0.0])


def test_a_long_prompt_is_charged_in_the_windows_in_which_it_was_read(bench: Bench) -> None:
    bench.begin("talks")
    bench.accountant.prompt_read("talks", prompt_tokens=1, cached_tokens=1)
    bench.begin("reads")
    for _ in range(4):  # a token of 4 J beside a quarter of a prompt of 16 J, in each window
        bench.work(1.0, active_j=8.0)
        bench.accountant.tokens("talks")
        bench.accountant.close_window()
    bench.accountant.prompt_read("reads", prompt_tokens=64, cached_tokens=0)
    receipts = [bench.finish("talks"), bench.finish("reads", prompt_tokens=64)]
    bench.accountant.close_window()
    assert [bench.final(r).active_j for r in receipts] == pytest.approx([16.0, 16.0])


def test_a_window_in_which_no_token_came_goes_to_whoever_was_there(bench: Bench) -> None:
    bench.begin("slow")
    bench.accountant.prompt_read("slow", prompt_tokens=1, cached_tokens=0)
    bench.accountant.close_window()
    bench.work(1.0, active_j=5.0)
    bench.accountant.close_window()
    assert bench.accountant.totals().unattributed_uj == 0
    assert bench.final(bench.finish("slow")).active_j == pytest.approx(5.0)


def test_cancelled_and_failed_requests_keep_their_energy(bench: Bench) -> None:
    bench.begin("cancelled")
    bench.begin("failed")
    bench.work(1.0, active_j=10.0)
    receipts = [
        bench.finish("cancelled", FinishReason.CANCELLED),
        bench.finish("failed", FinishReason.ERROR),
    ]
    bench.accountant.close_window()
    finals = [bench.final(receipt) for receipt in receipts]
    assert sum(final.active_j for final in finals) == pytest.approx(10.0)
    assert [final.answer.finish_reason for final in finals] == [FinishReason.CANCELLED, FinishReason.ERROR]


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


def test_a_gap_of_the_meter_shows_on_the_receipt(bench: Bench) -> None:
    bench.begin("r")
    bench.work(1.0, active_j=1.0)
    bench.meter.gap_s += 0.25
    receipt = bench.finish("r")
    bench.accountant.close_window()
    assert bench.final(receipt).settlement.coverage_ratio == pytest.approx(0.75)


def test_the_weakest_method_of_its_windows_labels_the_receipt(bench: Bench) -> None:
    bench.begin("r")
    bench.work(1.0, active_j=1.0)
    bench.accountant.close_window()
    bench.meter.method = "modelled"
    bench.work(1.0, active_j=1.0)
    bench.accountant.close_window()
    bench.meter.method = "measured"
    bench.work(1.0, active_j=1.0)
    assert bench.finish("r").method == "modelled"


def test_power_of_the_last_sixty_windows_is_kept(bench: Bench) -> None:
    for index in range(70):
        bench.work(1.0, active_j=float(index))
        bench.accountant.close_window()
    powers_w = bench.accountant.recent_power_w()
    assert len(powers_w) == 60
    assert powers_w[0] == pytest.approx(14.0)
    assert powers_w[-1] == pytest.approx(73.0)


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


def test_requests_that_are_not_in_flight_are_refused(bench: Bench) -> None:
    bench.begin("r")
    with pytest.raises(ValueError, match="begun already"):
        bench.begin("r")
    with pytest.raises(KeyError):
        bench.accountant.tokens("nobody")


def test_a_request_id_may_come_back_while_the_first_is_still_provisional(bench: Bench) -> None:
    receipts = []
    for _ in range(2):
        bench.begin("again")
        bench.work(0.1, active_j=1.0)
        receipts.append(bench.finish("again"))
    bench.accountant.close_window()
    assert [bench.final(receipt).status for receipt in receipts] == ["final", "final"]
    assert bench.accountant.totals().answers_uj == 2_800_000


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
