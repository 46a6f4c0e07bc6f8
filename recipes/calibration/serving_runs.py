"""Measured serving runs: the silicon sample of aiconfigurator-core, as plans and loads of the shared model.

The table comes out of the wheel of PyPI (``pip download aiconfigurator-core==0.12.0``); it has rows written
twice under two readings of one configuration, which are put right here by rules, never by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galerne.catalog import Catalog, ModelSpec, WeightFormat
from galerne.catalog.records import Machine
from galerne.perf import ServingPlan, SteadyLoad, steady_terms

MODELS = {
    "MiniMaxAI/MiniMax-M2.5": "minimax-m2.5",
    "Qwen/Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3-32B": "qwen3-32b",
    "nvidia/Qwen3-32B-NVFP4": "qwen3-32b",
    "Qwen/Qwen3.5-397B-A17B": "qwen3.5-397b-a17b",
    "deepseek-ai/DeepSeek-R1": "deepseek-v3",
    "deepseek-ai/DeepSeek-V3": "deepseek-v3",
    "nvidia/DeepSeek-R1-NVFP4": "deepseek-v3",
    "nvidia/DeepSeek-V3.1-NVFP4": "deepseek-v3",
    "meta-llama/Llama-3.1-70B": "llama-3.1-70b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "llama-3.1-8b",
    "moonshotai/Kimi-K2.5": "kimi-k2.5",
    "openai/gpt-oss-120b": "gpt-oss-120b",
    "zhipuai/GLM-5": "glm-5",
}
SYSTEMS = {
    "h100_sxm": "h100-sxm",
    "h200_sxm": "h200-sxm",
    "b200_sxm": "b200-sxm",
    "b300_sxm": "b300-sxm",
    "gb200": "gb200",
}
FORMATS = {"fp8": "fp8", "fp8_block": "fp8", "nvfp4": "nvfp4", "int4_wo": "int4"}
MOST_DEVICES = 8
"""Aggregated runs of the sample are of one node; wider layouts in it divide no model's heads."""


@dataclass(frozen=True)
class Runs:
    """Measured runs and the terms of the formula for each: ``terms`` has shape (n_runs, len(TERMS))."""

    table: pd.DataFrame
    terms: np.ndarray
    measured_s: np.ndarray


def read_runs(path: Path, catalog: Catalog) -> Runs:
    """Aggregated runs, one row per measurement."""
    table = _normalise(pd.read_csv(path))
    models = catalog.reference_models.rows
    terms = np.array([_terms(row, catalog, models) for row in table.itertuples()])
    return Runs(table=table, terms=terms, measured_s=table.silicon_tpot_ms.to_numpy() / 1e3)


def _normalise(raw: pd.DataFrame) -> pd.DataFrame:
    table = raw[(raw["mode"] == "agg") & (raw.attention_dp_size != 0)].copy()
    table["concurrency"] = table.silicon_data_source.str.extract(r"silicon_concurrency=(\d+)")[0].astype(
        float
    )
    table["concurrency"] = table.concurrency.fillna(table.batch_size)
    table["model"] = table.model_path.map(MODELS)
    table["accelerator"] = table.system.map(SYSTEMS)
    layouts = [_layout(row) for row in table.itertuples()]
    table["tp"], table["dp"], table["n_replicas"] = zip(*layouts, strict=True)
    table["n_devices"] = table.tp * table.dp
    table["ep"] = np.clip(table.moe_ep_size.fillna(1), 1, table.n_devices).astype(int)
    table["n_sequences"] = table.concurrency / table.n_replicas
    table = table[(table.n_devices <= MOST_DEVICES) & (np.log2(table.n_devices) % 1 == 0)]
    same = ["model", "system", "backend", "isl", "osl", "concurrency", "silicon_ttft_ms", "silicon_tpot_ms"]
    return table.drop_duplicates(same).reset_index(drop=True)


def _layout(row: Any) -> tuple[int, int, int]:
    """Devices that share a layer, copies of attention, and replicas behind one address.

    Rows that have expert parallelism appear twice, once with the product of both degrees in place of the
    number of devices (64 for 8 x 8): the devices are its root. Copies of attention and tensor parallelism of
    the same degree are the same devices named twice. Where copies are not recorded they are the requests in
    flight over the batch of one.
    """
    tp, dp = int(row.tp_size), row.attention_dp_size
    ratio = round(row.concurrency / row.batch_size)
    experts = int(max(row.moe_tp_size or 0, 1) * max(row.moe_ep_size or 0, 1))
    if np.isnan(dp) or dp < 1:
        if ratio == 1:
            return tp, 1, 1
        return (1, tp, 1) if ratio == tp else (tp, 1, ratio)
    dp = int(dp)
    if dp > 1 and tp == dp:
        return 1, dp, 1
    root = round(experts**0.5)
    if dp > 1 and tp == 1 and row.moe_tp_size == row.moe_ep_size == root and dp == root * root:
        return 1, root, 1
    if dp == 1 and tp > 8 and row.moe_tp_size == row.moe_ep_size and tp == root * root:
        return root, 1, 1
    return tp, dp, max(1, ratio // dp)


def _formats(row: Any, catalog: Catalog, model: ModelSpec) -> tuple[WeightFormat, WeightFormat, float]:
    """Formats of dense weights and experts, and the width of a cached value.

    Four-bit checkpoints of mixtures keep attention and shared experts in 16 bits (their quantisation
    configurations say so); their caches and those of static FP8 checkpoints are of 8 bits.
    """
    named = (
        FORMATS.get(row.moe_quant_mode, "bf16")
        if model.n_experts
        else FORMATS.get(row.gemm_quant_mode, "bf16")
    )
    expert = catalog.formats[named]
    four_bits = named in {"nvfp4", "int4"}
    dense = catalog.formats["bf16"] if model.n_experts and four_bits else expert
    kv_bytes = 1.0 if row.gemm_quant_mode in {"nvfp4", "fp8"} and model.id != "gpt-oss-120b" else 2.0
    return dense, expert, kv_bytes


def plan_of(row: Any, catalog: Catalog, models: dict[str, ModelSpec]) -> ServingPlan:
    """The plan of one measured run; its terms do not depend on the calibration."""
    model = models[row.model]
    dense, expert, kv_bytes = _formats(row, catalog, model)
    device = catalog.accelerators[row.accelerator]
    machine = Machine(
        name=row.system,
        host=catalog.hosts["any"],
        n_cores=0,
        memory_bytes=0,
        memory_bytes_per_s=0.0,
        peak_flop_per_s=0.0,
        accelerators=(device,) * int(row.n_devices),
    )
    return ServingPlan(
        model=model,
        format=dense,
        expert_format=expert,
        machine=machine,
        calibration=catalog.calibrations["vllm-accelerator"],
        tensor_parallel=int(row.tp),
        data_parallel=int(row.dp),
        expert_parallel=int(row.ep),
        kv_bytes_per_value=kv_bytes,
    )


def _terms(row: Any, catalog: Catalog, models: dict[str, ModelSpec]) -> np.ndarray:
    plan = plan_of(row, catalog, models)
    load = SteadyLoad(
        n_sequences=float(row.n_sequences), prompt_tokens=float(row.isl), output_tokens=float(row.osl)
    )
    return steady_terms(plan, load)
