import pytest

from galerne.machine.meter import MeterReading, window_between


def reading(at, domain="package-0", counter_j=0.0, method="measured", gap_s=0.0):
    return MeterReading(at=at, domain=domain, counter_j=counter_j, method=method, gap_s=gap_s)


def test_a_domain_that_is_missing_at_one_end_is_absent_and_uncovered():
    window = window_between([reading(0.0), reading(0.0, "dram-0")], [reading(1.0, counter_j=10.0)])
    assert window.by_domain_j == {"package-0": 10.0}
    assert window.coverage_ratio == 0.5


def test_the_weakest_method_names_the_window():
    window = window_between([reading(0.0)], [reading(1.0, method="modelled")])
    assert window.method == "modelled"


def test_a_clock_set_back_does_not_lose_energy():
    window = window_between([reading(100.0)], [reading(40.0, counter_j=12.0)])
    assert window.total_j == 12.0
    assert window.coverage_ratio == 1.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [reading(1.0)]),
        ([reading(0.0)], []),
        ([reading(0.0, counter_j=5.0)], [reading(1.0)]),
        ([reading(0.0, gap_s=5.0)], [reading(1.0)]),
    ],
)
def test_readings_out_of_order_are_our_mistake(before, after):
    with pytest.raises(ValueError, match=r"reading"):
        window_between(before, after)
