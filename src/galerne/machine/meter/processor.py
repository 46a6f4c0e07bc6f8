"""Processor seconds of processes: what the modelled meter counts, and what splits a measured one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from galerne.errors import MeterUnavailable


def processor_s_of(pid: int) -> float:
    """Seconds of processor time a process has used, with those of its children, living and ended.

    Raises:
        MeterUnavailable: the process is gone or may not be looked at.
    """
    return _family_time(pid)[1]


def _family_time(pid: int) -> tuple[float, float]:
    """When the process began, and the processor seconds of it and its children."""
    try:
        parent = psutil.Process(pid)
        began_at, used_s = parent.create_time(), _time_of(parent)
        children = _children_of(parent)
    except psutil.Error as error:
        raise MeterUnavailable(meter="processor time", why=f"process {pid} cannot be read") from error
    for child in children:
        try:
            used_s += _time_of(child)
        except psutil.Error:
            continue  # it ended while we looked: its parent has its time at the next reading
    return began_at, used_s


def _children_of(parent: psutil.Process) -> list[psutil.Process]:
    try:
        tasks = list(Path(f"/proc/{parent.pid}/task").iterdir())
        pids = [int(pid) for task in tasks for pid in (task / "children").read_text("ascii").split()]
    except OSError:
        return parent.children(recursive=True)  # elsewhere than on Linux: a walk over every process
    children = [psutil.Process(pid) for pid in pids]
    return children + [grandchild for child in children for grandchild in _children_of(child)]


def _time_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    ended_s = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + ended_s)


class ProcessorTime:
    """Processor seconds of a changing set of processes, such as engines that come and go.

    Args:
        pids: the processes to count now, children included; called at each reading.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._used_s: dict[tuple[int, float], float] = {}

    def total_s(self) -> float:
        """Seconds used by every process seen so far, each from its birth; never goes back."""
        for pid in self._pids():
            try:
                began_at, used_s = _family_time(pid)
            except MeterUnavailable:
                continue  # it is gone: what it had used stays counted
            key = (pid, began_at)
            self._used_s[key] = max(used_s, self._used_s.get(key, 0.0))
        return sum(self._used_s.values())
