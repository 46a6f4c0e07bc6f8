"""``galerne tune``: measure which settings the engine runs a model with fastest here."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

from galerne.chat.bill.figures import NARROW_SPACE, number, quantity
from galerne.cli.foundation import Foundation, lay_foundation
from galerne.cli.installed import find_installed, installed
from galerne.cli.needed import needed_bytes
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.cli.shelf import LocalShelf, plain_settings, room_for_slots
from galerne.cli.tuned import NEVER_TUNED, RememberedTunings, Tuned
from galerne.cli.tuned_words import document, explained, told
from galerne.clock import SystemClock
from galerne.engines import LlamaEngine
from galerne.engines.pace import Trial, TuningReport
from galerne.engines.tuning import MOST_OTHERS_CORES, Tuner, TuningTerms
from galerne.errors import DoesNotFit, MachineBusy
from galerne.language import phrases
from galerne.machine import free_memory_bytes
from galerne.machine.bystanders import Bystanders
from galerne.models import ModelFile

SMALL_BYTES, SMALL_S = 64 << 20, 30.0
"""A model this small is measured in a few seconds; on a machine that is not calm, in so many at most."""
LARGE_S = 120.0
LOOK_S = 0.5
ANY_CORES = 1e9


def tune(*, name: str, again: bool, anyway: bool, seconds: float, halve_keys: bool, as_json: bool) -> None:
    """Measure, keep what is found, and say it.

    Raises:
        UnknownModel: it is not here; names the nearest.
        DoesNotFit: it could not be loaded beside what runs.
        MachineBusy: other programs compute, and nobody said to measure anyway.
    """
    settings = read_settings(os.environ)
    foundation = lay_foundation(settings, clock=SystemClock())
    file = find_installed(installed(settings), name)
    tunings = RememberedTunings(settings.home, foundation.machine())
    known = tunings.of(file)
    measured = known is NEVER_TUNED or again or halve_keys
    if measured:
        budget_s = seconds or (SMALL_S if file.size_bytes < SMALL_BYTES else LARGE_S)
        most_cores = ANY_CORES if anyway else MOST_OTHERS_CORES
        terms = TuningTerms(budget_s=budget_s, most_others_cores=most_cores, halve_keys=halve_keys)
        report = _measure(foundation, file, terms, as_json=as_json)
        known = tunings.note(file, report, at=foundation.clock.now_at())
    if as_json:
        print_json(document(file, known, measured_now=measured))
    else:
        _print(settings, file, known, measured_now=measured)


def _measure(foundation: Foundation, file: ModelFile, terms: TuningTerms, *, as_json: bool) -> TuningReport:
    settings, clock = foundation.settings, foundation.clock
    shelf = LocalShelf(
        foundation.catalog,
        foundation.machine(),
        installed=lambda: installed(settings),
        default_id=file.model_id,
        context_tokens=settings.context_tokens,
        clock=clock,
    )
    plan = next(node.plan for node in shelf.find_nodes() if node.model_id == file.model_id)
    needed, free_bytes = needed_bytes(foundation.catalog, plan), free_memory_bytes()
    if needed > free_bytes and not settings.load_anyway:
        raise DoesNotFit(needed_bytes=needed, free_bytes=free_bytes, model=file.model_id)
    words = phrases("galerne.cli", settings.language)
    console, bystanders = make_console(), Bystanders(clock=clock)

    def note(trial: Trial) -> None:
        status.update(words["tune_running"].format(model=file.model_id, trial=told(trial.tuning, words)))

    async def go() -> TuningReport:
        await asyncio.sleep(LOOK_S)
        if (others_cores := bystanders.cores()) > terms.most_others_cores:
            raise MachineBusy(others_cores=others_cores)
        tuner = Tuner(
            plain_settings(file, plan),
            clock=clock,
            others_cores=bystanders.cores,
            terms=replace(terms, room_for_slots=room_for_slots(plan)),
            note=note,
            engine_of=LlamaEngine,
        )
        report = await tuner.tune()
        if report.postponed:
            raise MachineBusy(others_cores=max(bystanders.cores(), terms.most_others_cores))
        return report

    first = words["tune_running"].format(model=file.model_id, trial=words["tune_defaults"])
    with console.status("" if as_json else first) as status:
        return asyncio.run(go())


def _print(settings: Settings, file: ModelFile, tuned: Tuned, *, measured_now: bool) -> None:
    language, words, console = settings.language, phrases("galerne.cli", settings.language), make_console()
    table = plain_table(
        words["tune_tried"], words["bench_read"], words["bench_written"], words["tune_together"],
        words["tune_repeat"], title=words["tune_title"].format(model=file.model_id),
    )  # fmt: skip
    for tuning, pace in tuned.trials:
        rates = (*pace.usual, pace.repeat_tokens_per_s)
        cells = [f"{number(rate, language=language)}{NARROW_SPACE}tok/s" for rate in rates]
        table.add_row(told(tuning, words), *cells)
    console.print(table)
    console.print(explained(tuned, settings, size_bytes=file.size_bytes), markup=False)
    if not tuned.complete:
        console.print(words["tune_incomplete"].format(took=quantity(tuned.took_s, "s", language=language)))
    console.print(words["tune_kept" if measured_now else "tune_known"], style="dim", markup=False)
