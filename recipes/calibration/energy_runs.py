"""Measured GPU energy per token: the ML.ENERGY leaderboard v2 and benchmark v3.

The length of prompts is in neither table; ``PROMPT_TOKENS`` are assumptions and matter little: prompts take
few per cent of the energy of these tasks at the lengths assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galerne.catalog import Catalog, ModelSpec
from galerne.catalog.hardware import Machine
from galerne.perf import BatchShape, ServingPlan, SteadyLoad, steady_terms
from galerne.perf.kernels import WIDE_BYTES
from galerne.perf.step import plan_power_terms
from galerne.perf.work import plan_work, step_amounts

MODELS = {
    "openai/gpt-oss-20b": "gpt-oss-20b",
    "openai/gpt-oss-120b": "gpt-oss-120b",
    "Qwen/Qwen3-30B-A3B-Instruct-2507": "qwen3-30b-a3b",
    "Qwen/Qwen3-30B-A3B-Thinking-2507": "qwen3-30b-a3b",
    "Qwen/Qwen3-Coder-30B-A3B-Instruct": "qwen3-30b-a3b",
    "Qwen/Qwen3-235B-A22B-Instruct-2507": "qwen3-235b-a22b",
    "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3-235B-A22B-Thinking-2507": "qwen3-235b-a22b",
    "Qwen/Qwen3-235B-A22B-Thinking-2507-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3-8B": "qwen3-8b",
    "Qwen/Qwen3-32B": "qwen3-32b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "meta-llama/Llama-3.1-70B-Instruct": "llama-3.1-70b",
    "meta-llama/Llama-3.3-70B-Instruct": "llama-3.1-70b",
    "meta-llama/Llama-3.1-405B-Instruct-FP8": "llama-3.1-405b",
    "meta-llama/Meta-Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "meta-llama/Meta-Llama-3.1-70B-Instruct": "llama-3.1-70b",
    "codellama/CodeLlama-70b-hf": "llama-2-70b",
    "mistralai/Mistral-7B-Instruct-v0.3": "mistral-7b-v0.3",
    "mistralai/Mistral-Nemo-Instruct-2407": "mistral-nemo-12b",
    "mistralai/Mistral-Large-Instruct-2407": "mistral-large-2407",
    "mistralai/Mixtral-8x7B-Instruct-v0.1": "mixtral-8x7b",
    "mistralai/Mixtral-8x22B-Instruct-v0.1": "mixtral-8x22b",
}
PROMPT_TOKENS = {
    "lm-arena-chat": 100.0,
    "gpqa": 300.0,
    "sourcegraph-fim": 500.0,
    "chat": 250.0,
    "code": 150.0,
}
"""Assumed: neither table says."""
FORMATS = {"bfloat16": ("bf16", "bf16"), "fp8": ("fp8", "fp8"), "mxfp4": ("bf16", "int4")}


@dataclass(frozen=True)
class EnergyRuns:
    """Measured energies and what explains them, row by row.

    Attributes:
        table: ``version``, ``model``, ``accelerator``, ``n_sequences``, ``step_s`` (sequences over
            throughput) and ``accelerator_j`` per token.
        terms: of the mean step's duration, prompts of others included.
        power: time of the step and the terms of its power, per device.
        full_power_s: measured energy of a step per device, over the power limit.
    """

    table: pd.DataFrame
    terms: np.ndarray
    power: np.ndarray
    full_power_s: np.ndarray


def read_energy_runs(v2: Path, v3: Path, catalog: Catalog) -> EnergyRuns:
    """Rows of both tables whose model's architecture is known here."""
    table = pd.concat([_read_v2(v2), _read_v3(v3)], ignore_index=True)
    table = table[table.model_path.isin(MODELS)].reset_index(drop=True)
    table["model"] = table.model_path.map(MODELS)
    models = {**catalog.models.rows, **catalog.reference_models.rows}
    plans = [_plan(row, catalog, models) for row in table.itertuples()]
    terms, power, full_power_s = [], [], []
    for row, plan in zip(table.itertuples(), plans, strict=True):
        context_tokens = row.prompt_tokens + row.output_tokens / 2.0
        decode = BatchShape(n_sequences=row.n_sequences, context_tokens=context_tokens)
        prompt = BatchShape(n_sequences=1.0, prompt_tokens=row.prompt_tokens)
        starts = row.n_sequences / row.output_tokens
        load = SteadyLoad(
            n_sequences=row.n_sequences, prompt_tokens=row.prompt_tokens, output_tokens=row.output_tokens
        )
        terms.append(steady_terms(plan, load))
        per_amount = plan_power_terms(plan, plan_work(plan))
        amounts, n_micro = step_amounts(plan, decode)
        used = n_micro * (per_amount @ amounts)
        used[1] += starts * (per_amount @ step_amounts(plan, prompt)[0])[1]
        power.append([row.step_s, *used, row.step_s * (plan.format.bytes_per_weight < WIDE_BYTES)])
        limit_w = plan.machine.accelerators[0].power_limit_w
        full_power_s.append(row.accelerator_j * row.n_sequences / plan.n_devices / limit_w)
    return EnergyRuns(
        table=table, terms=np.array(terms), power=np.array(power), full_power_s=np.array(full_power_s)
    )


