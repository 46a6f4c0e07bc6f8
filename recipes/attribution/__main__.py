"""Prints how much energy each rule puts on the wrong account, as a table."""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng
from recipes.attribution.shares import misplaced_ratio, naive_j, ours_j, shapley_j
from recipes.attribution.traffic import WORKLOADS, Cost, Workload, make_requests, serve

from galerne.perf import StepWeights

SEED = 20261122
FIXED_J, PER_SEQUENCE_J, PER_PROMPT_J, PER_CONTEXT_J = 3.2, 0.07, 0.026, 2e-5
"""A dense model of 8 billion parameters on one H100, in round figures: the fit of the calibration recipe."""
WRONG_BY = math.log(1.5)
"""Standard deviation of the logarithm of the factor by which each of our constants is wrong."""
POWER_W = 600.0


def linear_j(n: Any, contexts: Any, prompts: Any) -> Any:
    """What stands beside the fixed part in every truth below, all affine."""
    return PER_SEQUENCE_J * n + PER_CONTEXT_J * contexts + PER_PROMPT_J * prompts


TRUTHS: dict[str, Cost] = {
    "a knee: bandwidth, then arithmetic": lambda n, contexts, prompts: np.maximum(
        FIXED_J + PER_CONTEXT_J * contexts, 3.0 * linear_j(n, contexts, prompts)
    ),
    "concave: n to the 0.6": lambda n, contexts, prompts: (
        FIXED_J + 0.4 * n**0.6 + PER_CONTEXT_J * contexts + PER_PROMPT_J * prompts
    ),
    "experts touched one by one": lambda n, contexts, prompts: (
        0.3 * FIXED_J + 8 * FIXED_J * (1 - (1 - 8 / 128) ** (n + prompts)) + linear_j(n, contexts, prompts)
    ),
    "convex: quadratic prompts and batch": lambda n, contexts, prompts: (
        FIXED_J + linear_j(n, contexts, prompts) + 0.004 * n**2 + 4e-6 * prompts**2
    ),
}
"""Energy of a step by sequences, their tokens of context, and prompt tokens read in it: none is affine."""


def wrong_weights(generator: Generator) -> StepWeights:
    """Our constants, each off by its own factor."""
    factors = np.exp(WRONG_BY * generator.standard_normal(4))
    return StepWeights(
        fixed_j=FIXED_J * factors[0],
        per_sequence_j=PER_SEQUENCE_J * factors[1],
        per_prompt_token_j=PER_PROMPT_J * factors[2],
        per_context_token_j=PER_CONTEXT_J * factors[3],
    )


def errors(
    truth: str, workload: Workload, *, n_requests: int, n_orders: int, n_drawn: int, seed: int = SEED
) -> dict[str, float]:
    """Misplaced energy by rule, ours first; ours is the mean over draws of wrong constants."""
    generator = default_rng([seed, list(TRUTHS).index(truth), WORKLOADS.index(workload)])
    cost_j = TRUTHS[truth]
    trace = serve(make_requests(workload, n_requests, generator), cost_j, power_w=POWER_W)
    fair_j = shapley_j(trace, cost_j, n_orders=n_orders, generator=generator)
    ours = [misplaced_ratio(ours_j(trace, wrong_weights(generator)), fair_j) for _ in range(n_drawn)]
    others = {name: misplaced_ratio(shares_j, fair_j) for name, shares_j in naive_j(trace).items()}
    return {"ours": float(np.mean(ours)), "ours, worst": max(ours), **others}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    size = {"n_requests": 20, "n_orders": 16, "n_drawn": 2} if quick else {
        "n_requests": 150, "n_orders": 128, "n_drawn": 10
    }  # fmt: skip
    print(f"Seed {SEED}, {size}\n")
    for number, truth in enumerate(TRUTHS):
        for workload in WORKLOADS:
            found = errors(truth, workload, **size)
            if number == 0 and workload is WORKLOADS[0]:
                print(f"| true step | workload | {' | '.join(found)} |")
                print(f"|---|---|{'---|' * len(found)}")
            cells = " | ".join(f"{100 * value:.1f}" for value in found.values())
            print(f"| {truth} | {workload.name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
