"""Non-negative least squares on relative errors, and the ways of holding measurements back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import nnls

Fitter = Callable[[np.ndarray, np.ndarray], np.ndarray]
N_ROUNDS = 40
LEAST_ERROR = 0.02
INTERVAL = (0.05, 0.95)
"""Quantiles of measured over predicted durations between which nine runs in ten are."""


def fit_relative(terms: np.ndarray, measured: np.ndarray, lowest: np.ndarray) -> np.ndarray:
    """Coefficients of least mean absolute relative error, none below ``lowest``.

    Iteratively reweighted least squares; the bound is a shift, so that non-negative least squares solves it.
    """
    weights = np.ones(len(measured))
    coefficients = lowest
    for _ in range(N_ROUNDS):
        scale = np.sqrt(weights) / measured
        above, _ = nnls(terms * scale[:, None], scale * (measured - terms @ lowest))
        coefficients = lowest + above
        weights = 1.0 / np.maximum(np.abs(terms @ coefficients / measured - 1.0), LEAST_ERROR)
    return coefficients


def held_out(terms: np.ndarray, measured: np.ndarray, groups: np.ndarray, fitter: Fitter) -> np.ndarray:
    """Predictions of each group by a fit on all others; NaN where nothing else is left."""
    predicted = np.full(len(measured), np.nan)
    for group in np.unique(groups):
        out = groups == group
        if not out.all():
            predicted[out] = terms[out] @ fitter(terms[~out], measured[~out])
    return predicted


def held_out_within(
    terms: np.ndarray, measured: np.ndarray, groups: np.ndarray, parts: np.ndarray, fitter: Fitter
) -> np.ndarray:
    """The same with a fit of its own for each part."""
    predicted = np.full(len(measured), np.nan)
    for part in np.unique(parts):
        inside = parts == part
        predicted[inside] = held_out(terms[inside], measured[inside], groups[inside], fitter)
    return predicted


def quantiles_of_others(ratio: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """p5 and p95 for each row, of the rows of all other groups: shape (n, 2)."""
    found = np.full((len(ratio), 2), np.nan)
    for group in np.unique(groups):
        out = groups == group
        if not out.all():
            found[out] = np.nanquantile(ratio[~out], INTERVAL)
    return found


def folds(n: int, *, seed: int, n_folds: int = 5) -> np.ndarray:
    """A fold for each of ``n`` rows."""
    return np.random.default_rng(seed).permutation(n) % n_folds


def folds_of_groups(groups: np.ndarray, *, seed: int, n_folds: int = 5) -> np.ndarray:
    """A fold for each row, the same for all rows of a group."""
    _, index = np.unique(groups, return_inverse=True)
    return folds(index.max() + 1, seed=seed, n_folds=n_folds)[index]
