"""The report of a calibration: errors by scheme and by part, the worst runs, what is missed and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from galerne.perf.terms import TERMS

if TYPE_CHECKING:
    from results import Results

TARGETS = {
    "all engines: 5 folds": (18.0, 10.0),
    "one hardware, own kernel time: 5 folds": (18.0, 10.0),
    "own engine and model: 5 folds": (12.0, 7.0),
    "all engines: leave one model out": (25.0, None),
    "all engines: leave one GPU out": (25.0, None),
}
ENERGY_TARGETS = {
    "at the measured speed: leave one model out": 15.0,
    "at the predicted speed (v3): leave one model out": 15.0,
}
N_WORST = 20


def write_report(path: Path, results: Results) -> None:
    """Write everything as Markdown."""
    path.write_text(
        "\n".join(
            [
                *_head(results),
                *_time(results),
                *_coverage(results),
                *_worst(results),
                *_intervals(results),
                *_energy(results),
                *_llama_cpp(results),
                *_rows(results),
                *_missed(results),
            ]
        )
        + "\n",
        encoding="utf-8",
    )


def _errors(predicted: np.ndarray, measured: np.ndarray) -> tuple[int, float, float, float, float]:
    ratio = np.asarray(predicted) / np.asarray(measured)
    ratio = ratio[np.isfinite(ratio)]
    error = 100.0 * np.abs(ratio - 1.0)
    bias = 100.0 * (np.median(ratio) - 1.0)
    return len(ratio), error.mean(), np.median(error), np.quantile(error, 0.9), bias


def _row(name: str, predicted: np.ndarray, measured: np.ndarray, target: str = "") -> str:
    n, mean, median, p90, bias = _errors(predicted, measured)
    return f"| {name} | {n} | {mean:.1f} | {median:.1f} | {p90:.1f} | {bias:+.1f} | {target} |"


HEADER = [
    "| | runs | mean error % | median % | p90 % | median bias % | target |",
    "|---|---|---|---|---|---|---|",
]


def _target(name: str, predicted: np.ndarray, measured: np.ndarray) -> str:
    if name not in TARGETS:
        return ""
    mean, median = TARGETS[name]
    _, got_mean, got_median, _, _ = _errors(predicted, measured)
    met = got_mean <= mean and (median is None or got_median <= median)
    wanted = f"<= {mean:g}" + (f" and median <= {median:g}" if median else "")
    return f"{wanted}: {'met' if met else 'missed'}"


def _head(results: Results) -> list[str]:
    queued, drafted = results.apart.values()
    return f"""# Calibration of the shared model

Written by `recipes/calibration/calibrate.py`; nothing here is tuned by hand. Time per output token of
aggregated serving runs, from `silicon_sample.csv` of aiconfigurator-core 0.12.0 (Apache-2.0), with our
formula (`galerne.perf.terms`); coefficients by bounded non-negative least squares on relative errors.
One fit of all runs: what traffic and arithmetic take is shared, the time of a kernel is each engine's own.

* {len(results.runs)} runs used; {results.n_duplicates} rows left out as the same measurement written
  twice or as a layout that cannot be read (see `serving_runs.py`).
* {len(queued[1])} runs left out because they were queueing: wait for the first token over half of the
  writing time; {len(drafted[1])} because they drafted tokens ahead (see `serving_runs.py`), which the
  formula does not describe. Their own errors are below.
* DeepSeek V3, R1 and V3.1 are one model here, so that leaving one out leaves all out.
* A series is a model, GPU, engine, version and layout at all its loads; folds of whole series keep
  neighbours of one curve out of the fit. Read that line rather than the plain folds.
