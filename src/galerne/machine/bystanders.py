"""What other programs compute on this machine: a measurement made beside them says little."""

from __future__ import annotations

import contextlib

import psutil

from galerne.clock import Clock

LEAST_WATCH_S = 0.2
"""The system counts processor time in hundredths of a second: a shorter look sees nothing."""


class Bystanders:
    """Cores that programs which are not ours keep busy, from one look to the next.

    Ours are this process and its descendants. Where this is a container, those of others count as well.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._seen_s, self._busy_s, self._own_s = clock.monotonic_s(), _busy_s(), _own_s()

    def cores(self) -> float:
        """Cores that others have used since the last look, on average; 0 where that was a moment ago."""
        elapsed_s = self._clock.monotonic_s() - self._seen_s
        if elapsed_s < LEAST_WATCH_S:
            return 0.0
        busy_s, own_s = _busy_s(), _own_s()
        others_s = max(0.0, (busy_s - self._busy_s) - max(0.0, own_s - self._own_s))
        self._seen_s, self._busy_s, self._own_s = self._seen_s + elapsed_s, busy_s, own_s
        return others_s / elapsed_s


def _busy_s() -> float:
    times = psutil.cpu_times()
    # Guests are already counted as users. Time that the host of a virtual machine withheld was not had.
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    guest_s = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle_s - guest_s)


def _own_s() -> float:
    own = psutil.Process()
    mine = own.cpu_times()
    total_s = mine.user + mine.system + getattr(mine, "children_user", 0.0)
    total_s += getattr(mine, "children_system", 0.0)
    for child in own.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended; its parent counts it
            times = child.cpu_times()
            total_s += times.user + times.system
    return float(total_s)
