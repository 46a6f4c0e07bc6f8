from __future__ import annotations

import random

import pytest

from galerne.machine.meter import EnergyWindow, IdleTracker
from galerne.machine.meter.idle import N_KEPT, N_NEEDED, SAMPLE_S, SETTLE_S, STEP_RATIO


def window(*, host_j=0.0, accelerator_j=0.0, method="measured", coverage_ratio=1.0, unsplit_j=0.0):
    return EnergyWindow(
        started_at=0.0,
        ended_at=1.0,
        by_domain_j={},
        coverage_ratio=coverage_ratio,
        method=method,
        host_j=host_j,
        accelerator_j=accelerator_j,
        unsplit_j=unsplit_j,
    )


def rest(tracker, *, host_w, n_samples=N_NEEDED, quiet=True, cores=0.0, busy_ratio=0.0, **window_facts):
    """Seconds of quiet that make so many samples."""
    for _ in range(int(n_samples * SAMPLE_S + SETTLE_S)):
        tracker.note(
            window(host_j=host_w, **window_facts),
            duration_s=1.0,
            quiet=quiet,
            foreign_cores=cores,
            accelerator_ratio=busy_ratio,
        )


@pytest.fixture
def tracker():
    return IdleTracker(host_w=40.0, accelerator_w=70.0, n_cores=4)


def test_the_catalogue_holds_until_there_is_enough_quiet(tracker):
    rest(tracker, host_w=23.0, accelerator_j=55.0, n_samples=N_NEEDED - 1)
    assert (tracker.power.total_w, tracker.power.method) == (110.0, "modelled")
    rest(tracker, host_w=23.0, accelerator_j=55.0, n_samples=1)
    assert (tracker.power.host_w, tracker.power.accelerator_w) == (23.0, 55.0)
    assert tracker.power.method == "measured"


@pytest.mark.parametrize(
    "unfit",
    [
        {"quiet": False},
        {"cores": 0.3},
        {"busy_ratio": 0.1},
        {"coverage_ratio": 0.9},
        {"unsplit_j": 5.0},
    ],
)
def test_only_quiet_windows_that_the_meter_covered_count(tracker, unfit):
    rest(tracker, host_w=23.0, accelerator_j=55.0, **unfit)
    assert tracker.power.method == "modelled"


def test_a_host_that_is_only_modelled_is_not_called_measured(tracker):
    rest(tracker, host_w=23.0, accelerator_j=55.0, method="derived")
    assert (tracker.power.host_w, tracker.power.host_method) == (40.0, "modelled")
    assert (tracker.power.accelerator_w, tracker.power.accelerator_method) == (55.0, "measured")
    assert tracker.power.method == "derived"


def test_what_stirs_now_and_then_does_not_count(tracker):
    chance = random.Random(1)
    for _ in range(3 * N_NEEDED):
        rest(tracker, host_w=20.0 + chance.random() + (30.0 if chance.random() < 0.5 else 0.0), n_samples=1)
    assert 20.0 <= tracker.power.host_w <= 21.0


def test_the_moments_after_work_are_not_rest_yet(tracker):
    for _ in range(10 * N_NEEDED):
        tracker.note(window(host_j=99.0), duration_s=1.0, quiet=False, foreign_cores=0.0)
        for _ in range(int(SETTLE_S)):
            tracker.note(window(host_j=80.0), duration_s=1.0, quiet=True, foreign_cores=0.0)
    assert tracker.power.method == "modelled"


def test_it_follows_a_slow_drift_and_keeps_still_for_less(tracker):
    rest(tracker, host_w=20.0)
    rest(tracker, host_w=20.2, n_samples=N_KEPT)
    assert tracker.power.host_w == 20.0
    for power_w in (21.0, 22.0, 23.0):
        rest(tracker, host_w=power_w, n_samples=N_KEPT)
        assert tracker.power.host_w == pytest.approx(power_w, rel=STEP_RATIO)


@pytest.mark.parametrize("level_w", [31.0, 12.0])
def test_another_level_begins_anew_within_minutes(tracker, level_w):
    rest(tracker, host_w=20.0, n_samples=N_KEPT)
    rest(tracker, host_w=level_w, n_samples=N_NEEDED + 5)
    assert tracker.power.host_w == level_w


def test_the_next_life_knows_what_this_one_learnt_and_a_damaged_memory_is_none():
    kept = []
    first = IdleTracker(host_w=40.0, keep=kept.append)
    rest(first, host_w=23.0, n_samples=N_NEEDED - 1)
    first.remember()
    assert kept == []
    rest(first, host_w=23.0, n_samples=1)
    first.remember()
    first.remember()
    assert len(kept) == 1
    assert IdleTracker(host_w=40.0, remembered=kept[0]).power == first.power
    damaged = {"host": ["x", -3.0, None, float("nan")] * N_KEPT}
    assert IdleTracker(host_w=40.0, remembered=damaged).power.method == "modelled"
