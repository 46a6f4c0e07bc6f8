"""One world or many: catalogue rows with a number in each field, or with an array of samples.

A plan is evaluated twice by the same formulas: once on the best values, once on samples drawn from every
range of the catalogue and of the scenario. The quantiles of the second are the limits of the first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from galerne.catalog import Fact, Row
from galerne.spread import Spread, sample
from galerne.units import Numeric

R = TypeVar("R", bound=Row)


class World(Protocol):
    """Where a formula takes its inputs from."""

    def number(self, spread: Spread) -> Numeric:
        """A quantity known within limits."""
        ...

    def row(self, row: R) -> R:
        """A catalogue row, its fields known within limits."""
        ...

    def fact(self, fact: Fact) -> Numeric:
        """A catalogue figure."""
        ...


class BestWorld:
    """Every quantity at its best value."""

    def number(self, spread: Spread) -> Numeric:
        """Its best value."""
        return spread.best

    def row(self, row: R) -> R:
        """The row as it is."""
        return row

    def fact(self, fact: Fact) -> Numeric:
        """Its best value."""
        return fact.value


class SampledWorlds:
    """Every quantity as samples, shape ``(samples, 1, 1, 1)``; each row and fact is drawn once.

    Fields typed ``float`` hold arrays here: the formulas take either.
    """

    def __init__(self, rng: np.random.Generator, n_samples: int) -> None:
        self._rng = rng
        self._n_samples = n_samples
        self._drawn: dict[str, Any] = {}

    def number(self, spread: Spread) -> Numeric:
        """Samples of a quantity, never below zero where its range is not."""
        if spread.low == spread.high:
            return spread.best
        drawn = sample(spread, self._rng, self._n_samples).reshape(-1, 1, 1, 1)
        floor = min(spread.low, spread.best) * 0.5 if spread.low > 0 else spread.low
        return np.asarray(np.maximum(drawn, floor))

    def row(self, row: R) -> R:
        """The row with samples in the fields that have a range."""
        key = f"{type(row).__name__}#{row.id}"
        if key not in self._drawn:
            fields = {name: self.number(spread) for name, spread in row.spread.items()}
            self._drawn[key] = dataclasses.replace(cast("Any", row), **fields)
        return cast("R", self._drawn[key])

    def fact(self, fact: Fact) -> Numeric:
        """Samples of a figure."""
        return cast("Numeric", self.row(fact).value)


def rows(world: World, wanted: Sequence[R]) -> tuple[R, ...]:
    """Several rows at once."""
    return tuple(world.row(row) for row in wanted)


def flat(value: Numeric) -> npt.NDArray[np.float64]:
    """A result as a vector: one number, or one per sample."""
    return np.asarray(value, dtype=np.float64).ravel()
