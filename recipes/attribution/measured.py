"""Our shares against the meter: the same batch on a GPU, with and without each request.

    python -m recipes.attribution.measured --url http://127.0.0.1:8000 --served NAME
        --model mistral-nemo-12b --format bf16

Needs an NVIDIA GPU that does nothing else and an OpenAI-style server on it (vLLM, llama-server, Galerne)
with its prefix cache off. Every group of the requests is run, each several times and in an order of its own,
with the driver's energy counter read around it; the exact Shapley values of these energies are the fair
shares. Beside them stand our rule, run by the ledger's own code on the whole batch as its tokens came out and
normalised to what the counter said, and the usual splits. Writes ``results/measured-<date>.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from recipes.attribution.coalitions import (
    Coalition,
    left_out_j,
    mean_and_error,
    measured_shapley_j,
    rounds,
)
from recipes.attribution.shares import misplaced_ratio

from galerne.catalog import default_catalog
from galerne.clock import SystemClock
from galerne.generation import Usage
from galerne.ledger.windows import Flight, OpenWindows, WindowEnergy
from galerne.machine import probe_machine
from galerne.machine.meter import NvidiaMeter, window_between
from galerne.machine.nvidia import load_nvml
from galerne.perf import StepWeights, step_weights
from galerne.perf.fit import serving_plan
from galerne.units import from_microjoules, to_microjoules

FOLDER = Path(__file__).parent / "results"
LENGTHS = ((200, 150), (200, 450), (1500, 150), (1500, 450))
"""Tokens of prompt and of answer: short and long of each."""
REST_S = 30.0
PAUSE_S = 3.0
SETTLE_S = 0.2
WORD = " the"


@dataclass(slots=True)
class Run:
    """One coalition, once.

    Attributes:
        events: instant, request, and tokens that came out; 0 for the end.
    """

    started_s: float
    ended_s: float = 0.0
    energy_j: float = 0.0
    events: list[tuple[float, int, int]] = field(default_factory=list)


def ours_j(run: Run, weights: StepWeights, *, active_j: float) -> list[float]:
    """The ledger's rule on one run: prompts, tokens and ends as they came."""
    windows = OpenWindows(now_s=run.started_s)
    members = sorted({request for _, request, _ in run.events})
    for request in members:
        flight = Flight(
            answer_id=str(request),
            request_id=str(request),
            model_id="m",
            weights=weights,
            began_at=run.started_s,
            began_s=run.started_s,
        )
        windows.begin(flight, now_s=run.started_s)
    begun: set[int] = set()
    for at_s, request, n_tokens in run.events:
        prompt_tokens = LENGTHS[request][0]
        if n_tokens and request not in begun:
            begun.add(request)
            windows.read_prompt(str(request), prompt_tokens=prompt_tokens, cached_tokens=0, now_s=at_s)
        elif n_tokens:
            windows.generate(str(request), n_tokens=n_tokens)
        else:
            windows.end(str(request), _usage(prompt_tokens), now_s=at_s)
    energy = WindowEnergy(
        started_at=run.started_s,
        ended_at=run.ended_s,
        duration_s=run.ended_s - run.started_s,
        active_uj=to_microjoules(active_j),
        idle_uj=0,
        method="measured",
        coverage_ratio=1.0,
    )
    windows.close(energy, now_s=run.ended_s, loading=False)
    shares = {int(f.answer_id): f.active_uj for settled in windows.settle() for f in settled.finals}
    return [from_microjoules(shares[request]) for request in members]


def _usage(prompt_tokens: int) -> Usage:
    return Usage(
        prompt_tokens=prompt_tokens, cached_tokens=0, new_tokens=0, queued_s=0.0, prefill_s=0.0, decode_s=0.0
    )


def table(active_j: dict[Coalition, list[float]], ours: list[list[float]]) -> dict[str, Any]:
    """The fair shares of the measured energies, and how far each rule is from them."""
    n = len(LENGTHS)
    mean_j = {group: statistics.fmean(values) for group, values in active_j.items()}
    fair = np.array(measured_shapley_j(mean_j, n))
    whole_j = mean_j[frozenset(range(n))]
    tokens = np.array([sum(pair) for pair in LENGTHS], float)
    written = np.array([pair[1] for pair in LENGTHS], float)
    rules = {
        "ours": np.mean(ours, axis=0),
        "per request": np.full(n, whole_j / n),
        "per token": whole_j * tokens / tokens.sum(),
        "per output token": whole_j * written / written.sum(),
    }
    return {
        "requests": [{"prompt_tokens": read, "new_tokens": new} for read, new in LENGTHS],
        "whole_batch_j": mean_and_error(active_j[frozenset(range(n))]),
        "fair_j": fair.tolist(),
        "left_out_j": left_out_j(mean_j, n),
        "shares_j": {name: shares.tolist() for name, shares in rules.items()},
        "misplaced_ratio": {name: misplaced_ratio(shares, fair) for name, shares in rules.items()},
    }


