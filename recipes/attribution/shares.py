"""Fair shares by Monte-Carlo Shapley, ours by the ledger's own code, and the splits that others use."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from recipes.attribution.traffic import Cost, Trace

from galerne.generation import Usage
from galerne.ledger.windows import Flight, OpenWindows, WindowEnergy
from galerne.perf import StepWeights
from galerne.units import from_microjoules, to_microjoules

WINDOW_S = 1.0


def shapley_j(trace: Trace, cost_j: Cost, *, n_orders: int, generator: Generator) -> np.ndarray:
    """Each request's mean addition to the true energy of its steps, over random orders of arrival.

    The game is additive in the steps, so that each is sampled by itself.
    """
    shares = np.zeros(len(trace.requests))
    for members, contexts, prompts in zip(trace.members, trace.contexts, trace.prompts, strict=True):
        n = len(members)
        orders = np.argsort(generator.random((n_orders, n)), axis=1)
        sizes = np.arange(1, n + 1, dtype=float)
        after_j = cost_j(sizes, np.cumsum(contexts[orders], axis=1), np.cumsum(prompts[orders], axis=1))
        added_j = np.diff(np.broadcast_to(after_j, orders.shape), axis=1, prepend=0.0)
        np.add.at(shares, members[orders].ravel(), added_j.ravel() / n_orders)
    return shares


def ours_j(trace: Trace, weights: StepWeights) -> np.ndarray:
    """The ledger's rule, over windows of a second, with the given constants."""
    windows, finals = OpenWindows(now_s=0.0), {}
    given, opened_s, window_j = [0] * len(trace.requests), 0.0, 0.0
    begun: set[int] = set()

    def close(now_s: float) -> None:
        nonlocal opened_s, window_j
        energy = WindowEnergy(
            started_at=opened_s, ended_at=now_s, duration_s=now_s - opened_s, idle_uj=0,
            active_uj=to_microjoules(window_j), method="measured", coverage_ratio=1.0,
        )  # fmt: skip
        windows.close(energy, now_s=now_s, loading=False)
        opened_s, window_j = now_s, 0.0
        for settled in windows.settle():
            finals.update({int(final.answer_id): final for final in settled.finals})

    before_s = 0.0
    for step, members in enumerate(trace.members):
        started_s = max(before_s, trace.ended_s[step] - trace.energy_j[step] / trace.power_w)
        for i in set(members.tolist()) - begun:
            begun.add(i)
            windows.begin(
                Flight(answer_id=str(i), request_id=str(i), model_id="m", weights=weights,
                       began_at=started_s, began_s=started_s), now_s=started_s,
            )  # fmt: skip
        now_s = before_s = trace.ended_s[step]
        window_j += trace.energy_j[step]
        for i, prompt in zip(members.tolist(), trace.prompts[step].tolist(), strict=True):
            request = trace.requests[i]
            if prompt:
                windows.read_prompt(str(i), prompt_tokens=int(prompt), cached_tokens=0, now_s=now_s)
                continue
            windows.generate(str(i), n_tokens=1)
            given[i] += 1
        for i in members.tolist():
            request = trace.requests[i]
            if given[i] == request.new_tokens:
                windows.end(str(i), _usage(request.prompt_tokens, request.new_tokens), now_s=now_s)
        if now_s - opened_s >= WINDOW_S:
            close(now_s)
    close(before_s)
    return np.array([from_microjoules(finals[i].active_uj) for i in range(len(trace.requests))])


def _usage(prompt_tokens: int, new_tokens: int) -> Usage:
    return Usage(
        prompt_tokens=prompt_tokens, cached_tokens=0, new_tokens=new_tokens,
        queued_s=0.0, prefill_s=0.0, decode_s=0.0,
    )  # fmt: skip


def naive_j(trace: Trace) -> dict[str, np.ndarray]:
    """The splits that others use, each of the same energy: of the whole stretch, or window by window."""
    n = len(trace.requests)
    new = np.array([request.new_tokens for request in trace.requests], float)
    prompt = np.array([request.prompt_tokens for request in trace.requests], float)
    step_s = np.diff(trace.ended_s, prepend=0.0)
    step_s = np.minimum(step_s, np.array(trace.energy_j) / trace.power_w)  # without the pauses
    time_s, tokens = np.zeros((len(trace.members), n)), np.zeros((len(trace.members), n))
    for step, (members, prompts) in enumerate(zip(trace.members, trace.prompts, strict=True)):
        time_s[step, members] = step_s[step]
        tokens[step, members] = prompts == 0
    whole_j, total_s = sum(trace.energy_j), time_s.sum(axis=0)
    window = (np.array(trace.ended_s) // WINDOW_S).astype(int)
    return {
        "per request": np.full(n, whole_j / n),
        "per time": whole_j * total_s / total_s.sum(),
        "per token": whole_j * (new + prompt) / (new + prompt).sum(),
        "per output token": whole_j * new / new.sum(),
        "window, per time": _by_window(window, np.array(trace.energy_j), time_s),
        "window, per output token": _by_window(window, np.array(trace.energy_j), tokens),
    }


def _by_window(window: np.ndarray, energy_j: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Each window's energy by what each request had of something in it; by presence where nobody had any."""
    shares = np.zeros(amounts.shape[1])
    for number in np.unique(window):
        inside = window == number
        amount = amounts[inside].sum(axis=0)
        if not amount.any():
            amount = np.ones_like(amount)
        shares += energy_j[inside].sum() * amount / amount.sum()
    return shares


def misplaced_ratio(shares_j: np.ndarray, fair_j: np.ndarray) -> float:
    """The part of the energy that is on the wrong account: half the sum of differences, over all of it."""
    return float(np.abs(shares_j - fair_j).sum() / 2 / fair_j.sum())
