"""From the settings and this machine to what a meter is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from galerne.catalog import Machine
from galerne.cli.learned import RememberedIdle
from galerne.cli.settings import Settings
from galerne.clock import Clock
from galerne.machine.meter import IdleTracker, MeterParts, Rung, read_wall_file, survey_meters
from galerne.machine.nvidia import load_nvml

AUTO, MODELLED = "auto", "modelled"


def survey(settings: Settings, machine: Machine, *, clock: Clock) -> tuple[Rung, ...]:
    """The rungs of the ladder, best first; the first that holds is in use.

    They are those of the packaged engine, which computes on processors.

    Raises:
        InvalidSetting: the file of the wall meter says what cannot be.
    """
    host_only = replace(machine, accelerators=())
    parts = meter_parts(settings, host_only, clock=clock, active_j=lambda: 0.0, processor_s=lambda: 0.0)
    rungs = survey_meters(parts)
    return rungs[-1:] if parts.modelled_only else rungs


def idle_tracker(settings: Settings, machine: Machine, *, covers: str) -> IdleTracker:
    """What this machine draws at rest: after the catalogue, until its own meter knows better.

    Args:
        settings: where what was learnt is kept.
        machine: the part of this computer that answers.
        covers: what the meter covers.
    """
    accelerator_w = sum(device.idle_w for device in machine.accelerators)
    remembered = RememberedIdle(settings.home, machine, covers=covers)
    return IdleTracker(
        host_w=machine.idle_w - accelerator_w,
        accelerator_w=accelerator_w,
        n_cores=machine.n_cores,
        remembered=remembered.samples,
        keep=remembered.keep,
    )


def meter_parts(
    settings: Settings,
    machine: Machine,
    *,
    clock: Clock,
    active_j: Callable[[], float],
    processor_s: Callable[[], float],
) -> MeterParts:
    """What there is to make a meter of.

    Args:
        settings: which meter was asked for.
        machine: the part of this computer that answers; without accelerators where the engine uses none.
        clock: time.
        active_j: what the engines' work adds to the machine's idle energy, modelled.
        processor_s: CPU-seconds of the engines.

    Raises:
        InvalidSetting: the file of the wall meter says what cannot be.
    """
    has_accelerators = bool(machine.accelerators)
    busy_core_w = machine.host.busy_core_w
    return MeterParts(
        clock=clock,
        active_j=active_j,
        idle_w=machine.idle_w,
        host_active_j=(lambda: processor_s() * busy_core_w) if has_accelerators else None,
        host_idle_w=machine.idle_w - sum(device.idle_w for device in machine.accelerators),
        wall=read_wall_file(Path(settings.meter).expanduser())
        if settings.meter not in (AUTO, MODELLED)
        else None,
        nvml=load_nvml() if has_accelerators else None,
        modelled_only=settings.meter == MODELLED,
    )
