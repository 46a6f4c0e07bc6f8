"""Uncertainty as an outer loop: sample the inputs, run the same formulas, read the quantiles.

There is no interval arithmetic here. A fact is a best value with its low and high (p5 and p95); a result
with its interval comes from evaluating the ordinary vectorised formulas on arrays of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Z_P95 = 1.6448536269514722
"""Standard normal quantile of 0.95: the distance from p50 to p95 in standard deviations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A quantity known within limits: best value, p5 and p95."""

    best: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.best <= self.high:
            raise ValueError(f"a spread needs low <= best <= high: {self.low}, {self.best}, {self.high}")

    @property
    def relative(self) -> tuple[float, float]:
        """Low and high as multiples of the best value."""
        return (self.low / self.best, self.high / self.best) if self.best else (1.0, 1.0)

    @classmethod
    def within(cls, best: float, low_ratio: float, high_ratio: float) -> Spread:
        """A spread given as multiples of its best value, such as 0.5 and 2."""
        return cls(best=best, low=best * low_ratio, high=best * high_ratio)


def sample(spread: Spread, rng: np.random.Generator, n_samples: int) -> npt.NDArray[np.float64]:
    """Draw samples of a spread: two half-normals joined at the best value.

    Each side is scaled so that 5 % of the draws fall beyond ``low`` and 5 % beyond ``high``; half of the
    draws lie on each side of ``best``.

    Returns:
        Shape ``(n_samples,)``.
    """
    z = rng.standard_normal(n_samples)
    below = (spread.best - spread.low) / Z_P95
    above = (spread.high - spread.best) / Z_P95
    return spread.best + np.where(z < 0, below, above) * z


def propagate(
    formula: Callable[..., npt.NDArray[np.float64]],
    inputs: Mapping[str, Spread],
    *,
    rng: np.random.Generator,
    n_samples: int = 1000,
) -> Spread:
    """Carry input spreads through a vectorised formula.

    Args:
        formula: takes one array per input, by keyword; returns an array of the same shape.
        inputs: each independent of the others.
        rng: where randomness comes from.
        n_samples: how many evaluations.

    Returns:
        The formula at the best inputs, with the 5th and 95th percentile of its samples around it.
    """
    best = float(np.asarray(formula(**{name: np.array([s.best]) for name, s in inputs.items()}))[0])
    values = formula(**{name: sample(s, rng, n_samples) for name, s in inputs.items()})
    low, high = np.quantile(values, (0.05, 0.95))
    return Spread(best=best, low=min(float(low), best), high=max(float(high), best))
