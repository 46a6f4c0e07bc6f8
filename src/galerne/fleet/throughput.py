"""How many tokens per second left the engines, window by window."""

from __future__ import annotations

from collections import deque

from galerne.clock import Clock

N_WINDOWS = 60


class Throughput:
    """Counts tokens and closes a window when told."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._opened_s = clock.monotonic_s()
        self._n_tokens = 0
        self._history_tokens_per_s: deque[float] = deque(maxlen=N_WINDOWS)

    def count(self, n_tokens: int) -> None:
        """Tokens that have just been streamed."""
        self._n_tokens += n_tokens

    def close_window(self) -> None:
        """End the open window and begin the next."""
        now_s = self._clock.monotonic_s()
        if now_s > self._opened_s:
            self._history_tokens_per_s.append(self._n_tokens / (now_s - self._opened_s))
        self._opened_s, self._n_tokens = now_s, 0

    def history_tokens_per_s(self) -> tuple[float, ...]:
        """The last windows, oldest first."""
        return tuple(self._history_tokens_per_s)
