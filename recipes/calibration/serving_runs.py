"""Measured serving runs: the silicon sample of aiconfigurator-core, as plans and loads of the shared model.

The table comes out of the wheel of PyPI (``pip download aiconfigurator-core==0.12.0``); it has rows written
twice under two readings of one configuration, which are put right here by rules, never by hand. Most of it
is InferenceX (https://github.com/SemiAnalysisAI/InferenceX), whose repository says what the table does not:
how long its prompts are, and which series drafted tokens ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galerne.catalog import Catalog, ModelSpec, WeightFormat
from galerne.catalog.hardware import Machine
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
INFERENCEX_LENGTHS = ((1024, 1024), (1024, 8192), (8192, 1024))
"""Nominal lengths of InferenceX. Its client draws them between 0.8 times the nominal and all of it
(``--random-range-ratio 0.8``)."""
MEAN_LENGTH_RATIO = 0.9
MOST_DEVICES = 8
"""Aggregated runs of the sample are of one node; wider layouts in it divide no model's heads."""


@dataclass(frozen=True)
class Runs:
    """Measured runs and the terms of the formula for each: ``terms`` has shape (n_runs, len(TERMS)).

    ``table`` has the mean lengths as ``prompt_tokens`` and ``output_tokens``, and ``drafted`` where several
    tokens were drafted ahead and checked in one step, which the formula does not describe.
    """

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
    own = table.silicon_data_source.str.contains("/aic-auto-gap-analysis/")
    nominal = pd.Series(list(zip(table.isl, table.osl, strict=True)), index=table.index).isin(
        INFERENCEX_LENGTHS
    )
    length_ratio = np.where(nominal & ~own, MEAN_LENGTH_RATIO, 1.0)
    table["prompt_tokens"], table["output_tokens"] = length_ratio * table.isl, length_ratio * table.osl
    same = ["model", "system", "backend", "isl", "osl", "concurrency", "ttft_ms", "tpot_ms"]
    # Some exports were rounded to hundredths on their way, others differ in the last bit.
    table["ttft_ms"], table["tpot_ms"] = table.silicon_ttft_ms.round(2), table.silicon_tpot_ms.round(2)
    table = table.drop_duplicates(same).reset_index(drop=True)
    table["drafted"] = _drafted(table)
    return table


def _drafted(table: pd.DataFrame) -> pd.Series:
    """Series of InferenceX that drafted tokens (``spec-decoding: mtp`` in its ``nvidia-master.yaml``).

    The table has lost that field; image, date and layout bring it back:

    * DeepSeek R1 under TensorRT-LLM: the image 1.2.0rc6.post3 was that of the drafting series only, the plain
      ones had .post2 (issue 135); the round of 14 January 2026 was the one that added drafting (pull requests
      392 and 412).
    * Qwen3.5 in FP8 under SGLang 0.5.9: plain series divide experts over four GPUs or everything over eight
      (pull request 804); four GPUs with undivided experts are the drafting one.
    * DeepSeek R1 in FP8 on eight B200 under SGLang 0.5.9: one job ran both series; the dump of the database
      has the plain one, so that what only the exports have drafted.
    """
    source = table.silicon_data_source
    deepseek, export = table.model == "deepseek-v3", source.str.startswith("source_file=2026-")
    january = (table.backend_version == "1.1.0rc2.post2") & source.str.contains("measured=2026-01-14")
    tensorrt = (table.backend == "trtllm") & ((table.backend_version == "1.2.0rc6.post3") | january)
    sglang = (table.backend == "sglang") & (table.backend_version == "0.5.9") & (table.precision == "fp8")
    qwen = (table.model == "qwen3.5-397b-a17b") & (table.tp == 4) & (table.ep == 1)
    one_job = deepseek & (table.system == "b200_sxm") & (table.tp == 8) & export
    return (deepseek & tensorrt) | (sglang & (qwen | one_job))


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
        n_sequences=float(row.n_sequences),
        prompt_tokens=float(row.prompt_tokens),
        output_tokens=float(row.output_tokens),
    )
    return steady_terms(plan, load)
