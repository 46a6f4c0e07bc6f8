"""``galerne doctor``: what was found here, what is missing, what would help."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata

from galerne.chat.bill.figures import quantity
from galerne.cli.foundation import lay_foundation
from galerne.cli.installed import installed
from galerne.cli.metering import idle_tracker, survey
from galerne.cli.screen import machine_table, make_console, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.clock import SystemClock
from galerne.engines.offload import Gpu, find_gpus, is_built_for_gpus
from galerne.language import phrases
from galerne.machine import MachineReport, describe
from galerne.machine.meter import Rung
from galerne.storage import read_daemon

ENGINE_PACKAGE = "xllamacpp"
SAID_HERE = ("no_wall_meter", "wall_meter_fails", "no_nvidia")
"""What rungs lack, beyond the sensors that the report of the machine speaks of."""


def doctor(*, as_json: bool) -> None:
    """Look at everything an answer needs."""
    settings = read_settings(os.environ)
    foundation = lay_foundation(settings, clock=SystemClock())
    gpus = _gpus()
    rungs = survey(settings, foundation.machine(), clock=foundation.clock)
    idle = idle_tracker(settings, foundation.machine(), covers=_in_use(rungs).covers).power
    report = describe(foundation.machine(), engine_is_generic=not is_built_for_gpus(), idle=idle)
    if as_json:
        meter = {"rung": _in_use(rungs).name, "rungs": [asdict(rung) for rung in rungs]}
        engine, folder = _engine(settings), str(settings.home)
        print_json(
            {
                **asdict(report),
                "meter": meter,
                "engine": engine,
                "home": folder,
                "gpus": list(map(asdict, gpus)),
            }
        )
        return
    console = make_console()
    words = phrases("galerne.cli", settings.language)
    console.print(machine_table(report, language=settings.language))
    lines = {
        words["doctor_engine"]: _engine(settings),
        words["doctor_gpus"]: _told_gpus(gpus, settings),
        words["doctor_sensors"]: _sensors(report, settings),
        words["doctor_meter"]: words["doctor_rung"].format(
            rung=words[f"rung_{_in_use(rungs).name}"], covers=_in_use(rungs).covers
        ),
        words["doctor_home"]: str(settings.home),
        words["doctor_daemon"]: _daemon(settings),
    }
    width = max(map(len, lines))
    for label, text in lines.items():
        console.print(f"  {label:<{width}}  {text}", markup=False)
    problems = [str(problem) for problem in installed(settings).problems]
    advice = [phrases("galerne.machine", settings.language)[key] for key in report.advice]
    console.print(f"\n{words['doctor_title']}", style="bold")
    advice += [_lack(rung, settings) for rung in rungs if rung.missing in SAID_HERE]
    for line in [*problems, *advice] or [words["doctor_all_well"]]:
        console.print(f"  - {line}", markup=False)


def _in_use(rungs: Sequence[Rung]) -> Rung:
    return next(rung for rung in rungs if rung.holds)


def _lack(rung: Rung, settings: Settings) -> str:
    return phrases("galerne.machine", settings.language)[rung.missing].format(detail=rung.detail)


def _engine(settings: Settings) -> str:
    words = phrases("galerne.cli", settings.language)
    try:
        import xllamacpp  # noqa: F401  # whether it loads on this processor is the question
    except ImportError as error:
        return words["doctor_engine_missing"].format(problem=error)
    return words["doctor_engine_ok"].format(version=metadata.version(ENGINE_PACKAGE))


def _gpus() -> tuple[Gpu, ...]:
    """What the installed engine can compute on beside the processor."""
    return asyncio.run(find_gpus()) if is_built_for_gpus() else ()


def _told_gpus(gpus: Sequence[Gpu], settings: Settings) -> str:
    words = phrases("galerne.cli", settings.language)
    if settings.gpu_layers == 0:
        return words["doctor_gpu_off"]
    told = [
        words["doctor_gpu"].format(
            name=gpu.description or gpu.name,
            free=quantity(gpu.free_bytes, "B", language=settings.language),
            memory=quantity(gpu.memory_bytes, "B", language=settings.language),
        )
        for gpu in gpus
    ]
    return ", ".join(told) or words["doctor_gpu_none"]


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
