"""Which meter to use: the best that can be read here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from galerne.clock import Clock
from galerne.errors import MeterUnavailable
from galerne.machine.meter.modelled import ModelledMeter
from galerne.machine.meter.rapl import RaplMeter
from galerne.machine.meter.records import Meter


def choose_meter(
    *, clock: Clock, active_j: Callable[[], float], idle_w: float, root: Path = Path("/")
) -> Meter:
    """The first rung of the ladder that holds: measured by the processor, else modelled.

    Args:
        clock: time.
        active_j: for the modelled meter, joules above idle so far.
        idle_w: for the modelled meter, power of the machine at rest.
        root: root of the file system.
    """
    try:
        return RaplMeter(root, clock=clock)
    except MeterUnavailable:
        return ModelledMeter(active_j=active_j, idle_w=idle_w, clock=clock)
