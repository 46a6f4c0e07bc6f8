"""Whose work the accelerators did: the engines', or other programs'.

NVIDIA's driver says for each process which part of the time it kept the device's processors busy. A device
that does not say (partitioned, or an old driver), and processes that belong to another container, so that
nobody here knows whose they are, leave it open: then all of it counts as ours, as without this clock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from galerne.clock import Clock
from galerne.machine.meter.processor import ProcessorTime

PERIOD_S = 1.0
OURS, OTHERS, UNKNOWN = "ours", "others", "unknown"


@dataclass(slots=True)
class _Device:
    """One device, and the driver's time stamp of the newest sample that was read of it."""

    handle: Any
    last_seen: int = 0


class AcceleratorClock:
    """Reads accelerator time: all of it, and ours. Device-seconds, over all devices.

    Args:
        nvml: the module ``pynvml``, initialised.
        clock: time.
        whose: tells of a process id whether it is ``ours``, ``others`` or ``unknown`` here.
        thread: whether to read in a thread of its own; without it, ``sample`` is to be called.
    """

    def __init__(
        self,
        nvml: Any,
        *,
        clock: Clock,
        whose: Callable[[int], str] | None = None,
        thread: bool = True,
    ) -> None:
        self._nvml = nvml
        self._clock = clock
        self._whose = whose or Kinship()
        self._sampled_s = clock.monotonic_s()
        self._time = ProcessorTime(busy_s=0.0, own_s=0.0)
        self._stop = threading.Event()
        try:
            handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError:
            handles = []
        self._devices = [_Device(handle) for handle in handles]
        if thread:
            threading.Thread(target=self._run, name="accelerator-time", daemon=True).start()

    def __call__(self) -> ProcessorTime:
        """Accelerator time until the last sample."""
        return self._time

    def sample(self) -> None:
        """Ask the driver now."""
        now_s = self._clock.monotonic_s()
        elapsed_s, self._sampled_s = now_s - self._sampled_s, now_s
        used = [(self._whose(pid), ratio) for device in self._devices for pid, ratio in self._used(device)]
        whose = {owner for owner, _ in used}
        busy_s = elapsed_s * sum(ratio for _, ratio in used)
        own_s = elapsed_s * sum(ratio for owner, ratio in used if owner == OURS)
        if UNKNOWN in whose and OURS not in whose:
            own_s = busy_s  # the processes of another container: ours may be among them
        self._time = ProcessorTime(busy_s=self._time.busy_s + busy_s, own_s=self._time.own_s + own_s)

    def close(self) -> None:
        """Stop the thread; a reading under way is not waited for."""
        self._stop.set()

    def _used(self, device: _Device) -> list[tuple[int, float]]:
        """Process id and part of the time, of whoever worked on a device since the last sample."""
        nvml = self._nvml
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(device.handle, device.last_seen)
        except (nvml.NVMLError, AttributeError):  # nobody worked, or it cannot be told
            return []
        newest = {int(sample.pid): sample for sample in sorted(samples, key=lambda one: one.timeStamp)}
        device.last_seen = max([device.last_seen, *(int(one.timeStamp) for one in newest.values())])
        return [(pid, min(1.0, one.smUtil / 100)) for pid, one in newest.items() if one.smUtil > 0]

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self.sample()


class Kinship:
    """Tells processes that this program started, directly or not, from others. Each id is looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, float], str] = {}

    def __call__(self, pid: int) -> str:
        """``ours``, ``others``, or ``unknown`` where there is no such process here."""
        try:
            process = psutil.Process(pid)
            key = (pid, process.create_time())
            if key not in self._known:
                ids = {pid, *(parent.pid for parent in process.parents())}
                self._known[key] = OURS if os.getpid() in ids else OTHERS
            return self._known[key]
        except psutil.Error:
            return UNKNOWN
