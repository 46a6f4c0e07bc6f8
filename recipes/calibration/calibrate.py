r"""Fit the calibration rows on public measurements, cross-validate them, and write both down.

Run it with its own environment (see README.md):

    python calibrate.py --silicon silicon_sample.csv --energy-v2 mlenergy_v2_llm.csv \
        --energy-v3 mlenergy_v3_h100.csv

It writes the fitted rows of ``calibrations.toml``, a packaged sample of the runs for tests, and
``validation/results/calibration.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from energy_runs import EnergyRuns, read_energy_runs
from fitting import (
    INTERVAL,
    fit_relative,
    folds,
    folds_of_groups,
    held_out,
    held_out_within,
    quantiles_of_others,
)
from llama_cpp import fit_llama_cpp
from report import write_report
from results import Results
from serving_runs import Runs, plan_of, read_runs

from galerne.catalog import Catalog, default_catalog
from galerne.perf.terms import TERMS

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src/galerne/catalog/data"
START, END = "# --- fitted by recipes/calibration", "# --- end of the fitted rows"
SEED = 20261122
ENGINES = ("vllm", "sglang", "trtllm")
AT_LEAST_IDEAL = frozenset(
    {
        "weight_traffic_ratio",
        "expert_traffic_ratio",
        "kv_traffic_ratio",
        "logits_traffic_ratio",
        "route_traffic_ratio",
        "decode_flop_ratio",
        "prefill_flop_ratio",
        "attention_flop_ratio",
        "expert_flop_ratio",
        "reduce_traffic_ratio",
        "exchange_traffic_ratio",
    }
)
"""Nothing is faster than the datasheet: these are never below 1."""
LOWEST = np.array([1.0 if name in AT_LEAST_IDEAL else 0.0 for name in TERMS])
POWER = (
    "base_power_ratio",
    "traffic_power_ratio",
    "flop_power_ratio",
    "sequence_power_s",
    "kernel_power_s",
    "quantised_power_ratio",
)
TIMED = [POWER.index("base_power_ratio"), POWER.index("quantised_power_ratio")]
"""Columns of the power terms that are times of the step."""
QUEUE_RATIO = 0.5
"""Runs whose wait for the first token is over half of their writing time were queueing: left out."""
SAMPLE_PER_ENGINE = 30
OWN_TERMS = ("kernel_s",)
"""What is an engine's own: the time of each kernel."""
OWN = "one hardware, own kernel time"
"""The fit of the product: traffic and arithmetic shared, the time of a kernel of each engine."""
WAYS_OUT = ("engine", "model", "GPU")
ANY_UNSEEN = tuple(f"all engines: leave one {what} out" for what in WAYS_OUT)
OWN_UNSEEN = tuple(f"{OWN}: leave one {what} out" for what in WAYS_OUT[1:])
"""Ways of holding out whose residuals are an interval: of any engine, and of one with its own row."""


