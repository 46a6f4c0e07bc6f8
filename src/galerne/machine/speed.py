"""How fast this computer's memory and arithmetic really are, measured in under a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import psutil

from galerne.clock import Clock

MIB = 2**20
_MATRIX_SIZES = (512, 1024, 2048, 4096)
_MEMORY_BUDGET_S = 0.3
_ARITHMETIC_BUDGET_S = 0.4
_MOST_ROUNDS = 50
_MOST_AGAIN = 3
_PATIENCE_S = 2.0
"""After this long no further measurement is begun; one takes under a second."""
CALM_RATIO = 0.8
"""Share of the cores' time below which other programs disturbed a measurement."""
_SHORTEST_TRY_S = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Rates of a host's memory and cores together.

    Attributes:
        memory_bytes_per_s: fastest of reading and copying arrays larger than the caches.
        peak_flop_per_s: single precision, of a matrix product.
        attention_ratio: share of the cores' time that the measurement got; low where other programs ran.
        n_measurements: how many times it was measured, keeping the best.
    """

    memory_bytes_per_s: float
    peak_flop_per_s: float
    attention_ratio: float = 1.0
    n_measurements: int = 1


def measure_speed(*, n_threads: int, free_bytes: int, clock: Clock) -> Speed:
    """Measure with NumPy, which lets its threads run side by side.

    Every figure is the best of many tries: other programs can only slow a try down. On a busy machine the
    whole is tried again, for up to three seconds.

    Args:
        n_threads: cores to use.
        free_bytes: memory free now; a tenth of it is used at most.
        clock: time.
    """
    deadline_s = clock.monotonic_s() + _PATIENCE_S
    best = _measure_once(n_threads=n_threads, free_bytes=free_bytes, clock=clock)
    for _ in range(_MOST_AGAIN):
        if best.attention_ratio >= CALM_RATIO or clock.monotonic_s() >= deadline_s:
            break
        again = _measure_once(n_threads=n_threads, free_bytes=free_bytes, clock=clock)
        best = Speed(
            memory_bytes_per_s=max(best.memory_bytes_per_s, again.memory_bytes_per_s),
            peak_flop_per_s=max(best.peak_flop_per_s, again.peak_flop_per_s),
            attention_ratio=max(best.attention_ratio, again.attention_ratio),
        )
    return best


def _measure_once(*, n_threads: int, free_bytes: int, clock: Clock) -> Speed:
    started_s, used_before_s = clock.monotonic_s(), _used_s()
    memory_bytes_per_s = _memory_bytes_per_s(n_threads, free_bytes, clock)
    elapsed_s, used_s = clock.monotonic_s() - started_s, _used_s() - used_before_s
    return Speed(
        memory_bytes_per_s=memory_bytes_per_s,
        peak_flop_per_s=_flop_per_s(free_bytes, clock),
        attention_ratio=min(1.0, used_s / (n_threads * elapsed_s)) if elapsed_s > 0 else 0.0,
    )


def _used_s() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def _memory_bytes_per_s(n_threads: int, free_bytes: int, clock: Clock) -> float:
    total_bytes = min(max(128 * MIB, 16 * MIB * n_threads), free_bytes // 10)
    half = max(total_bytes // n_threads // 8, 1024)
    with ThreadPoolExecutor(n_threads) as pool:
        # Each thread touches its own pages first, so that they lie near its core.
        parts = list(pool.map(lambda _: np.ones(2 * half, dtype=np.float32), range(n_threads)))

        def read_all() -> None:
            list(pool.map(np.max, parts))

        def copy_halves() -> None:
            list(pool.map(lambda part: np.copyto(part[half:], part[:half]), parts))

        shortest_s = _shortest_s([read_all, copy_halves], budget_s=_MEMORY_BUDGET_S, clock=clock)
    return 8.0 * half * n_threads / shortest_s


def _flop_per_s(free_bytes: int, clock: Clock) -> float:
    """The best over growing matrices: small ones do not fill many cores, large ones take slow ones long."""
    best_flop_per_s = 0.0
    for size in _MATRIX_SIZES:
        flop = 2.0 * size**3
        budget_s = _ARITHMETIC_BUDGET_S / len(_MATRIX_SIZES)
        too_long = best_flop_per_s > 0 and flop / best_flop_per_s > 2 * budget_s
        too_large = size > _MATRIX_SIZES[0] and 8 * size**2 > free_bytes // 10
        if too_long or too_large:
            break
        matrix = np.ones((size, size), dtype=np.float32)
        product = np.empty_like(matrix)

        def multiply(matrix: np.ndarray = matrix, product: np.ndarray = product) -> None:
            np.matmul(matrix, matrix, out=product)

        best_flop_per_s = max(best_flop_per_s, flop / _shortest_s([multiply], budget_s=budget_s, clock=clock))
    return best_flop_per_s


def _shortest_s(works: Sequence[Callable[[], None]], *, budget_s: float, clock: Clock) -> float:
    """The shortest time any of these took, in rounds until the budget is spent."""
    shortest_s = float("inf")
    deadline_s = clock.monotonic_s() + budget_s
    for _ in range(_MOST_ROUNDS):
        for work in works:
            started_s = clock.monotonic_s()
            work()
            shortest_s = min(shortest_s, max(clock.monotonic_s() - started_s, _SHORTEST_TRY_S))
        if clock.monotonic_s() >= deadline_s:
            break
    return shortest_s
