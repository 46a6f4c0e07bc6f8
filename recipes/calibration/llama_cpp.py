"""llama.cpp on one GPU: fitted on the decode and prompt speeds of a public table, one stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fitting import INTERVAL, fit_relative, held_out

from galerne.catalog import Catalog, ModelSpec
from galerne.catalog.hardware import Machine
from galerne.perf import BatchShape, ServingPlan
from galerne.perf.terms import TERMS, step_terms

MODELS = {"llama-3-8b": "llama-3.1-8b", "llama-3-70b": "llama-3.1-70b"}
"""The architecture is the same; only the context they were made for differs."""
FREE = ("weight_traffic_ratio", "kernel_s")
"""What one stream at a short context can tell; the other ratios take the weights'."""
UNSEEN = ("logits_traffic_ratio", "route_traffic_ratio", "reduce_traffic_ratio", "exchange_traffic_ratio")
"""What one stream of a dense model does not show: taken as ideal."""
PROMPT_TOKENS = 1024.0


def fit_llama_cpp(path: Path, catalog: Catalog) -> tuple[dict[str, Any], pd.DataFrame]:
    """The row, and the table with predictions leaving one GPU out."""
    table = pd.read_csv(path)
    models = catalog.reference_models.rows
    plans = [_plan(row, catalog, models) for row in table.itertuples()]
    decode = np.array([step_terms(p, BatchShape(n_sequences=1.0, context_tokens=512.0)) for p in plans])
    columns = [TERMS.index(name) for name in FREE]
    terms, measured = decode[:, columns], 1.0 / table.output_tokens_per_s.to_numpy()
    lowest = np.array([1.0, 0.0])

    def fitter(some: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        return fit_relative(some, seconds, lowest)

    weight_ratio, kernel_s = fitter(terms, measured)
    table["predicted_tokens_per_s"] = 1.0 / held_out(terms, measured, table.accelerator_id.to_numpy(), fitter)
    error = np.abs(table.output_tokens_per_s / table.predicted_tokens_per_s - 1.0)
    row: dict[str, Any] = dict.fromkeys(TERMS, 0.0)
    traffic = ("weight_traffic_ratio", "expert_traffic_ratio", "kv_traffic_ratio")
    row |= dict.fromkeys(traffic, weight_ratio)
    row |= {"decode_flop_ratio": 1.0, "kernel_s": kernel_s, "error_ratio": float(error.mean())}
    ratio = table.predicted_tokens_per_s / table.output_tokens_per_s
    row |= {"duration_ratio": tuple(np.quantile(ratio, INTERVAL))}
    row |= dict.fromkeys(UNSEEN, 1.0)
    ratio = _prompt_ratio(table, plans, row)
    row |= {"prefill_wide_flop_ratio": ratio, "attention_flop_ratio": ratio, "expert_flop_ratio": ratio}
    return row, table


def _prompt_ratio(table: pd.DataFrame, plans: list[ServingPlan], row: Mapping[str, Any]) -> float:
    """Time of prompt arithmetic over ideal in 16 bits: the geometric mean of the measured GPUs."""
    prompt = BatchShape(n_sequences=1.0, prompt_tokens=PROMPT_TOKENS)
    ratios = []
    for plan, speed in zip(plans, table.prompt_1024_tokens_per_s, strict=True):
        if not np.isnan(speed):
            terms = dict(zip(TERMS, step_terms(plan, prompt), strict=True))
            known_s = sum(row[name] * terms[name] for name in TERMS)
            left_s = PROMPT_TOKENS / speed - known_s
            ratios.append(left_s / (terms["prefill_wide_flop_ratio"] + terms["attention_flop_ratio"]))
    return float(np.exp(np.mean(np.log(ratios))))


def _plan(row: Any, catalog: Catalog, models: Mapping[str, ModelSpec]) -> ServingPlan:
    device = catalog.accelerators[row.accelerator_id]
    machine = Machine(
        name=row.accelerator_id,
        host=catalog.hosts["any"],
        n_cores=0,
        memory_bytes=0,
        memory_bytes_per_s=0.0,
        peak_flop_per_s=0.0,
        accelerators=(device,),
    )
    return ServingPlan(
        model=replace(models[MODELS[row.model_id]], id=row.model_id),
        format=catalog.formats[row.format_id],
        machine=machine,
        calibration=catalog.calibrations["vllm-accelerator"],
    )
