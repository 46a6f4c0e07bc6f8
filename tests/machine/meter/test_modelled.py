import pytest

from galerne.clock import ManualClock
from galerne.machine.meter import ModelledMeter, window_between


def test_a_machine_at_rest_draws_its_idle_power():
    clock = ManualClock()
    meter = ModelledMeter(active_j=lambda: 7.0, idle_w=4.0, clock=clock)
    before = meter.read()
    clock.advance(10.0)
    assert window_between(before, meter.read()).by_domain_j == {"machine": 40.0}


def test_activity_before_the_meter_opened_is_not_counted():
    clock = ManualClock()
    meter = ModelledMeter(active_j=lambda: 1e6, idle_w=0.0, clock=clock)
    assert meter.read()[0].counter_j == 0.0


def test_an_engine_that_starts_again_goes_on_counting():
    clock = ManualClock()
    active_j = [100.0]
    meter = ModelledMeter(active_j=lambda: active_j[-1], idle_w=0.0, clock=clock)
    active_j.append(130.0)
    meter.read()
    active_j.append(5.0)
    assert meter.read()[0].counter_j == 35.0


def test_negative_idle_power_is_our_mistake():
    with pytest.raises(ValueError, match="-1"):
        ModelledMeter(active_j=lambda: 0.0, idle_w=-1.0, clock=ManualClock())