def _read_v2(path: Path) -> pd.DataFrame:
    raw = pd.read_csv(path)
    return pd.DataFrame(
        {
            "version": "v2",
            "task": raw["task"],
            "model_path": raw["Model"],
            "accelerator": np.where(raw["GPU"].str.contains("H100"), "h100-sxm", "a100-sxm-40"),
            "precision": "bfloat16",
            "tp": raw["TP"],
            "pp": raw["PP"],
            "ep": 1,
            "n_sequences": raw["Avg BS (reqs)"],
            "output_tokens": raw["Avg Output Tokens"],
            "prompt_tokens": raw["task"].map(PROMPT_TOKENS),
            "step_s": raw["Avg BS (reqs)"] / raw["Token tput (tok/s)"],
            "accelerator_j": raw["Energy/req (J)"] / raw["Avg Output Tokens"],
        }
    )


def _read_v3(path: Path) -> pd.DataFrame:
    """Rows of v3.

    Where experts are divided it says one way of tensor parallelism and one copy on several GPUs: read as
    attention divided over all of them, which predicts both time and energy better than copies of it.
    """
    raw = pd.read_csv(path)
    return pd.DataFrame(
        {
            "version": "v3",
            "task": raw["task"],
            "model_path": raw["model_id"],
            "accelerator": "h100-sxm",
            "precision": raw["weight_precision"],
            "tp": raw["num_gpus"],
            "pp": 1,
            "ep": raw["expert_parallel"],
            "n_sequences": raw["avg_batch_size"],
            "output_tokens": raw["avg_output_len"],
            "prompt_tokens": raw["task"].map(PROMPT_TOKENS),
            "step_s": raw["avg_batch_size"] / raw["output_throughput_tokens_per_sec"],
            "accelerator_j": raw["energy_per_token_joules"],
        }
    )


def _plan(row: Any, catalog: Catalog, models: dict[str, ModelSpec]) -> ServingPlan:
    dense, expert = FORMATS[row.precision]
    device = catalog.accelerators[row.accelerator]
    machine = Machine(
        name=row.accelerator,
        host=catalog.hosts["any"],
        n_cores=0,
        memory_bytes=0,
        memory_bytes_per_s=0.0,
        peak_flop_per_s=0.0,
        accelerators=(device,) * int(row.tp * row.pp),
    )
    return ServingPlan(
        model=models[row.model],
        format=catalog.formats[dense],
        expert_format=catalog.formats[expert],
        machine=machine,
        calibration=catalog.calibrations["vllm-accelerator"],
        tensor_parallel=int(row.tp),
        pipeline_parallel=int(row.pp),
        expert_parallel=int(row.ep),
    )
