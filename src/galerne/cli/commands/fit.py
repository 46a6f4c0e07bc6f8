"""``galerne fit``: which models fit here, how fast, and for how many joules."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from galerne.catalog import Calibration, Catalog, HostSpec
from galerne.cli.foundation import lay_foundation
from galerne.cli.installed import installed
from galerne.cli.learned import RememberedRuns
from galerne.cli.runs import compare_runs, runs_table
from galerne.cli.screen import advice_line, fit_table, make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.cli.tuned import RememberedTunings
from galerne.clock import SystemClock
from galerne.language import Language, phrases
from galerne.machine import free_memory_bytes
from galerne.perf import Advice, Fit, advise
from galerne.perf.advice import newest_of_each_shape

CALIBRATION_INPUTS = (
    "weight_traffic_ratio", "kv_traffic_ratio", "decode_flop_ratio", "prefill_flop_ratio", "kernel_s",
    "error_ratio",
)  # fmt: skip


def fit(
    *, free_bytes: float | None, context_tokens: int, every_model: bool, explain: bool, as_json: bool
) -> None:
    """Fit every model of the catalogue to the memory that is free at this moment."""
    settings = read_settings(os.environ)
    foundation = lay_foundation(settings, clock=SystemClock())
    machine = foundation.machine()
    free_now_bytes = float(free_memory_bytes()) if free_bytes is None else free_bytes
    runs = RememberedRuns(settings.home, machine)
    advice = advise(
        foundation.catalog, machine, free_bytes=free_now_bytes, context_tokens=context_tokens, lessons=runs.of
    )
    tunings = RememberedTunings(settings.home, machine)
    comparisons = compare_runs(foundation.catalog, machine, runs, installed(settings), tunings=tunings)
    if as_json:
        print_json({**_document(advice), "runs": [asdict(comparison) for comparison in comparisons]})
        return
    console = make_console()
    shown = advice.fits if every_model else newest_of_each_shape(advice.fits)
    console.print(fit_table(shown, advice, language=settings.language))
    console.print(phrases("galerne.cli", settings.language)["fit_note"], style="dim", markup=False)
    console.print(advice_line(advice, language=settings.language))
    if comparisons:
        console.print(runs_table(comparisons, language=settings.language))
    if explain:
        console.print(_inputs(advice, foundation.catalog, language=settings.language))


def _document(advice: Advice) -> dict[str, Any]:
    recommended = advice.recommended.plan.model.id if advice.recommended else None
    return {
        "free_bytes": advice.free_bytes,
        "recommended": recommended,
        "fits": [_fit_document(fit) for fit in advice.fits],
    }


def _fit_document(fit: Fit) -> dict[str, Any]:
    return {
        "model_id": fit.plan.model.id,
        "format_id": fit.plan.format.id,
        "fits": fit.fits,
        "licence": fit.plan.model.licence,
        "commercial_use": fit.plan.model.commercial_use,
        "context_tokens": fit.plan.context_tokens,
        "weights_bytes": fit.weights_bytes,
        "kv_bytes_per_token": fit.kv_bytes_per_token,
        "needed_bytes": fit.needed_bytes,
        "headroom_bytes": fit.headroom_bytes,
        "prompt_tokens": fit.prompt_tokens,
        "first_token_s": fit.first_token_s,
        "tokens_per_s": fit.tokens_per_s,
        "j_per_token": fit.j_per_token,
        "error_ratio": fit.error_ratio,
        "n_slots": fit.plan.max_sequences,
        "n_runs": fit.n_runs,
        "method": "derived" if fit.n_runs else "modelled",
    }


def _inputs(advice: Advice, catalog: Catalog, *, language: Language) -> RenderableType:
    """Every number the estimates were made from, with its source."""
    words = phrases("galerne.cli", language)
    plan = advice.fits[0].plan
    machine, calibration = plan.machine, plan.calibration
    table = plain_table(words["input"], words["value"], words["source"], title=words["explain_inputs"])
    cited: dict[str, str] = {}
    for name in ("memory_bytes_per_s", "peak_flop_per_s"):
        table.add_row(name, f"{getattr(machine, name):.4g}", machine.methods.get(name, ""))
    inputs: list[tuple[HostSpec | Calibration, str]] = [
        (machine.host, name) for name in ("busy_core_w", "idle_core_w")
    ]
    inputs += [(calibration, name) for name in CALIBRATION_INPUTS]
    for row, name in inputs:
        source = catalog.source_of(row, name)
        cited[source.key] = source.title
        table.add_row(name, f"{getattr(row, name):.4g}", source.key)
    formula = Text(words["explain_formula"].format(error=f"{calibration.error_ratio:.0%}"))
    table.columns[2].justify = "left"
    notes = "\n".join(f"{key}: {title}" for key, title in cited.items())
    return Group(table, formula, Text(notes, style="dim"))
