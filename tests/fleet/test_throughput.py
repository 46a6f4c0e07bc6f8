import pytest

from galerne.clock import ManualClock
from galerne.fleet import Throughput
from galerne.fleet.throughput import N_WINDOWS


def test_tokens_are_counted_by_window_over_the_time_it_really_took():
    clock = ManualClock()
    throughput = Throughput(clock=clock)
    assert throughput.history_tokens_per_s() == ()
    throughput.count(3)
    throughput.count(2)
    clock.advance(2.0)
    throughput.close_window()
    clock.advance(1.0)
    throughput.close_window()
    assert throughput.history_tokens_per_s() == (2.5, 0.0)


def test_a_window_without_time_is_none():
    throughput = Throughput(clock=ManualClock())
    throughput.count(3)
    throughput.close_window()
    assert throughput.history_tokens_per_s() == ()


def test_only_the_last_windows_are_kept_oldest_first():
    clock = ManualClock()
    throughput = Throughput(clock=clock)
    for n_tokens in range(N_WINDOWS + 5):
        throughput.count(n_tokens)
        clock.advance(1.0)
        throughput.close_window()
    history = throughput.history_tokens_per_s()
    assert len(history) == N_WINDOWS
    assert history == pytest.approx([float(n) for n in range(5, N_WINDOWS + 5)])
