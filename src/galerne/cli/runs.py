"""Prediction against measurement on this very machine: before any run, and with what the first one taught."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from galerne.catalog import Catalog, Machine
from galerne.chat.bill.figures import NARROW_SPACE, number
from galerne.cli.learned import RememberedRuns
from galerne.cli.needed import working_part
from galerne.cli.screen import plain_table
from galerne.cli.tuned import RememberedTunings
from galerne.engines import default_threads
from galerne.errors import UnknownId
from galerne.language import Language, phrases
from galerne.models import Library
from galerne.perf import ServingPlan, serving_plan
from galerne.perf.advice import LOCAL_ENGINE
from galerne.perf.learning import predicted_tokens_per_s

BEFORE_TARGET_RATIO, AFTER_TARGET_RATIO = 0.15, 0.05
"""How near a prediction should be before any run on a machine, and after one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunComparison:
    """What was predicted of a model here, and what was measured.

    Attributes:
        measured_tokens_per_s: median over the runs.
        before_ratio: prediction over measurement, by the calibration alone.
        after_ratio: the same for the later runs, corrected by the first alone; None with one run.
    """

    model_id: str
    format_id: str
    n_runs: int
    measured_tokens_per_s: float
    predicted_tokens_per_s: float
    before_ratio: float
    after_ratio: float | None


def compare_runs(
    catalog: Catalog,
    machine: Machine,
    runs: RememberedRuns,
    found: Library,
    *,
    tunings: RememberedTunings | None = None,
) -> list[RunComparison]:
    """Every model that has run here and can still be predicted, in the threads that it runs in now."""
    compared = []
    for (model_id, format_id), noted in runs.all_here().items():
        writing = [run for run in noted if run.writes]
        plan = _plan(catalog, machine, found, model_id, format_id, tunings)
        if not writing or plan is None:
            continue
        ratios = [predicted_tokens_per_s(plan, run) / run.tokens_per_s for run in writing]
        measured = statistics.median(run.tokens_per_s for run in writing)
        before_ratio = statistics.median(ratios)
        later = [ratio / ratios[0] for ratio in ratios[1:]]
        compared.append(
            RunComparison(
                model_id=model_id,
                format_id=format_id,
                n_runs=len(writing),
                measured_tokens_per_s=measured,
                predicted_tokens_per_s=measured * before_ratio,
                before_ratio=before_ratio,
                after_ratio=statistics.median(later) if later else None,
            )
        )
    return compared


def _plan(
    catalog: Catalog,
    machine: Machine,
    found: Library,
    model_id: str,
    format_id: str,
    tunings: RememberedTunings | None,
) -> ServingPlan | None:
    """Of the file that is here, else of the catalogue's rows; None where neither is."""
    for file in found.files:
        if (file.spec.id, file.weight_format.id) == (model_id, format_id):
            tuned = tunings.of(file).tuning.n_threads if tunings else None
            part = working_part(machine, n_threads=tuned or default_threads(file.size_bytes))
            return serving_plan(catalog, file.spec, file.weight_format, part, engine=LOCAL_ENGINE)
    try:
        model, weight_format = catalog.models[model_id], catalog.formats[format_id]
    except UnknownId:
        return None
    return serving_plan(catalog, model, weight_format, machine, engine=LOCAL_ENGINE)


def runs_table(
    comparisons: Sequence[RunComparison], *, language: Language, title: str | None = None
) -> Table:
    """One line per model that has run here, or elsewhere under another title."""
    words = phrases("galerne.cli", language)
    table = plain_table(
        *(words[key] for key in ("model", "format", "runs", "runs_measured", "runs_before", "runs_after")),
        numeric_from=2,
        title=title or words["runs_title"],
    )
    for row in comparisons:
        table.add_row(
            row.model_id,
            row.format_id,
            str(row.n_runs),
            f"{number(row.measured_tokens_per_s, language=language)}{NARROW_SPACE}{words['tokens_per_s']}",
            _off(row.before_ratio, BEFORE_TARGET_RATIO, words["runs_far"]),
            "–" if row.after_ratio is None else _off(row.after_ratio, AFTER_TARGET_RATIO, words["runs_far"]),
        )
    return table


def _off(ratio: float, target_ratio: float, far: str) -> str:
    """How far a prediction is off, marked where that is farther than it should be."""
    text = f"{ratio - 1.0:+.0%}".replace("-", "\u2212").replace("%", f"{NARROW_SPACE}%")
    return text if abs(ratio - 1.0) <= target_ratio else f"{text} {far}"
