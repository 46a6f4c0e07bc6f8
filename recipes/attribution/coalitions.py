"""The fair shares of a batch whose every part was measured: no model of a step is in them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

Coalition = frozenset[int]


def coalitions(n_requests: int) -> Iterator[Coalition]:
    """Every group of requests that can run together, but for nobody."""
    for size in range(1, n_requests + 1):
        yield from (frozenset(group) for group in itertools.combinations(range(n_requests), size))


def measured_shapley_j(energy_j: Mapping[Coalition, float], n_requests: int) -> list[float]:
    """Each request's mean addition to the measured energy, over all orders of arrival; exact.

        φ_i = Σ_S |S|! (n − |S| − 1)! / n! · (E(S + i) − E(S))

    Args:
        energy_j: above idle, of every coalition.
        n_requests: in the whole batch.
    """
    known = {**energy_j, frozenset(): 0.0}
    shares = []
    for one in range(n_requests):
        without = (group for group in known if one not in group)
        shares.append(
            sum(_weight(len(group), n_requests) * (known[group | {one}] - known[group]) for group in without)
        )
    return shares


def _weight(size: int, n_requests: int) -> float:
    return math.factorial(size) * math.factorial(n_requests - size - 1) / math.factorial(n_requests)


def left_out_j(energy_j: Mapping[Coalition, float], n_requests: int) -> list[float]:
    """What the whole batch needed more than the batch without each request. These do not add up to it."""
    whole = frozenset(range(n_requests))
    return [energy_j[whole] - energy_j.get(whole - {one}, 0.0) for one in range(n_requests)]


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and its standard error; the error of a single value is not known."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, math.nan
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def rounds(n_requests: int, n_rounds: int, *, shuffle: Iterable[int]) -> list[Coalition]:
    """Every coalition once a round, each round in an order of its own: drift hits all alike."""
    listed = []
    for seed in itertools.islice(shuffle, n_rounds):
        listed += sorted(coalitions(n_requests), key=lambda group: hash((seed, tuple(sorted(group)))))
    return listed
