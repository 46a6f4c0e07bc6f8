"""Requests that arrive at random, batched continuously: which sequences made which step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

Cost = Callable[[Any, Any, Any], Any]
"""Joules of a step, from its sequences, all their tokens of context, and the prompt tokens read in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """Who asks what, and how often.

    Attributes:
        prompt_tokens: median of a log-normal; likewise ``new_tokens``.
        requests_per_s: Poisson arrivals.
    """

    name: str
    prompt_tokens: float
    new_tokens: float
    requests_per_s: float


WORKLOADS = (
    Workload(name="chat", prompt_tokens=150, new_tokens=150, requests_per_s=2.0),
    Workload(name="documents", prompt_tokens=2500, new_tokens=80, requests_per_s=1.0),
    Workload(name="reasoning", prompt_tokens=200, new_tokens=700, requests_per_s=0.5),
    Workload(name="quiet", prompt_tokens=150, new_tokens=150, requests_per_s=0.3),
)
SPREAD = 0.9
"""Standard deviation of the logarithm of lengths: a tenth is three times the median or more."""
MOST_SEQUENCES = 32


@dataclass(slots=True)
class Request:
    """One request.

    Attributes:
        read_step: the step that read its prompt; the next ``new_tokens`` steps each gave a token.
    """

    arrived_s: float
    prompt_tokens: int
    new_tokens: int
    read_step: int = -1


@dataclass(slots=True)
class Trace:
    """What was served.

    Attributes:
        members: of each step: requests.
        contexts: of each step: tokens each of its members has already; 0 for one whose prompt is read.
        prompts: of each step: prompt tokens each member reads in it; 0 for one that decodes.
    """

    requests: list[Request]
    power_w: float
    members: list[np.ndarray] = field(default_factory=list)
    contexts: list[np.ndarray] = field(default_factory=list)
    prompts: list[np.ndarray] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)
    energy_j: list[float] = field(default_factory=list)


def make_requests(workload: Workload, n_requests: int, generator: Generator) -> list[Request]:
    """Arrivals and lengths."""
    arrived_s = np.cumsum(generator.exponential(1 / workload.requests_per_s, n_requests))
    prompts = generator.lognormal(np.log(workload.prompt_tokens), SPREAD, n_requests)
    answers = generator.lognormal(np.log(workload.new_tokens), SPREAD, n_requests)
    return [
        Request(arrived_s=float(at), prompt_tokens=max(1, int(prompt)), new_tokens=max(1, int(answer)))
        for at, prompt, answer in zip(arrived_s, prompts, answers, strict=True)
    ]


def serve(requests: list[Request], cost_j: Cost, *, power_w: float) -> Trace:
    """Batch continuously: a step reads waiting prompts and gives a token to every other sequence."""
    trace, now_s, active = Trace(requests, power_w), 0.0, {}
    waiting = list(range(len(requests)))
    while waiting or active:
        if not active and requests[waiting[0]].arrived_s > now_s:
            now_s = requests[waiting[0]].arrived_s
        reading = []
        while waiting and requests[waiting[0]].arrived_s <= now_s and len(active) < MOST_SEQUENCES:
            reading.append(waiting.pop(0))
            active[reading[-1]] = 0
            requests[reading[-1]].read_step = len(trace.members)
        members = np.array(sorted(active))
        prompts = np.array([requests[i].prompt_tokens if i in reading else 0 for i in members], float)
        contexts = np.array(
            [0 if i in reading else requests[i].prompt_tokens + active[i] for i in members], float
        )
        step_j = float(cost_j(float(len(members)), contexts.sum(), prompts.sum()))
        now_s += step_j / power_w
        for name, values in (("members", members), ("contexts", contexts), ("prompts", prompts)):
            getattr(trace, name).append(values)
        trace.ended_s.append(now_s)
        trace.energy_j.append(step_j)
        for i in members:
            if i not in reading:
                active[i] += 1
                if active[i] >= requests[i].new_tokens:
                    del active[i]
    return trace
