"""Which meter to use: the best rung that holds, and below it, for its gaps, the one that always does.

wall > component > derived > modelled
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galerne.clock import Clock
from galerne.errors import MeterUnavailable
from galerne.machine.meter.joint import FallbackMeter, JointMeter, WallMeterWithParts
from galerne.machine.meter.modelled import ModelledMeter
from galerne.machine.meter.nvidia import NvidiaMeter
from galerne.machine.meter.rapl import RaplMeter
from galerne.machine.meter.records import Meter, Part
from galerne.machine.meter.sampled import SampledMeter
from galerne.machine.meter.wall import WallDescription, WallMeter

NVIDIA_PERIOD_S = 0.2
RUNGS = ("wall", "component", "derived", "modelled")
"""From the plug to a formula."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One way to know the energy of this machine.

    Attributes:
        name: one of ``RUNGS``.
        covers: what it counts, such as ``gpu+package``; empty where it does not hold.
        missing: key of this part's phrases: what it lacks; empty where it holds.
        detail: what exactly failed.
    """

    name: str
    covers: str = ""
    missing: str = ""
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether it can be used here, now."""
        return not self.missing


@dataclass(frozen=True, kw_only=True, slots=True)
class MeterParts:
    """What there is to make a meter of.

    Attributes:
        clock: time.
        active_j: for the modelled meter, joules above idle so far.
        idle_w: for the modelled meter, power of the machine at rest.
        host_active_j: the same, of processors alone; None where there are no accelerators.
        host_idle_w: the same.
        wall: how to read the wall meter, where there is one.
        nvml: NVIDIA's library, where accelerators work for us.
        modelled_only: measure nothing.
        root: root of the file system.
    """

    clock: Clock
    active_j: Callable[[], float]
    idle_w: float
    host_active_j: Callable[[], float] | None = None
    host_idle_w: float = 0.0
    wall: WallDescription | None = None
    nvml: Any | None = None
    modelled_only: bool = False
    root: Path = Path("/")


def choose_meter(parts: MeterParts) -> Meter:
    """The best meter that holds here, carried through its gaps by the modelled one."""
    modelled = _modelled(parts)
    if parts.modelled_only:
        return modelled
    best = _wall(parts) or _component(parts)
    return FallbackMeter(best, modelled, clock=parts.clock) if best else modelled


def survey_meters(parts: MeterParts) -> tuple[Rung, ...]:
    """Every rung, best first: the first that holds is the one in use, unless only a model was asked for."""
    rungs = [_survey_wall(parts), _survey_component(parts)]
    if parts.host_active_j is not None:
        rungs.append(_survey_derived(parts))
    return (*rungs, Rung(name="modelled", covers="machine"))


def _survey_wall(parts: MeterParts) -> Rung:
    if parts.wall is None:
        return Rung(name="wall", missing="no_wall_meter")
    meter = WallMeter(parts.wall, clock=parts.clock)
    meter.close()
    return Rung(
        name="wall", covers="wall", missing="wall_meter_fails" if meter.problem else "", detail=meter.problem
    )


def _survey_component(parts: MeterParts) -> Rung:
    covers = []
    try:
        if parts.host_active_j is not None:
            covers.append(_open_nvidia(parts).covers)
        covers.append(RaplMeter(parts.root, clock=parts.clock).covers)
    except MeterUnavailable as error:
        return Rung(name="component", missing=f"no_{error.meter}", detail=error.why)
    return Rung(name="component", covers="+".join(covers))


def _survey_derived(parts: MeterParts) -> Rung:
    try:
        covers = _open_nvidia(parts).covers
    except MeterUnavailable as error:
        return Rung(name="derived", missing=f"no_{error.meter}", detail=error.why)
    return Rung(name="derived", covers=f"{covers}+machine")


def _modelled(parts: MeterParts) -> ModelledMeter:
    return ModelledMeter(active_j=parts.active_j, idle_w=parts.idle_w, clock=parts.clock)


def _wall(parts: MeterParts) -> Meter | None:
    if parts.wall is None:
        return None
    has_accelerators = parts.host_active_j is not None
    accelerators = _nvidia(parts)
    # Accelerators that cannot be told apart are not shared by processor time.
    part: Part = "machine" if has_accelerators and accelerators is None else "host"
    plug = WallMeter(parts.wall, clock=parts.clock, part=part)
    wall = SampledMeter(plug, period_s=parts.wall.period_s, clock=parts.clock)
    return WallMeterWithParts(wall, accelerators) if accelerators else wall


def _component(parts: MeterParts) -> Meter | None:
    """Accelerators and processors, both measured; or the former measured and the latter modelled."""
    accelerators, processors = _nvidia(parts), _rapl(parts)
    if parts.host_active_j is None:
        return processors
    if accelerators is None:
        return None  # processors alone would miss most of it
    if processors is not None:
        return JointMeter([accelerators, processors])
    host = ModelledMeter(
        active_j=parts.host_active_j, idle_w=parts.host_idle_w, clock=parts.clock, part="engines"
    )
    return JointMeter([accelerators, host], method="derived")


def _nvidia(parts: MeterParts) -> Meter | None:
    if parts.host_active_j is None:
        return None
    try:
        return SampledMeter(_open_nvidia(parts), period_s=NVIDIA_PERIOD_S, clock=parts.clock)
    except MeterUnavailable:
        return None


def _open_nvidia(parts: MeterParts) -> NvidiaMeter:
    if parts.nvml is None:
        raise MeterUnavailable(meter=NvidiaMeter.name, why="nvidia-ml-py or the driver is missing")
    return NvidiaMeter(parts.nvml, clock=parts.clock)


def _rapl(parts: MeterParts) -> RaplMeter | None:
    try:
        return RaplMeter(parts.root, clock=parts.clock)
    except MeterUnavailable:
        return None
