import math

import pytest

from galerne.clock import ManualClock, SystemClock
from galerne.machine.speed import measure_speed

MIB = 2**20


def test_this_machine_is_measured():
    speed = measure_speed(n_threads=1, free_bytes=256 * MIB, clock=SystemClock())
    assert 1e8 < speed.memory_bytes_per_s < 1e14
    assert 1e8 < speed.peak_flop_per_s < 1e16
    assert 0.0 < speed.attention_ratio <= 1.0


@pytest.mark.parametrize("free_bytes", [0, MIB])
def test_no_memory_left_and_a_clock_that_stands_still_are_survived(free_bytes, monkeypatch):
    monkeypatch.setattr(
        "galerne.machine.speed._MOST_ROUNDS", 3
    )  # with such a clock only their number ends them
    speed = measure_speed(n_threads=2, free_bytes=free_bytes, clock=ManualClock())
    assert math.isfinite(speed.memory_bytes_per_s)
    assert math.isfinite(speed.peak_flop_per_s)
    assert speed.attention_ratio == 0.0
