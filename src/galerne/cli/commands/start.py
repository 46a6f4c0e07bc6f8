"""``galerne`` alone: this machine, what fits on it, then a chat; in a pipe, one answer and its receipt."""

from __future__ import annotations

import os
import sys

from galerne.cli.commands.run import ask, piped_text, talk
from galerne.cli.foundation import Foundation, lay_foundation
from galerne.cli.installed import installed
from galerne.cli.learned import RememberedRuns
from galerne.cli.screen import advice_line, fit_table, machine_table, make_console
from galerne.cli.settings import read_settings
from galerne.clock import SystemClock
from galerne.language import phrases, phrases_as_typed
from galerne.machine import describe, free_memory_bytes
from galerne.perf import Advice, Fit, advise
from galerne.perf.advice import newest_of_each_shape, recent_for_general_use

N_SHOWN = 4
"""Fitting models shown at the start; `galerne fit` shows all."""


def start() -> None:
    """Introduce the machine, then talk."""
    settings = read_settings(os.environ)
    foundation = lay_foundation(settings, clock=SystemClock())
    _introduce(foundation)
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        talk(settings)
        return
    words = phrases_as_typed("galerne.cli", settings.language)
    ask(settings, piped_text() or words["built_in_question"])


def _introduce(foundation: Foundation) -> None:
    settings, catalog = foundation.settings, foundation.catalog
    machine = foundation.machine()
    lessons = RememberedRuns(settings.home, machine).of
    advice = advise(catalog, machine, free_bytes=float(free_memory_bytes()), lessons=lessons)
    console = make_console()
    console.print(machine_table(describe(machine), language=settings.language))
    console.print(fit_table(_most_interesting(advice), advice, language=settings.language))
    console.print(advice_line(advice, language=settings.language))
    words = phrases("galerne.cli", settings.language)
    names = ", ".join(file.model_id for file in installed(settings).files)
    note = words["built_in_note"].format(models=names, folder=settings.models_folder)
    console.print(note + "\n", style="dim", markup=False, soft_wrap=True)


def _most_interesting(advice: Advice) -> list[Fit]:
    """The models worth having around the recommended one; the smallest where none is fast enough."""
    worth_having = newest_of_each_shape(recent_for_general_use(advice.fits))
    if advice.recommended is None:
        return worth_having[:N_SHOWN]
    model_id = advice.recommended.plan.model.id
    n_up_to_it = sum(fit.needed_bytes <= advice.recommended.needed_bytes for fit in worth_having)
    around = worth_having[max(0, n_up_to_it - N_SHOWN + 2) : n_up_to_it + 2]
    present = any(fit.plan.model.id == model_id for fit in around)
    return around if present else [advice.recommended, *around]
