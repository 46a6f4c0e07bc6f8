"""One world or many: catalogue rows with a number in each field, or with an array of them.

A plan is evaluated by the same formulas on the best values, on samples of every range of the catalogue and
of the scenario (their quantiles are the limits of its figures), and on single inputs moved one at a time (the
tornado, and where a ranking flips). Every uncertain quantity has a name; its samples follow from that name
and the seed alone, so that what two places share is the same in both: common random numbers.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from galerne.catalog import Fact, Row
from galerne.spread import Spread, sample
from galerne.units import Numeric

R = TypeVar("R", bound=Row)
Draw: TypeAlias = Callable[[str, Spread], Numeric]
_BLOCK_VALUES = 200_000  # numbers of one array that stay near the processor


class World:
    """Where a formula takes its inputs from.

    Fields typed ``float`` hold arrays of shape ``(worlds, 1)`` in many worlds: the formulas take either.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._rows: dict[str, Any] = {}

    def number(self, name: str, spread: Spread) -> Numeric:
        """A quantity known within limits, by its name."""
        return spread.best if spread.low == spread.high else self._draw(name, spread)

    def row(self, row: R) -> R:
        """A catalogue row, its fields known within limits."""
        prefix = f"{type(row).__name__}.{row.id}"
        if prefix not in self._rows:
            fields = {field: self.number(f"{prefix}.{field}", spread) for field, spread in row.spread.items()}
            self._rows[prefix] = dataclasses.replace(cast("Any", row), **fields)
        return cast("R", self._rows[prefix])

    def fact(self, fact: Fact, *, scope: str = "") -> Numeric:
        """A catalogue figure; one that is drawn anew in each scope where a scope is given."""
        if not scope:
            return cast("Numeric", self.row(fact).value)
        spread = fact.spread.get("value") or Spread.within(fact.value, 1.0, 1.0)
        return self.number(f"Fact.{fact.id}.value@{scope}", spread)


def best_world() -> World:
    """Every quantity at its best value."""
    return World(lambda _name, spread: spread.best)


def recording_world() -> tuple[World, dict[str, Spread]]:
    """The best world, and the limits of every quantity that it was asked for."""
    asked: dict[str, Spread] = {}

    def draw(name: str, spread: Spread) -> Numeric:
        asked[name] = spread
        return spread.best

    return World(draw), asked


def swing_world(asked: Mapping[str, Spread]) -> World:
    """Two worlds for each quantity, in order: it alone at its low limit, then it alone at its high one."""
    place = {name: number for number, name in enumerate(asked)}

    def draw(name: str, spread: Spread) -> Numeric:
        values = np.full((2 * len(asked), 1), spread.best)
        if name in place:
            values[2 * place[name] : 2 * place[name] + 2, 0] = spread.low, spread.high
        return values

    return World(draw)


def moved_world(moved: str, values: npt.NDArray[np.float64]) -> World:
    """Worlds in which one quantity takes the given values and all others their best."""
    return World(lambda name, spread: values[:, None] if name == moved else spread.best)


def sampled_worlds(*, seed: int, n_samples: int, n_moments: int) -> Iterator[World]:
    """All samples in blocks small enough to be fast; each quantity's draws follow from its name alone."""
    drawn: dict[str, npt.NDArray[np.float64]] = {}
    size = max(1, _BLOCK_VALUES // n_moments)
    for start in range(0, n_samples, size):
        block = slice(start, min(start + size, n_samples))

        def draw(name: str, spread: Spread, block: slice = block) -> Numeric:
            if name not in drawn:
                drawn[name] = _samples(name, spread, seed=seed, n_samples=n_samples)
            return drawn[name][block, None]

        yield World(draw)


def _samples(name: str, spread: Spread, *, seed: int, n_samples: int) -> npt.NDArray[np.float64]:
    """Draws of a quantity, never below zero where its range is not."""
    rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
    floor = min(spread.low, spread.best) * 0.5 if spread.low > 0 else spread.low
    return np.asarray(np.maximum(sample(spread, rng, n_samples), floor))


def flat(value: Numeric) -> npt.NDArray[np.float64]:
    """A result as a vector: one number, or one per world."""
    return np.asarray(value, dtype=np.float64).ravel()
