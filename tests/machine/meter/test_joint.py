import dataclasses
import itertools

import pytest

from galerne.clock import ManualClock
from galerne.machine.meter import (
    FallbackMeter,
    JointMeter,
    SampledMeter,
    WallMeterWithParts,
    window_between,
)
from tests.ledger.bench import FakeMeter


@pytest.fixture
def clock():
    return ManualClock()


class Domain(FakeMeter):
    def read(self):
        return tuple(dataclasses.replace(reading, domain=self.name) for reading in super().read())


def make(clock, name="wall", *, method="measured", part="host"):
    return Domain(clock=clock, name=name, method=method, part=part, covers=name)


def test_meters_side_by_side_are_added(clock):
    one, other = make(clock, "gpu-0", part="accelerator"), make(clock, "package-0")
    meter = JointMeter([one, other])
    before = meter.read()
    one.count(30.0)
    other.count(12.0)
    window = window_between(before, meter.read())
    assert (window.accelerator_j, window.host_j, window.total_j) == (30.0, 12.0, 42.0)
    assert (meter.name, meter.covers) == ("gpu-0+package-0", "gpu-0+package-0")


def test_a_modelled_part_beside_a_measured_one_makes_a_derived_sum(clock):
    parts = [make(clock, "gpu-0", part="accelerator"), make(clock, "host", method="modelled")]
    meter = JointMeter(parts, method="derived")
    assert meter.method == "derived"
    assert [reading.method for reading in meter.read()] == ["measured", "derived"]


def test_the_host_is_what_the_accelerators_leave_of_the_wall(clock):
    wall, gpu = make(clock), make(clock, "gpu-0", part="accelerator")
    meter = WallMeterWithParts(wall, gpu)
    before = meter.read()
    clock.advance(1.0)
    wall.count(500.0)
    gpu.count(350.0)
    window = window_between(before, meter.read())
    assert (window.total_j, window.accelerator_j, window.host_j) == (500.0, 350.0, 150.0)


def test_a_wall_that_lags_behind_is_waited_for(clock):
    wall, gpu = make(clock), make(clock, "gpu-0", part="accelerator")
    meter = WallMeterWithParts(wall, gpu)
    first = meter.read()
    gpu.count(350.0)
    lagging = meter.read()
    assert window_between(first, lagging).host_j == 0.0
    wall.count(500.0)
    assert window_between(first, meter.read()).total_j == pytest.approx(500.0)


def test_where_the_better_meter_fails_the_weaker_counts_and_the_gap_shows(clock):
    wall, model = make(clock), make(clock, "machine", method="modelled", part="machine")
    meter = FallbackMeter(wall, model, clock=clock)
    reads = [meter.read()]
    for wall_j, gap_s in ((100.0, 0.0), (0.0, 1.0), (0.0, 0.5)):
        clock.advance(1.0)
        wall.count(wall_j)
        wall.gap_s += gap_s
        model.count(60.0)
        reads.append(meter.read())
    windows = [window_between(*pair) for pair in itertools.pairwise(reads)]
    assert [window.total_j for window in windows] == pytest.approx([100.0, 60.0, 60.0])
    assert [window.coverage_ratio for window in windows] == [1.0, 0.0, 0.5]
    assert [window.method for window in windows] == ["measured", "modelled", "modelled"]


def test_a_meter_that_is_back_is_measured_again(clock):
    wall, model = make(clock), make(clock, "machine", method="modelled", part="machine")
    meter = FallbackMeter(wall, model, clock=clock)
    clock.advance(1.0)
    wall.gap_s += 1.0
    meter.read()
    clock.advance(5.0)
    before = meter.read()
    clock.advance(1.0)
    wall.count(90.0)
    model.count(60.0)
    window = window_between(before, meter.read())
    assert (window.total_j, window.method) == (90.0, "measured")


def test_a_slow_meter_is_carried_on_at_its_last_power(clock):
    slow = make(clock)
    meter = SampledMeter(slow, period_s=2.0, clock=clock, thread=False)
    clock.advance(2.0)
    slow.count(200.0)
    meter.sample()
    before = meter.read()
    clock.advance(1.0)
    assert window_between(before, meter.read()).total_j == pytest.approx(100.0)


def test_what_was_carried_on_too_far_is_held_back(clock):
    slow = make(clock)
    meter = SampledMeter(slow, period_s=2.0, clock=clock, thread=False)
    clock.advance(2.0)
    slow.count(200.0)
    meter.sample()
    first = meter.read()
    clock.advance(1.0)
    carried = meter.read()
    clock.advance(1.0)
    slow.count(20.0)
    meter.sample()
    held = meter.read()
    assert held[0].counter_j == carried[0].counter_j
    clock.advance(20.0)
    slow.count(200.0)
    meter.sample()
    assert window_between(first, meter.read()).total_j == pytest.approx(220.0)


def test_a_meter_that_hangs_becomes_a_gap(clock):
    slow = make(clock)
    meter = SampledMeter(slow, period_s=2.0, clock=clock, thread=False)
    clock.advance(2.0)
    slow.count(200.0)
    meter.sample()
    before = meter.read()
    clock.advance(12.0)  # three periods are carried on, and as many are missing
    window = window_between(before, meter.read())
    assert window.total_j == pytest.approx(600.0)
    assert window.coverage_ratio == pytest.approx(0.5)


def test_its_thread_reads_and_stops(clock):
    slow = make(clock)
    meter = SampledMeter(slow, period_s=0.01, clock=clock)
    slow.count(5.0)
    while meter.read()[0].counter_j < slow.counter_j:
        pass
    meter.close()
    meter._thread.join(10)
    assert not meter._thread.is_alive()
