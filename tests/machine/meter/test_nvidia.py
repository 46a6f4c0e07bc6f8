import pytest

from galerne.clock import ManualClock
from galerne.errors import MeterUnavailable
from galerne.machine.meter import NvidiaMeter, window_between
from tests.machine.nvml import PlayedNvml


def test_an_accelerator_is_a_part_of_its_own():
    (reading,) = NvidiaMeter(PlayedNvml(), clock=ManualClock()).read()
    assert (reading.domain, reading.part, reading.method) == ("gpu-0", "accelerator", "measured")


def test_each_device_is_counted():
    nvml, clock = PlayedNvml(n_devices=2), ManualClock()
    meter = NvidiaMeter(nvml, clock=clock)
    before = meter.read()
    clock.advance(1.0)
    nvml.energy_j += 500.0
    assert window_between(before, meter.read()).accelerator_j == pytest.approx(1000.0)


def test_without_a_counter_instantaneous_power_is_integrated():
    nvml, clock = PlayedNvml(energy_j=None, power_w=100.0), ManualClock()
    meter = NvidiaMeter(nvml, clock=clock)
    before = meter.read()
    clock.advance(1.0)
    nvml.power_w = 300.0
    assert window_between(before, meter.read()).total_j == pytest.approx(200.0)


def test_power_read_too_seldom_is_a_gap():
    nvml, clock = PlayedNvml(energy_j=None, power_w=100.0), ManualClock()
    meter = NvidiaMeter(nvml, clock=clock)
    before = meter.read()
    clock.advance(5.0)
    window = window_between(before, meter.read())
    assert (window.by_domain_j, window.coverage_ratio) == ({}, 0.0)


@pytest.mark.parametrize("shows_j", [10.0, 9e9], ids=["reset", "leap"])
def test_a_counter_that_was_reset_or_leaps_is_a_gap(shows_j):
    nvml, clock = PlayedNvml(), ManualClock()
    meter = NvidiaMeter(nvml, clock=clock)
    before = meter.read()
    clock.advance(1.0)
    nvml.energy_j = shows_j
    after = meter.read()
    assert window_between(before, after).coverage_ratio == 0.0
    clock.advance(1.0)
    nvml.energy_j += 400.0
    assert window_between(after, meter.read()).total_j == pytest.approx(400.0)


def test_a_counter_that_stands_still_is_a_gap():
    clock = ManualClock()
    meter = NvidiaMeter(PlayedNvml(), clock=clock)
    before = meter.read()
    clock.advance(10.0)
    assert window_between(before, meter.read()).coverage_ratio == 0.0


@pytest.mark.parametrize("nvml", [PlayedNvml(n_devices=0), PlayedNvml(energy_j=None)])
def test_devices_that_show_nothing_are_no_meter(nvml):
    with pytest.raises(MeterUnavailable):
        NvidiaMeter(nvml, clock=ManualClock())
