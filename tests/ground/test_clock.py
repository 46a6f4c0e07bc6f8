import time

import pytest

from galerne.clock import ManualClock, SystemClock


def test_the_system_clock_is_the_computers():
    clock = SystemClock()
    before_at, before_s = time.time(), time.monotonic()
    at, elapsed_s = clock.now_at(), clock.monotonic_s()
    assert before_at <= at <= time.time()
    assert before_s <= elapsed_s <= time.monotonic()


def test_a_manual_clock_stands_still_until_moved_and_keeps_both_times_together():
    clock = ManualClock(at=1000.0)
    assert (clock.now_at(), clock.monotonic_s()) == (1000.0, 0.0)
    clock.advance(2.5)
    clock.advance(0)
    assert (clock.now_at(), clock.monotonic_s()) == (1002.5, 2.5)


def test_a_manual_clock_does_not_go_back():
    clock = ManualClock()
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-0.1)
    assert clock.monotonic_s() == 0.0
