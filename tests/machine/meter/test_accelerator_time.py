from __future__ import annotations

import csv
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from galerne.clock import ManualClock
from galerne.machine.meter import AcceleratorClock
from galerne.machine.meter.accelerator_time import OTHERS, OURS, UNKNOWN, Kinship
from tests.machine.nvml import PlayedNvml

TRACE = Path(__file__).parents[2] / "fixtures" / "meters" / "shared_accelerator_simulated.csv"


class SharedNvml(PlayedNvml):
    """A device that tells who used it; ``uses`` are percent by process id."""

    def __init__(self) -> None:
        super().__init__()
        self.uses: dict[int, int] = {}
        self.stamp = 0
        self.tells = True

    def nvmlDeviceGetProcessUtilization(self, handle, last_seen):  # noqa: N802
        if not self.tells or last_seen >= self.stamp or not self.uses:
            raise self.NVMLError("Not Found")
        return [SimpleNamespace(pid=pid, smUtil=use, timeStamp=self.stamp) for pid, use in self.uses.items()]

    def work(self, clock: ManualClock, duration_s: float, **uses: int) -> None:
        clock.advance(duration_s)
        self.stamp += round(duration_s * 1e6)
        self.uses = {{"ours": 1, "others": 2, "unknown": 3}[name]: use for name, use in uses.items()}


@pytest.fixture
def clock():
    return ManualClock()


def started(nvml, clock):
    return AcceleratorClock(
        nvml, clock=clock, whose={1: OURS, 2: OTHERS, 3: UNKNOWN}.__getitem__, thread=False
    )


def test_time_is_told_apart_by_process(clock):
    nvml = SharedNvml()
    time = started(nvml, clock)
    nvml.work(clock, 2.0, ours=60, others=30)
    time.sample()
    assert (time().busy_s, time().own_s) == pytest.approx((1.8, 1.2))
    nvml.work(clock, 1.0)
    time.sample()
    assert (time().busy_s, time().own_s) == pytest.approx((1.8, 1.2))


def test_a_device_that_does_not_tell_leaves_everything_ours(clock):
    nvml = SharedNvml()
    nvml.tells = False
    time = started(nvml, clock)
    nvml.work(clock, 2.0, others=90)
    time.sample()
    assert (time().busy_s, time().own_s) == (0.0, 0.0)


def test_processes_of_another_container_are_others_only_where_ours_are_seen_beside_them(clock):
    nvml = SharedNvml()
    time = started(nvml, clock)
    nvml.work(clock, 1.0, unknown=80)
    time.sample()
    assert time().own_s == time().busy_s == pytest.approx(0.8)
    nvml.work(clock, 1.0, unknown=40, ours=40)
    time.sample()
    assert (time().busy_s, time().own_s) == pytest.approx((1.6, 1.2))


def test_counters_never_go_back_and_ours_is_never_more_than_all_on_the_simulated_trace(clock):
    nvml = SharedNvml()
    time, before = started(nvml, clock), None
    for row in read_trace():
        nvml.work(clock, 1.0, ours=int(row["ours"]), others=int(row["others"]))
        time.sample()
        now = time()
        assert now.own_s <= now.busy_s + 1e-9
        assert before is None or (now.busy_s >= before.busy_s and now.own_s >= before.own_s)
        before = now
    assert (before.busy_s, before.own_s) == pytest.approx((5.2, 3.3))


def read_trace():
    lines = [line for line in TRACE.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def test_processes_that_this_program_started_are_ours():
    whose = Kinship()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert whose(child.pid) == whose(os.getpid()) == OURS
        child.communicate(b"\n")
    assert whose(child.pid) == UNKNOWN
    assert whose(1) == OTHERS


def test_its_thread_stops(clock):
    def running():
        return [thread for thread in threading.enumerate() if thread.name == "accelerator-time"]

    before = running()
    watching = AcceleratorClock(SharedNvml(), clock=clock)
    (started,) = set(running()) - set(before)
    watching.close()
    started.join(timeout=30)
    assert not started.is_alive()