async def run_group(client: httpx.AsyncClient, served: str, group: Coalition, salt: int) -> Run:
    """Run some of the requests together."""
    run = Run(started_s=time.monotonic())
    await asyncio.gather(*(_ask(client, served, request, salt, run) for request in sorted(group)))
    run.ended_s = time.monotonic()
    run.events.sort()
    return run


async def _ask(client: httpx.AsyncClient, served: str, request: int, salt: int, run: Run) -> None:
    prompt_tokens, new_tokens = LENGTHS[request]
    body = {
        "model": served,
        "prompt": f"{salt} {request}" + WORD * prompt_tokens,  # never the same beginning twice
        "max_tokens": new_tokens,
        "temperature": 0.0,
        "ignore_eos": True,
        "stream": True,
    }
    async with client.stream("POST", "/v1/completions", json=body) as reply:
        reply.raise_for_status()
        async for line in reply.aiter_lines():
            if line.startswith("data: {") and json.loads(line[6:]).get("choices"):
                run.events.append((time.monotonic(), request, 1))
    run.events.append((time.monotonic(), request, 0))


async def measure(
    weights: StepWeights,
    nvml: Any,
    *,
    url: str,
    served: str,
    n_rounds: int,
    transport: httpx.AsyncBaseTransport | None = None,
) -> dict[str, Any]:
    """Every group, so many times; fifteen batches a round."""
    meter = NvidiaMeter(nvml, clock=SystemClock())

    async def watch(seconds: float) -> float:
        before = meter.read()
        started_s = time.monotonic()
        await asyncio.sleep(seconds)
        return window_between(before, meter.read()).total_j / (time.monotonic() - started_s)

    active_j: dict[Coalition, list[float]] = {}
    ours: list[list[float]] = []
    async with httpx.AsyncClient(base_url=url, timeout=600.0, transport=transport) as client:
        whole = frozenset(range(len(LENGTHS)))
        await run_group(client, served, whole, -1)  # warm
        await asyncio.sleep(PAUSE_S)
        idle_w = await watch(REST_S)
        for salt, group in enumerate(rounds(len(LENGTHS), n_rounds, shuffle=range(10**6))):
            before = meter.read()
            run = await run_group(client, served, group, salt)
            await asyncio.sleep(SETTLE_S)  # the counter moves ten times a second
            taken_s = time.monotonic() - run.started_s
            run.energy_j = window_between(before, meter.read()).total_j - idle_w * taken_s
            active_j.setdefault(group, []).append(run.energy_j)
            if group == whole:
                ours.append(ours_j(run, weights, active_j=max(0.0, run.energy_j)))
            await asyncio.sleep(PAUSE_S)
    return {"idle_w": idle_w, "rounds": n_rounds, **table(active_j, ours)}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m recipes.attribution.measured", description=__doc__)
    parser.add_argument("--url", required=True, help="an OpenAI-style server on this machine")
    parser.add_argument("--served", required=True, help="what it calls the model")
    parser.add_argument("--model", required=True, help="id in our catalogue, for the constants of a step")
    parser.add_argument("--format", default="bf16")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    nvml = load_nvml()
    if nvml is None:
        parser.error("there is no NVIDIA GPU here, or nvidia-ml-py is missing")
    catalog = default_catalog()
    machine = probe_machine(catalog, cache_folder=None, clock=SystemClock(), nvml=nvml)
    plan = serving_plan(catalog, catalog.models[chosen.model], catalog.formats[chosen.format], machine)
    result = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "gpu": [device.name for device in machine.accelerators],
        "model": chosen.model,
        "format": chosen.format,
        **asyncio.run(
            measure(step_weights(plan), nvml, url=chosen.url, served=chosen.served, n_rounds=chosen.rounds)
        ),
    }
    print(json.dumps(result, indent=1))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"measured-{result['date']}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
