"""How long the slower answers take: what a mean hides when people ask at random.

Answers in service are Poisson around their mean, and prompts queue for the tokens of a step (M/D/1). The
percentile is over answers of one length; a mix of lengths spreads further.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from galerne.units import Numeric

Floats = npt.NDArray[np.float64]
DEFAULT_RATIO = 0.95
"""The percentile that is shown where the objective asks for none."""
_LEAST_FREE_RATIO = 1e-3


def in_service(n_sequences: Numeric, *, percentile_ratio: float) -> Floats:
    """Answers in service at a percentile, when their mean is known and they come at random.

        n_p = n + z_p · √n

    Valid for: no answer waiting for a place; what exceeds the places is counted as a wait.
    Sources: erlang-1917
    """
    mean = np.asarray(n_sequences, dtype=np.float64)
    return np.asarray(mean + NormalDist().inv_cdf(percentile_ratio) * np.sqrt(mean))


def queue_wait_s(busy_ratio: Numeric, service_s: Numeric, *, percentile_ratio: float) -> Floats:
    """Wait of a prompt for its turn, at a percentile.

        P(W > x) ≈ ρ · exp(−2 (1 − ρ) x / s),  so  W_p = s / (2 (1 − ρ)) · ln(ρ / (1 − p)), not below 0

    Args:
        busy_ratio: ρ, share of the steps' tokens that prompts take.
        service_s: s, time of one prompt.
        percentile_ratio: p.

    Valid for: prompts of one length that come at random, ρ below 1; where they come as fast as they are read
        the queue is that of a thousandth less.
    Sources: erlang-1917
    """
    busy = np.asarray(busy_ratio, dtype=np.float64)
    free = np.maximum(1.0 - busy, _LEAST_FREE_RATIO)
    tail = np.log(np.maximum(busy, 1e-300) / (1.0 - percentile_ratio))
    return np.asarray(np.maximum(0.0, np.asarray(service_s) / (2.0 * free) * tail))
