from __future__ import annotations

import pytest

from galerne.generation import FinishReason
from galerne.units import KWH_J
from tests.ledger.bench import FACTORS, Bench


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
