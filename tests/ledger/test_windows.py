from __future__ import annotations

import pytest

from galerne.ledger.windows import MAX_WAITING, Flight, OpenWindows, WindowEnergy
from tests.ledger.bench import WEIGHTS, make_usage


def make_flight(name: str, *, began_s: float = 0.0) -> Flight:
    return Flight(
        answer_id=f"rcpt_{name}",
        request_id=name,
        model_id="mini",
        weights=WEIGHTS,
        began_at=began_s,
        began_s=began_s,
    )


def make_energy(*, ended_at: float, active_uj: int = 100) -> WindowEnergy:
    return WindowEnergy(
        started_at=ended_at - 1,
        ended_at=ended_at,
        duration_s=1.0,
        active_uj=active_uj,
        idle_uj=40,
        method="measured",
        coverage_ratio=1.0,
    )


def close(windows: OpenWindows, now_s: float) -> None:
    windows.close(make_energy(ended_at=now_s), now_s=now_s, loading=False)


def test_a_window_waits_for_the_prompt_that_was_read_in_it():
    windows = OpenWindows(now_s=0.0)
    windows.begin(make_flight("reads"), now_s=0.0)
    close(windows, 1.0)
    close(windows, 2.0)
    assert windows.settle() == []
    windows.read_prompt("reads", prompt_tokens=100, cached_tokens=0, now_s=2.5)
    assert [window.accounts.answers_uj for window in windows.settle()] == [140, 140]


def test_it_does_not_wait_for_ever():
    windows = OpenWindows(now_s=0.0)
    windows.begin(make_flight("never"), now_s=0.0)
    for second in range(1, MAX_WAITING + 4):
        close(windows, float(second))
    assert len(windows.settle()) == 3
    assert len(windows.settle(everything=True)) == MAX_WAITING


def test_a_request_that_ends_unread_holds_nothing_up():
    windows = OpenWindows(now_s=0.0)
    windows.begin(make_flight("gone"), now_s=0.0)
    close(windows, 1.0)
    windows.end("gone", make_usage(), now_s=1.5)
    close(windows, 2.0)
    first, second = windows.settle()
    assert [final.answer_id for final in second.finals] == ["rcpt_gone"]
    assert (first.accounts.answers_uj, first.finals) == (140, ())
    assert second.accounts.idle_uj == 20
    assert windows.open_uj == 0


def test_what_is_given_and_not_final_is_counted_as_open():
    windows = OpenWindows(now_s=0.0)
    for name in ("stays", "goes"):
        windows.begin(make_flight(name), now_s=0.0)
        windows.read_prompt(name, prompt_tokens=1, cached_tokens=0, now_s=0.0)
    close(windows, 1.0)
    windows.end("goes", make_usage(), now_s=1.0)
    close(windows, 2.0)
    settled = windows.settle()
    finals_uj = sum(final.active_uj + final.idle_uj for window in settled for final in window.finals)
    assert sum(window.accounts.answers_uj for window in settled) == finals_uj + windows.open_uj


def test_a_prompt_is_read_once():
    windows = OpenWindows(now_s=0.0)
    windows.begin(make_flight("r"), now_s=0.0)
    windows.read_prompt("r", prompt_tokens=1, cached_tokens=0, now_s=0.0)
    with pytest.raises(ValueError, match="already"):
        windows.read_prompt("r", prompt_tokens=1, cached_tokens=0, now_s=0.0)


def test_sequences_of_different_models_do_not_step_together():
    windows = OpenWindows(now_s=0.0)
    for name, model_id in (("one", "mini"), ("two", "large")):
        flight = make_flight(name)
        flight.model_id = model_id
        windows.begin(flight, now_s=0.0)
        windows.read_prompt(name, prompt_tokens=0, cached_tokens=0, now_s=0.0)
    windows.generate("one", n_tokens=1)
    flight = windows.end("one", make_usage(), now_s=1.0)
    windows.generate("two", n_tokens=3)
    expected = windows.expect(flight, make_energy(ended_at=1.0, active_uj=400), at=1.0)
    assert expected.active_uj == 100
    assert expected.idle_uj == 20


def test_who_is_left_steps_alone():
    windows = OpenWindows(now_s=0.0)
    for name in ("stays", "goes"):
        windows.begin(make_flight(name), now_s=0.0)
        windows.read_prompt(name, prompt_tokens=0, cached_tokens=0, now_s=0.0)
    windows.generate("goes", n_tokens=1)  # 3 / 2 + 1
    windows.end("goes", make_usage(), now_s=1.0)
    windows.generate("stays", n_tokens=1)  # 3 / 1 + 1
    flight = windows.end("stays", make_usage(), now_s=1.0)
    assert windows.expect(flight, make_energy(ended_at=1.0, active_uj=650), at=1.0).active_uj == 400
