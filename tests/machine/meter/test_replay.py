import pytest

from galerne.clock import ManualClock
from galerne.errors import MeterUnavailable
from galerne.machine.meter import ReplayMeter, window_between

HEADER = "at,domain,counter_j,method\n"
TRACE = HEADER + "100,gpu-0,5,measured\n100,host,1,derived\n110,gpu-0,1005,measured\n110,host,201,derived\n"


def test_a_trace_is_played_from_its_first_instant_at_the_pace_of_the_clock():
    clock = ManualClock()
    meter = ReplayMeter(TRACE, clock=clock)
    before = meter.read()
    clock.advance(5.0)
    window = window_between(before, meter.read())
    assert window.by_domain_j == {"gpu-0": pytest.approx(500.0), "host": pytest.approx(100.0)}


def test_the_weakest_method_names_the_whole():
    meter = ReplayMeter(TRACE, clock=ManualClock())
    assert meter.method == "derived"
    assert window_between(meter.read(), meter.read()).method == "derived"
    assert meter.covers == "gpu-0+host"


def test_after_the_last_reading_there_is_a_gap():
    clock = ManualClock()
    meter = ReplayMeter(TRACE, clock=clock)
    clock.advance(10.0)
    before = meter.read()
    clock.advance(10.0)
    window = window_between(before, meter.read())
    assert window.by_domain_j == {}
    assert window.coverage_ratio == 0.0


def test_a_trace_can_be_a_file(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text(TRACE)
    assert len(ReplayMeter(path, clock=ManualClock()).read()) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1"),
        ("time,watts\n1,2\n", "line 1"),
        (HEADER, "no reading"),
        (HEADER + "soon,gpu-0,5,measured\n", "line 2"),
        (HEADER + "1,gpu-0,much,measured\n", "line 2"),
        (HEADER + "1,gpu-0,nan,measured\n", "line 2"),
        (HEADER + "1,gpu-0,-5,measured\n", "line 2"),
        (HEADER + "1,gpu-0,,measured\n", "line 2"),
        (HEADER + "1,,5,measured\n", "line 2"),
        (HEADER + "1,gpu-0,5,guessed\n", "line 2"),
        (HEADER + "1,gpu-0\n", "line 2"),
        (HEADER + "1,gpu-0,5,measured\n2,gpu-0,4,measured\n", "line 3"),
        (HEADER + "1,gpu-0,5,measured\n1,gpu-0,6,measured\n", "line 3"),
    ],
)
def test_a_broken_trace_is_refused_with_its_line(text, problem):
    with pytest.raises(MeterUnavailable, match=problem):
        ReplayMeter(text, clock=ManualClock())


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(MeterUnavailable, match="nowhere"):
        ReplayMeter(tmp_path / "nowhere.csv", clock=ManualClock())
