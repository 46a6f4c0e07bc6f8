"""Slows guessing: after a few wrong passwords for a name, each more costs a longer wait."""

from __future__ import annotations

from collections import OrderedDict

from galerne.clock import Clock
from galerne.errors import SignInDelayed

FREE_FAILURES = 5
LONGEST_S = 300.0
FORGOTTEN_S = 3_600.0
_MOST_NAMES = 10_000


class Throttle:
    """Counts failures by name, whether anybody has that name or not; forgets them with time or success.

    A wait is never longer than ``LONGEST_S``: somebody who guesses at another's name slows them down, and
    does not lock them out. Who is signed in already is not touched.

    Args:
        clock: measures the waits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def begin(self, name: str) -> None:
        """Count an attempt before it is looked at, so that many at once are no way around.

        Raises:
            SignInDelayed: it comes too early, and is neither looked at nor counted.
        """
        n_failures, last_s = self._failures.get(_key(name), (0, 0.0))
        now_s = self._clock.monotonic_s()
        if now_s - last_s >= FORGOTTEN_S:
            n_failures = 0
        if n_failures >= FREE_FAILURES:
            wait_s = min(LONGEST_S, 2.0 ** (n_failures - FREE_FAILURES + 1))
            if now_s - last_s < wait_s:
                raise SignInDelayed(retry_after_s=wait_s - (now_s - last_s))
        self._failures.pop(_key(name), None)
        self._failures[_key(name)] = n_failures + 1, now_s
        while len(self._failures) > _MOST_NAMES:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget what went wrong before."""
        self._failures.pop(_key(name), None)


def _key(name: str) -> str:
    return name.strip().lower()[:80]
