"""What does an estimate of the shared model cost? In bulk, and one at a time as a router asks it.

python -m benchmarks.bench_step
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np

from benchmarks.fingerprint import fingerprint
from galerne.catalog import Machine, default_catalog
from galerne.perf import BatchShape, ServingPlan, predict_step, serving_plan

N_ESTIMATES = 10_000
N_ROUNDS = 200


def measure_step(*, model_id: str, n_rounds: int = N_ROUNDS) -> dict[str, float]:
    """Median seconds of processor time per estimate, in bulk and alone, for one model on four H100."""
    plan = _plan(model_id)
    n_sequences = np.random.default_rng(0).uniform(1.0, 512.0, N_ESTIMATES)
    many = BatchShape(n_sequences=n_sequences, context_tokens=7.0 * n_sequences)
    one = BatchShape(n_sequences=8.0, context_tokens=100.0)
    return {
        "bulk_s": _median_s(lambda: predict_step(plan, many), n_rounds) / N_ESTIMATES,
        "single_s": _median_s(lambda: predict_step(plan, one), n_rounds),
    }


def _plan(model_id: str) -> ServingPlan:
    catalog = default_catalog()
    machine = Machine(
        name="four H100",
        host=catalog.hosts["any"],
        n_cores=0,
        memory_bytes=0,
        memory_bytes_per_s=0.0,
        peak_flop_per_s=0.0,
        accelerators=(catalog.accelerators["h100-sxm"],) * 4,
    )
    model = catalog.models[model_id]
    return serving_plan(catalog, model, catalog.formats["fp8"], machine, tensor_parallel=4)


def _median_s(work: Callable[[], object], n_rounds: int) -> float:
    """Each result is kept until the next, as a caller would: memory is not given back in between."""
    times, kept = [], None
    for _ in range(n_rounds):
        start = time.process_time()
        kept = work()
        times.append(time.process_time() - start)
    del kept
    return float(np.median(times))


if __name__ == "__main__":
    models = ("mistral-7b-v0.3", "mixtral-8x7b", "mistral-large-3-675b")
    figures = {model_id: measure_step(model_id=model_id) for model_id in models}
    print(json.dumps({"machine": fingerprint(), "step": figures}, indent=1))
