"""``galerne doctor``: what was found here, what is missing, what would help."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib import metadata

from galerne.cli.house import lay_foundation
from galerne.cli.screen import machine_table, make_console, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.clock import SystemClock
from galerne.language import phrases
from galerne.machine import MachineReport, describe
from galerne.models import library
from galerne.storage import read_daemon

ENGINE_PACKAGE = "xllamacpp"


def doctor(*, as_json: bool) -> None:
    """Look at everything an answer needs."""
    settings = read_settings(os.environ)
    foundation = lay_foundation(settings, clock=SystemClock())
    report = describe(foundation.machine())
    if as_json:
        print_json({**asdict(report), "engine": _engine(settings), "home": str(settings.home)})
        return
    console = make_console()
    words = phrases("galerne.cli", settings.language)
    console.print(machine_table(report, language=settings.language))
    lines = {
        words["doctor_engine"]: _engine(settings),
        words["doctor_sensors"]: _sensors(report, settings),
        words["doctor_home"]: str(settings.home),
        words["doctor_daemon"]: _daemon(settings),
    }
    width = max(map(len, lines))
    for label, text in lines.items():
        console.print(f"  {label:<{width}}  {text}", markup=False)
    problems = [str(problem) for problem in library(settings.models_folder).problems]
    advice = [phrases("galerne.machine", settings.language)[key] for key in report.advice]
    console.print(f"\n{words['doctor_title']}", style="bold")
    for line in [*problems, *advice] or [words["doctor_all_well"]]:
        console.print(f"  - {line}", markup=False)


def _engine(settings: Settings) -> str:
    words = phrases("galerne.cli", settings.language)
    try:
        import xllamacpp  # noqa: F401  # whether it loads on this processor is the question
    except ImportError as error:
        return words["doctor_engine_missing"].format(problem=error)
    return words["doctor_engine_ok"].format(version=metadata.version(ENGINE_PACKAGE))


def _sensors(report: MachineReport, settings: Settings) -> str:
    words = phrases("galerne.cli", settings.language)
    if not report.sensors:
        return words["doctor_none"]
    return ", ".join(
        f"{sensor.name} ({words['doctor_readable' if sensor.readable else 'doctor_locked']})"
        for sensor in report.sensors
    )


def _daemon(settings: Settings) -> str:
    daemon = read_daemon(settings.home)
    if daemon is None or daemon.address is None:
        return phrases("galerne.cli", settings.language)["doctor_not_running"]
    return f"{daemon.address} (pid {daemon.pid})"