def fit_time(terms: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Coefficients of the duration."""
    return fit_relative(terms, measured, LOWEST)


def by_engine(terms: np.ndarray, engines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Terms with the time of a kernel apart for each engine, and their lowest coefficients.

    What a byte or an operation takes is the hardware's and the formats'; how close kernels follow each other
    is the engine's own. One fit of all runs so knows more of the hardware than one engine's.
    """
    columns, lowest = [], []
    for name, column, least in zip(TERMS, terms.T, LOWEST, strict=True):
        for engine in ENGINES if name in OWN_TERMS else ("",):
            columns.append(np.where(engines == engine, column, 0.0) if engine else column)
            lowest.append(least)
    return np.column_stack(columns), np.array(lowest)


def fit_by_engine(terms: np.ndarray, measured: np.ndarray, engines: np.ndarray) -> dict[str, np.ndarray]:
    """Coefficients of each engine, in the order of the terms."""
    apart, lowest = by_engine(terms, engines)
    fitted = iter(fit_relative(apart, measured, lowest))
    found: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    for name in TERMS:
        shared = None if name in OWN_TERMS else next(fitted)
        for engine in ENGINES:
            found[engine].append(next(fitted) if shared is None else shared)
    return {engine: np.array(values) for engine, values in found.items()}


def held_out_by_engine(
    terms: np.ndarray, measured: np.ndarray, groups: np.ndarray, engines: np.ndarray
) -> np.ndarray:
    """Predictions of each group by such a fit on all others."""
    apart, lowest = by_engine(terms, engines)
    return held_out(apart, measured, groups, lambda some, times: fit_relative(some, times, lowest))


def fit_power(terms: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Coefficients of the energy of a step."""
    return fit_relative(terms, measured, np.zeros(terms.shape[1]))


def main() -> None:
    """Fit, cross-validate, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--silicon", type=Path, required=True)
    parser.add_argument("--energy-v2", type=Path, required=True)
    parser.add_argument("--energy-v3", type=Path, required=True)
    given = parser.parse_args()
    catalog = default_catalog()
    everything = read_runs(given.silicon, catalog)
    energy = read_energy_runs(given.energy_v2, given.energy_v3, catalog)
    n_read = len(pd.read_csv(given.silicon).query("mode == 'agg'"))
    results = calibrate(everything, energy, n_read=n_read, catalog=catalog)
    write_rows(results.rows)
    write_sample(results.runs, catalog)
    write_report(ROOT / "validation/results/calibration.md", results)


def calibrate(everything: Runs, energy: EnergyRuns, *, n_read: int, catalog: Catalog) -> Results:
    """All fits and all ways of holding out."""
    table = everything.table
    drafted = table.drafted.to_numpy()
    waiting = (table.ttft_ms > QUEUE_RATIO * (table.osl - 1) * table.tpot_ms).to_numpy()
    queued, used = waiting & ~drafted, ~waiting & ~drafted
    runs = table[used].reset_index(drop=True)
    terms, measured = everything.terms[used], everything.measured_s[used]
    engines = runs.backend.to_numpy()
    schemes, any_engine = _schemes(runs, terms, measured), fit_time(terms, measured)
    recent = (energy.table.version == "v3").to_numpy()
    new_terms, new_s = energy.terms[recent], energy.table.step_s.to_numpy()[recent]
    both_terms, both_s = np.concatenate([terms, new_terms]), np.concatenate([measured, new_s])
    both_models = np.concatenate([runs.model, energy.table.model[recent]])
    both_engines = np.concatenate([engines, np.full(len(new_s), "vllm")])
    fitted = {"any": fit_time(both_terms, both_s), **fit_by_engine(both_terms, both_s, both_engines)}
    rows, intervals = {}, {}
    for name, found in fitted.items():
        mask = np.ones(len(runs), bool) if name == "any" else engines == name
        unseen = ANY_UNSEEN if name == "any" else OWN_UNSEEN
        error = np.abs(schemes[unseen[0]][mask] / measured[mask] - 1.0)
        ratio = np.concatenate([measured[mask] / schemes[scheme][mask] for scheme in unseen])
        row = dict(zip(TERMS, found, strict=True)) | {"error_ratio": float(np.nanmean(error))}
        rows[f"{name}-accelerator"] = row | {"duration_ratio": tuple(np.nanquantile(ratio, INTERVAL))}
    intervals["the serving runs alone, which never saw these"] = (
        new_terms @ fit_by_engine(terms, measured, engines)["vllm"],
        new_s,
    )
    without_model = held_out_by_engine(both_terms, both_s, both_models, both_engines)[len(runs) :]
    intervals["on both, leave one model out"] = (without_model, new_s)
    energy_schemes = _energy_schemes(energy, recent, without_model)
    power = dict(zip(POWER, fit_power(energy.power, energy.full_power_s), strict=True))
    llama_cpp_row, llama_cpp_table = fit_llama_cpp(Path(__file__).with_name("llama_cpp_gpu.csv"), catalog)
    rows["llama.cpp-accelerator"] = llama_cpp_row
    rows = {name: row | power for name, row in rows.items()}
    # Measured on engines that scale activations on the way; llama.cpp's kernels were not.
    rows["llama.cpp-accelerator"]["quantised_power_ratio"] = 0.0
    return Results(
        runs=runs,
        measured_s=measured,
        schemes=schemes,
        n_duplicates=n_read - len(table),
        apart={
            f"{what} runs, fit on all others": (
                everything.terms[some] @ any_engine,
                everything.measured_s[some],
            )
            for what, some in (("queueing", queued), ("drafting", drafted))
        },
        coverage={
            scheme: _coverage(measured / schemes[scheme], runs[column])
            for scheme, column in zip(OWN_UNSEEN, ("model", "system"), strict=True)
        },
        intervals=intervals,
        energy=energy.table,
        energy_schemes=energy_schemes,
        rows=rows,
        llama_cpp=llama_cpp_table,
    )


def _schemes(runs: pd.DataFrame, terms: np.ndarray, measured: np.ndarray) -> dict[str, np.ndarray]:
    models, gpus, engines = (runs[name].to_numpy() for name in ("model", "system", "backend"))
    fold = folds(len(runs), seed=SEED)
    alike = ["model", "system", "backend", "backend_version", "precision", "tp", "dp", "moe_ep_size"]
    series = runs.groupby(alike, dropna=False).ngroup()
    series_fold = folds_of_groups(series.to_numpy(), seed=SEED)
    pair = (runs.backend + " " + runs.model).to_numpy()
    ideal = np.array([0.0 if name.endswith("_s") or "wide" in name else 1.0 for name in TERMS])

    def within(groups: np.ndarray) -> np.ndarray:
        return held_out_by_engine(terms, measured, groups, engines)

    return {
        "datasheet alone (all ratios 1, no fixed times)": terms @ ideal,
        "all engines: 5 folds": held_out(terms, measured, fold, fit_time),
        "all engines: 5 folds of whole series": held_out(terms, measured, series_fold, fit_time),
        "all engines: leave one model out": held_out(terms, measured, models, fit_time),
        "all engines: leave one GPU out": held_out(terms, measured, gpus, fit_time),
        "all engines: leave one engine out": held_out(terms, measured, engines, fit_time),
        f"{OWN}: 5 folds": within(fold),
        f"{OWN}: 5 folds of whole series": within(series_fold),
        f"{OWN}: leave one model out": within(models),
        f"{OWN}: leave one GPU out": within(gpus),
        "own engine and model: 5 folds": held_out_within(terms, measured, fold, pair, fit_time),
    }


def _coverage(ratio: np.ndarray, groups: pd.Series) -> dict[str, float]:
    """Share of the runs of each group between p5 and p95 of the residuals of all others, and of all runs."""
    low, high = quantiles_of_others(ratio, groups.to_numpy()).T
    inside = pd.Series((low <= ratio) & (ratio <= high))
    return {**inside.groupby(groups).mean().to_dict(), "all": float(inside.mean())}


def _energy_schemes(energy: EnergyRuns, recent: np.ndarray, recent_s: np.ndarray) -> dict[str, np.ndarray]:
    """Predicted over measured energy per token, by scheme."""
    table, power, measured = energy.table, energy.power, energy.full_power_s
    models, gpus = table.model.to_numpy(), table.accelerator.to_numpy()
    versions = table.version.to_numpy()

    def ratio(groups: np.ndarray) -> np.ndarray:
        capped = np.minimum(held_out(power, measured, groups, fit_power), power[:, 0])
        return capped / measured

    predicted_s = np.full(len(table), np.nan)
    predicted_s[recent] = recent_s
    end_to_end = np.full(len(table), np.nan)
    for model in np.unique(models[recent]):
        out = (models == model) & recent
        fitted = fit_power(power[models != model], measured[models != model])
        # base and scaling last as long as the step does, the rest is of its work
        per_s = power[out][:, TIMED] / power[out, :1]
        used = power[out].copy()
        used[:, TIMED] = per_s * predicted_s[out, None]
        end_to_end[out] = np.minimum(used @ fitted, predicted_s[out]) / measured[out]
    return {
        "at the measured speed: 5 folds": ratio(folds(len(table), seed=SEED)),
        "at the measured speed: leave one model out": ratio(models),
        "at the measured speed: leave one GPU out": ratio(gpus),
        "at the measured speed: leave one engine version out": ratio(versions),
        "at the predicted speed (v3): leave one model out": end_to_end,
    }


def write_rows(rows: dict[str, dict[str, Any]]) -> None:
    """Replace the fitted rows in the catalogue."""
    path = DATA / "calibrations.toml"
    text = path.read_text(encoding="utf-8")
    kept = text.split(END, 1)[1] if END in text else "\n\n" + text[text.index("# Against memory read") :]
    path.write_text(f"{START}\n\n" + "".join(map(_row_text, rows.items())) + END + kept, encoding="utf-8")


def _row_text(item: tuple[str, dict[str, Any]]) -> str:
    row_id, row = item
    engine = row_id.rsplit("-", 1)[0]
    source = "fit-llama-cpp-gpu" if engine == "llama.cpp" else "fit-silicon-sample"
    lines = [f'["{row_id}"]', 'target = "accelerator"', f'engine = "{engine}"']
    lines += [f"{name} = {row[name]:.4g}" for name in (*TERMS, *POWER, "error_ratio")]
    low, high = row["duration_ratio"]
    lines.append(f"duration_ratio = {{ best = 1.0, low = {min(low, 1.0):.3g}, high = {max(high, 1.0):.3g} }}")
    power = ", ".join(f'{name} = "fit-mlenergy-power"' for name in POWER)
    return "\n".join([*lines, f'sources = {{ default = "{source}", {power} }}']) + "\n\n"


def write_sample(runs: pd.DataFrame, catalog: Catalog) -> None:
    """A random sample of the runs, packaged for tests and for ``galerne validate``."""
    models = catalog.reference_models.rows
    lines = []
    for engine in ENGINES:
        chosen = runs[runs.backend == engine].sample(SAMPLE_PER_ENGINE, random_state=SEED)
        for row in chosen.itertuples():
            plan = plan_of(row, catalog, models)
            lines.append(
                {
                    "id": row.id,
                    "engine": engine,
                    "model_id": row.model,
                    "accelerator_id": row.accelerator,
                    "format_id": plan.format.id,
                    "expert_format_id": plan.expert_format_or_format.id,
                    "kv_bytes_per_value": plan.kv_bytes_per_value,
                    "tensor_parallel": row.tp,
                    "data_parallel": row.dp,
                    "expert_parallel": row.ep,
                    "n_sequences": row.n_sequences,
                    "prompt_tokens": row.prompt_tokens,
                    "output_tokens": row.output_tokens,
                    "token_interval_s": row.silicon_tpot_ms / 1e3,
                    "source": "aiconfigurator-core-0-12",
                }
            )
    pd.DataFrame(lines).to_csv(DATA / "validation/serving_runs.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
