import os
import subprocess
import sys

import pytest

from galerne.errors import MeterUnavailable
from galerne.machine.meter import ProcessorTime, processor_s_of

BURN = "import time\nwhile time.process_time() < 0.15: pass\n"
BURN_IN_A_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])\n"


def stop(process):
    with process:  # closes its pipes and waits
        process.kill()


@pytest.fixture
def start():
    """A process that does some work, says so, and waits."""
    started = []

    def begin(code):
        waiting = code + "print('done', flush=True)\ninput()\n"
        process = subprocess.Popen(
            [sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        process.stdout.readline()
        return process

    yield begin
    for process in started:
        stop(process)


def test_work_is_counted(start):
    assert processor_s_of(start(BURN).pid) >= 0.14


def test_the_work_of_an_ended_child_is_counted(start):
    assert processor_s_of(start(BURN_IN_A_CHILD).pid) >= 0.14


def test_the_work_of_a_living_child_is_counted(start):
    alone_s = processor_s_of(os.getpid())
    start(BURN)
    assert processor_s_of(os.getpid()) >= alone_s + 0.14


def test_a_process_that_is_gone_cannot_be_read(start):
    process = start("")
    stop(process)
    with pytest.raises(MeterUnavailable, match=str(process.pid)):
        processor_s_of(process.pid)


def test_what_an_ended_process_used_stays_counted(start):
    process = start(BURN)
    pids = [process.pid]
    time = ProcessorTime(lambda: pids)
    while_alive_s = time.total_s()
    stop(process)
    assert time.total_s() >= while_alive_s >= 0.14
    pids.clear()
    assert time.total_s() >= while_alive_s
    pids.append(start(BURN).pid)
    assert time.total_s() >= while_alive_s + 0.14
