import pytest

from galerne.clock import ManualClock
from galerne.errors import MeterUnavailable
from galerne.machine.meter import RaplMeter, window_between
from tests.machine.machines import RANGE_J, FakePowercap


@pytest.fixture
def tree(tmp_path):
    return FakePowercap(tmp_path)


def counters(meter):
    return {reading.domain: reading.counter_j for reading in meter.read()}


def test_packages_and_their_memory_are_counted_and_nothing_inside_or_around_them(tree):
    for package in "01":
        tree.add(package, f"package-{package}")
        tree.add(f"{package}:0", "core").add(f"{package}:1", "dram").add(f"{package}:2", "uncore")
    tree.add("2", "psys")
    tree.add("0", "package-0", prefix="intel-rapl-mmio")
    meter = RaplMeter(tree.root, clock=ManualClock())
    assert set(counters(meter)) == {"package-0", "dram-0", "package-1", "dram-1"}
    assert meter.covers == "package+dram"


def test_the_platform_is_counted_where_it_is_all_there_is(tree):
    tree.add("0", "psys")
    meter = RaplMeter(tree.root, clock=ManualClock())
    assert set(counters(meter)) == {"psys"}
    assert meter.covers == "psys"


def test_a_package_without_memory_counter_covers_the_package(tree):
    tree.add("0", "package-0").add("0:0", "core")
    assert RaplMeter(tree.root, clock=ManualClock()).covers == "package"


def test_counting_begins_when_the_meter_opens(tree):
    tree.add("0", "package-0", raw_j=123_456.0)
    assert counters(RaplMeter(tree.root, clock=ManualClock())) == {"package-0": 0.0}


def test_a_counter_that_wraps_is_followed(tree):
    clock = ManualClock()
    tree.add("0", "package-0", raw_j=RANGE_J - 10)
    meter = RaplMeter(tree.root, clock=clock)
    before = meter.read()
    clock.advance(1.0)
    tree.set_raw("0", 25.0)
    window = window_between(before, meter.read())
    assert window.by_domain_j["package-0"] == pytest.approx(35.0, abs=1e-3)
    assert window.coverage_ratio == 1.0


def test_a_counter_that_was_reset_makes_a_gap(tree):
    clock = ManualClock()
    tree.add("0", "package-0", raw_j=150_000.0)
    meter = RaplMeter(tree.root, clock=clock)
    before = meter.read()
    clock.advance(1.0)
    tree.set_raw("0", 20.0)
    after = meter.read()
    assert window_between(before, after).coverage_ratio == 0.0
    assert window_between(before, after).by_domain_j == {}
    clock.advance(1.0)
    tree.set_raw("0", 60.0)
    assert window_between(after, meter.read()).total_j == pytest.approx(40.0)


def test_a_counter_that_stands_still_makes_a_gap(tree):
    clock = ManualClock()
    tree.add("0", "package-0")
    meter = RaplMeter(tree.root, clock=clock)
    before = meter.read()
    clock.advance(2.0)
    assert window_between(before, meter.read()).coverage_ratio == 0.0


def test_a_counter_left_so_long_that_it_may_have_wrapped_unseen_makes_a_gap(tree):
    clock = ManualClock()
    tree.add("0", "package-0")
    meter = RaplMeter(tree.root, clock=clock)
    before = meter.read()
    clock.advance(8 * 3600.0)
    tree.set_raw("0", 1500.0)
    assert window_between(before, meter.read()).coverage_ratio == 0.0


def test_one_counter_of_two_lost_halves_the_coverage(tree):
    clock = ManualClock()
    tree.add("0", "package-0").add("0:0", "dram")
    meter = RaplMeter(tree.root, clock=clock)
    before = meter.read()
    clock.advance(1.0)
    tree.set_raw("0", 1030.0)
    tree.hide("0:0")
    window = window_between(before, meter.read())
    assert window.by_domain_j == {"package-0": pytest.approx(30.0)}
    assert window.coverage_ratio == 0.5


def test_the_greatest_power_of_a_zone_tells_a_reset_from_a_wrap(tree):
    # 40 kJ in 25 s is 1.6 kW: no processor of 28 W does that.
    clock = ManualClock()
    tree.add("0", "package-0", raw_j=RANGE_J - 20_000)
    (tree.root / "sys/class/powercap/intel-rapl:0/constraint_0_max_power_uw").write_text("28000000\n")
    meter = RaplMeter(tree.root, clock=clock)
    before = meter.read()
    clock.advance(25.0)
    tree.set_raw("0", 20_000.0)
    assert window_between(before, meter.read()).coverage_ratio == 0.0


def test_no_counter_is_said(tmp_path):
    with pytest.raises(MeterUnavailable, match="no processor energy counter"):
        RaplMeter(tmp_path, clock=ManualClock())


def test_counters_that_only_the_administrator_reads_come_with_the_command(tree):
    tree.add("0", "package-0")
    tree.hide("0")
    with pytest.raises(MeterUnavailable, match="administrator") as caught:
        RaplMeter(tree.root, clock=ManualClock())
    assert "chmod" in caught.value.how_to_grant
