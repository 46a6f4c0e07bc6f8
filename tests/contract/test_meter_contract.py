"""One suite for every meter: each lives through the same story of a machine's power."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galerne.clock import ManualClock
from galerne.errors import MeterUnavailable
from galerne.machine.meter import (
    METHODS,
    Meter,
    ModelledMeter,
    NvidiaMeter,
    RaplMeter,
    ReplayMeter,
    WallDescription,
    WallMeter,
    window_between,
)
from galerne.units import KWH_J
from tests.machine.machines import RANGE_J, FakePowercap
from tests.machine.nvml import PlayedNvml

IDLE_W = 4.0


@dataclass(frozen=True)
class Step:
    duration_s: float
    energy_j: float | None
    """None: the meter cannot read at the end of this step."""


@contextmanager
def modelled_life(story: list[Step]) -> Iterator[tuple[Meter, ManualClock, Iterator[None]]]:
    clock = ManualClock()
    active = [0.0]

    def active_j() -> float:
        if active[-1] is None:
            raise MeterUnavailable(meter="processor time", why="the engine is gone")
        return active[-1]

    def live() -> Iterator[None]:
        total_j = 0.0
        for step in story:
            clock.advance(step.duration_s)
            if step.energy_j is not None:
                total_j += step.energy_j - IDLE_W * step.duration_s
            active.append(None if step.energy_j is None else total_j)
            yield

    yield ModelledMeter(active_j=active_j, idle_w=IDLE_W, clock=clock), clock, live()


@contextmanager
def rapl_life(story: list[Step]) -> Iterator[tuple[Meter, ManualClock, Iterator[None]]]:
    with tempfile.TemporaryDirectory() as folder:
        clock = ManualClock()
        raw_j = RANGE_J - 50.0  # about to wrap
        tree = FakePowercap(Path(folder)).add("0", "package-0", raw_j=raw_j)

        def live() -> Iterator[None]:
            now_j, hidden = raw_j, False
            for step in story:
                clock.advance(step.duration_s)
                if step.energy_j is None:
                    if not hidden:
                        tree.hide("0")
                    hidden = True
                else:
                    now_j = (now_j + step.energy_j) % RANGE_J
                    (tree.show if hidden else tree.set_raw)("0", now_j)
                    hidden = False
                yield

        yield RaplMeter(Path(folder), clock=clock), clock, live()


@contextmanager
def replay_life(story: list[Step]) -> Iterator[tuple[Meter, ManualClock, Iterator[None]]]:
    at, counter_j = 0.0, 0.0
    rows = ["at,domain,counter_j,method", "0.0,wall,0.0,measured"]
    for step in story:
        at += step.duration_s
        counter_j += step.energy_j or 0.0
        rows.append(f"{at!r},wall,{'' if step.energy_j is None else repr(counter_j)},measured")
    clock = ManualClock()

    def live() -> Iterator[None]:
        for step in story:
            clock.advance(step.duration_s)
            yield

    yield ReplayMeter("\n".join(rows) + "\n", clock=clock), clock, live()


@contextmanager
def nvidia_life(story: list[Step]) -> Iterator[tuple[Meter, ManualClock, Iterator[None]]]:
    clock, nvml = ManualClock(), PlayedNvml()

    def live() -> Iterator[None]:
        for step in story:
            clock.advance(step.duration_s)
            nvml.lost = step.energy_j is None
            nvml.energy_j += step.energy_j or 0.0
            yield

    yield NvidiaMeter(nvml, clock=clock), clock, live()


@contextmanager
def wall_life(story: list[Step]) -> Iterator[tuple[Meter, ManualClock, Iterator[None]]]:
    clock, state = ManualClock(), {"total": 12.5, "up": True}

    def reply(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"total": state["total"]}) if state["up"] else httpx.Response(503)

    def live() -> Iterator[None]:
        for step in story:
            clock.advance(step.duration_s)
            state["up"] = step.energy_j is not None
            state["total"] += (step.energy_j or 0.0) / KWH_J
            yield

    wall = WallDescription(kind="http", url="http://plug/", pointer="/total", unit="kWh")
    yield WallMeter(wall, clock=clock, transport=httpx.MockTransport(reply)), clock, live()


LIVES = {
    "modelled": modelled_life,
    "rapl": rapl_life,
    "replay": replay_life,
    "nvidia": nvidia_life,
    "wall": wall_life,
}
WORKING_DAY = [Step(1.0, 12.0), Step(2.5, 300.0), Step(1.0, 45.5), Step(20.0, 100.0)]


@pytest.fixture(params=LIVES)
def life(request):
    return LIVES[request.param]


def read_through(life, story):
    with life(story) as (meter, _, steps):
        yield meter.read()
        for _ in steps:
            yield meter.read()


def test_a_window_holds_what_was_drawn(life):
    reads = list(read_through(life, WORKING_DAY))
    for before, after, step in zip(reads[:-1], reads[1:], WORKING_DAY, strict=True):
        window = window_between(before, after)
        assert window.total_j == pytest.approx(step.energy_j, abs=1e-5)
        assert window.coverage_ratio == 1.0
        assert window.ended_at - window.started_at == pytest.approx(step.duration_s)


def test_every_number_says_how_it_was_had(life):
    with life(WORKING_DAY) as (meter, _, steps):
        next(steps)
        readings = meter.read()
        assert readings
        assert meter.method in METHODS
        assert {reading.method for reading in readings} == {meter.method}
        assert meter.name in LIVES
        assert meter.covers


def test_readings_carry_the_instant_of_the_clock(life):
    with life(WORKING_DAY) as (meter, clock, steps):
        next(steps)
        assert {reading.at for reading in meter.read()} == {clock.now_at()}


def test_a_second_look_at_the_same_instant_changes_nothing(life):
    with life(WORKING_DAY) as (meter, _, steps):
        next(steps)
        assert meter.read() == meter.read()


def test_a_gap_is_a_gap_and_not_a_zero(life):
    story = [Step(1.0, 20.0), Step(1.0, None), Step(1.0, None)]
    reads = list(read_through(life, story))
    blind = window_between(reads[1], reads[3])
    assert blind.by_domain_j == {}
    assert blind.coverage_ratio == 0.0


def test_a_window_with_a_gap_in_it_says_how_much_is_missing(life):
    story = [Step(1.0, 20.0), Step(2.0, None)]
    reads = list(read_through(life, story))
    window = window_between(reads[0], reads[2])
    assert window.total_j == pytest.approx(20.0)
    assert window.coverage_ratio == pytest.approx(1 / 3)


def test_a_meter_that_can_read_again_goes_on_counting(life):
    story = [Step(1.0, 20.0), Step(1.0, None), Step(1.0, 30.0), Step(1.0, 40.0)]
    reads = list(read_through(life, story))
    assert window_between(reads[3], reads[4]).total_j == pytest.approx(40.0)
    assert window_between(reads[3], reads[4]).coverage_ratio == 1.0


def test_closing_twice_is_harmless(life):
    with life(WORKING_DAY) as (meter, _, _):
        meter.close()
        meter.close()


steps = st.builds(
    lambda duration_s, power_w: Step(duration_s, None if power_w is None else power_w * duration_s),
    duration_s=st.floats(0.6, 30.0),
    power_w=st.none() | st.floats(5.0, 500.0),
)


@pytest.mark.parametrize("kind", LIVES)
@settings(max_examples=40, deadline=None)
@given(story=st.lists(steps, min_size=1, max_size=12))
def test_counters_never_go_back_and_windows_add_up(kind, story):
    reads = list(read_through(LIVES[kind], story))
    for before, after in itertools.pairwise(reads):
        for earlier, later in zip(before, after, strict=True):
            assert later.counter_j >= earlier.counter_j
            assert later.gap_s >= earlier.gap_s
    windows = [window_between(*pair) for pair in itertools.pairwise(reads)]
    whole = window_between(reads[0], reads[-1])
    assert sum(window.total_j for window in windows) == pytest.approx(whole.total_j, abs=1e-4)
    assert all(0.0 <= window.coverage_ratio <= 1.0 for window in (*windows, whole))