""".splitlines()


def _time(results: Results) -> list[str]:
    measured = results.measured_s
    lines = ["## Time per output token", "", *HEADER]
    for name, predicted in results.schemes.items():
        lines.append(_row(name, predicted, measured, _target(name, predicted, measured)))
    lines += [_row(name, *pair) for name, pair in results.apart.items()]
    for title, column in (("GPU", "system"), ("engine", "backend"), ("model", "model")):
        scheme = "one hardware, own kernel time: 5 folds of whole series"
        lines += ["", f"### By {title} ({scheme})", "", *HEADER]
        for value in sorted(results.runs[column].unique()):
            mask = (results.runs[column] == value).to_numpy()
            lines.append(_row(value, results.schemes[scheme][mask], measured[mask]))
    for title, column, scheme in (
        ("model left out", "model", "one hardware, own kernel time: leave one model out"),
        ("GPU left out", "system", "one hardware, own kernel time: leave one GPU out"),
        ("engine left out", "backend", "all engines: leave one engine out"),
    ):
        lines += ["", f"### By {title} ({scheme})", "", *HEADER]
        for value in sorted(results.runs[column].unique()):
            mask = (results.runs[column] == value).to_numpy()
            lines.append(_row(value, results.schemes[scheme][mask], measured[mask]))
    lines += ["", "### By engine and model (own engine and model: 5 folds)", "", *HEADER]
    for (engine, model), part in results.runs.groupby(["backend", "model"]):
        predicted = results.schemes["own engine and model: 5 folds"][part.index]
        lines.append(_row(f"{engine} {model}", predicted, measured[part.index]))
    return lines


def _coverage(results: Results) -> list[str]:
    lines = ["", "### Do the intervals cover?", ""]
    lines += [
        "Share of the runs of each group that took between p5 and p95 of measured over predicted durations of"
    ]
    lines += ["all other groups, each predicted without itself. Wanted: 90 %.", ""]
    for name, shares in results.coverage.items():
        found = ", ".join(f"{group} {100 * share:.0f}" for group, share in shares.items())
        lines.append(f"* {name}, %: {found}")
    return lines


def _worst(results: Results) -> list[str]:
    scheme = "one hardware, own kernel time: 5 folds of whole series"
    ratio = results.schemes[scheme] / results.measured_s
    order = np.argsort(-np.abs(np.log(ratio)))[:N_WORST]
    lines = ["", f"### The {N_WORST} worst runs ({scheme})", ""]
    lines += ["| run | version | measured s | ours / measured |", "|---|---|---|---|"]
    for index in order:
        row = results.runs.iloc[index]
        measured_s = results.measured_s[index]
        lines.append(f"| {row.id} | {row.backend_version} | {measured_s:.4f} | {ratio[index]:.2f} |")
    return lines


def _intervals(results: Results) -> list[str]:
    title = "## Mean time of a step on another benchmark (ML.ENERGY v3, H100, vLLM 0.11)"
    return ["", title, "", *HEADER] + [_row(name, *pair) for name, pair in results.intervals.items()]


def _energy(results: Results) -> list[str]:
    lines = [
        "",
        "## GPU energy per token (ML.ENERGY v2: A100, H100, vLLM 0.5.4; v3: H100, vLLM 0.11)",
        "",
        "Energy of a step per device = limit x (base x time + traffic x ideal traffic time + flop x ideal",
        "arithmetic time + s x sequences + k x kernels). Lengths of prompts are assumed (`energy_runs.py`).",
        "",
        *HEADER,
    ]
    for name, ratio in results.energy_schemes.items():
        target = ""
        if name in ENERGY_TARGETS:
            met = _errors(ratio, np.ones(len(ratio)))[1] <= ENERGY_TARGETS[name]
            target = f"<= {ENERGY_TARGETS[name]:g}: {'met' if met else 'missed'}"
        lines.append(_row(name, ratio, np.ones(len(ratio)), target))
    scheme = "at the measured speed: leave one model out"
    lines += ["", f"### By version, GPU and model ({scheme})", "", *HEADER]
    ratio = results.energy_schemes[scheme]
    for (version, gpu, model), part in results.energy.groupby(["version", "accelerator", "model"]):
        lines.append(_row(f"{version} {gpu} {model}", ratio[part.index], np.ones(len(part))))
    return lines


def _llama_cpp(results: Results) -> list[str]:
    table = results.llama_cpp
    lines = ["", "## llama.cpp on one GPU, one stream (leave one GPU out)", ""]
    lines += ["| GPU | model | format | measured tokens/s | ours / measured |", "|---|---|---|---|---|"]
    for row in table.itertuples():
        ratio = row.predicted_tokens_per_s / row.output_tokens_per_s
        what = f"{row.accelerator_id} | {row.model_id} | {row.format_id}"
        lines.append(f"| {what} | {row.output_tokens_per_s} | {ratio:.2f} |")
    return lines


def _rows(results: Results) -> list[str]:
    table = pd.DataFrame(results.rows)
    lines = ["", "## Coefficients", "", "| | " + " | ".join(table.columns) + " |"]
    lines.append("|---" * (len(table.columns) + 1) + "|")
    names = [*TERMS, *(name for name in table.index if name not in TERMS)]
    return lines + [f"| {name} | " + " | ".join(map(_cell, table.loc[name])) + " |" for name in names]


def _cell(value: float | tuple[float, float]) -> str:
    return f"{value[0]:.2f} to {value[1]:.2f}" if isinstance(value, tuple) else f"{value:.3g}"


def _missed(results: Results) -> list[str]:
    measured = results.measured_s
    lines = ["", "## Targets missed", ""]
    for name, (mean, median) in TARGETS.items():
        _, got_mean, got_median, _, _ = _errors(results.schemes[name], measured)
        if got_mean > mean or (median is not None and got_median > median):
            lines.append(f"* {name}: {got_mean:.1f} % mean, {got_median:.1f} % median.")
    for name, mean in ENERGY_TARGETS.items():
        got = _errors(results.energy_schemes[name], np.ones(len(results.energy)))
        if got[1] > mean:
            lines.append(f"* GPU energy per token, {name}: {got[1]:.1f} % mean, {got[2]:.1f} % median.")
    notes = Path(__file__).with_name("notes.md")
    return [*lines, "", notes.read_text(encoding="utf-8").rstrip()] if notes.exists() else lines
