"""``galerne validate``: published figures beside ours, losses included."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from galerne.catalog import Catalog
from galerne.chat.bill.figures import decimal, share
from galerne.cli.foundation import lay_foundation
from galerne.cli.installed import installed
from galerne.cli.learned import RememberedRuns
from galerne.cli.recorded import RecordedRuns, recorded_runs
from galerne.cli.runs import (
    AFTER_TARGET_RATIO,
    BEFORE_TARGET_RATIO,
    RunComparison,
    compare_runs,
    runs_table,
)
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.cli.tuned import RememberedTunings
from galerne.clock import SystemClock
from galerne.language import Language, phrases
from galerne.perf.cases import Outcome
from galerne.site.validate import published_cases
from galerne.site.validate import validate as validate_cases

STYLES = {"within": "green", "known gap": "yellow", "outside": "red"}


def validate(*, as_json: bool) -> None:
    """Compute every published case and print it beside what was published."""
    settings = read_settings(os.environ)
    catalog = Catalog(settings.catalog_folder)
    outcomes = validate_cases(catalog, published_cases(catalog))
    machine = lay_foundation(settings, clock=SystemClock()).machine()
    runs, tunings = RememberedRuns(settings.home, machine), RememberedTunings(settings.home, machine)
    here = compare_runs(catalog, machine, runs, installed(settings), tunings=tunings)
    recorded = recorded_runs()
    if as_json:
        parts = [part for row in here for part in _here_documents(row)]
        parts += _recorded_documents(recorded) if recorded else []
        print_json([*map(_document, outcomes), *parts])
        return
    _print(outcomes, catalog, language=settings.language)
    if recorded:
        _print_recorded(recorded, language=settings.language)
    _print_here(here, language=settings.language)


def _recorded_documents(recorded: RecordedRuns) -> list[dict[str, Any]]:
    """The same of a machine and a day that are on record, with what other programs did meanwhile."""
    about = {
        "question": "recorded_machine",
        "date": recorded.date,
        "machine": f"{recorded.processor}, {recorded.n_cores} cores",
        "others_cores": recorded.others_cores,
    }
    return [
        {**part, **about} for row in recorded.rows for part in _here_documents(row, place="recorded-machine")
    ]


def _here_documents(row: RunComparison, *, place: str = "this-machine") -> list[dict[str, Any]]:
    """This machine's own cases: before any run, and after the first."""
    kinds = ("before", row.before_ratio, BEFORE_TARGET_RATIO), ("after", row.after_ratio, AFTER_TARGET_RATIO)
    return [
        {
            "id": f"{place}-{row.model_id}-{row.format_id}-{kind}",
            "question": "this_machine",
            "expected": row.measured_tokens_per_s,
            "ours": row.measured_tokens_per_s * ratio,
            "unit": "tokens/s",
            "ratio": ratio,
            "tolerance_ratio": target_ratio,
            "verdict": "within" if abs(ratio - 1.0) <= target_ratio else "outside",
            "n_runs": row.n_runs,
            "method": "modelled" if kind == "before" else "derived",
        }
        for kind, ratio, target_ratio in kinds
        if ratio is not None
    ]


def _print_recorded(recorded: RecordedRuns, *, language: Language) -> None:
    words, console = phrases("galerne.cli", language), make_console()
    title = words["runs_recorded"].format(
        date=recorded.date, processor=recorded.processor, n_cores=recorded.n_cores
    )
    console.print(runs_table(recorded.rows, language=language, title=title))
    if not recorded.is_calm:
        others = decimal(recorded.others_cores, language=language, decimals=1)
        console.print(words["runs_spoilt"].format(others=others), style="dim", markup=False)


def _print_here(here: Sequence[RunComparison], *, language: Language) -> None:
    words, console = phrases("galerne.cli", language), make_console()
    if not here:
        console.print(f"\n{words['machine']}: {words['runs_none']}", markup=False)
        return
    console.print(runs_table(here, language=language))
    targets = words["runs_targets"].format(
        before=share(BEFORE_TARGET_RATIO, language=language),
        after=share(AFTER_TARGET_RATIO, language=language),
    )
    console.print(targets, style="dim", markup=False)


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        **asdict(outcome.case),
        "ours": outcome.ours,
        "difference": outcome.ours - outcome.case.expected,
        "ratio": outcome.ratio,
        "verdict": outcome.verdict,
        "method": "modelled",
    }


def _figure(value: float, language: Language) -> str:
    """Four digits, with a power of ten where there are many, and the decimal comma of French."""
    text = f"{value:,.4g}"
    return text.replace(".", ",") if language is Language.FRENCH else text


def _print(outcomes: Sequence[Outcome], catalog: Catalog, *, language: Language) -> None:
    words, console = phrases("galerne.cli", language), make_console()
    table = plain_table(
        *(
            words[key]
            for key in ("case", "published_figure", "ours", "unit", "ratio", "tolerance", "verdict")
        ),
        title=words["validate_title"],
    )
    table.columns[0].overflow = "fold"
    for name in (3, 6):
        table.columns[name].justify = "left"
    for outcome in outcomes:
        case = outcome.case
        table.add_row(
            case.name,
            _figure(case.expected, language),
            _figure(outcome.ours, language),
            case.unit,
            decimal(outcome.ratio, language=language, decimals=2),
            share(case.tolerance_ratio, language=language),
            words[f"verdict_{outcome.verdict.replace(' ', '_')}"],
            style=STYLES[outcome.verdict] if outcome.verdict != "within" else "",
        )
    console.print(table)
    counts = Counter(outcome.verdict for outcome in outcomes)
    console.print(
        words["validate_summary"].format(
            n=len(outcomes), within=counts["within"], gaps=counts["known gap"], outside=counts["outside"]
        )
    )
    reasons: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.verdict == "known gap":
            reasons.setdefault(outcome.case.known_gap, []).append(outcome.case.name)
    for reason, names in reasons.items():
        console.print(f"{reason} ({len(names)})", style="dim", markup=False)
    for key in sorted({outcome.case.source for outcome in outcomes}):
        source = catalog.sources[key]
        console.print(f"{key}: {source.title}. {source.url}", style="dim", markup=False)
