"""This computer: what it is, what it is doing, and what it draws.

``probe_machine`` finds it, ``describe`` tells it to people, and the meters of ``galerne.machine.meter`` count
its energy.
"""

from galerne.machine.host import free_memory_bytes, read_host
from galerne.machine.meter import (
    EnergyWindow,
    Meter,
    MeterReading,
    ModelledMeter,
    RaplMeter,
    ReplayMeter,
    choose_meter,
    window_between,
)
from galerne.machine.probe import probe_machine
from galerne.machine.report import MachineReport, PowerSensor, ReportRow, describe

__all__ = [
    "EnergyWindow",
    "MachineReport",
    "Meter",
    "MeterReading",
    "ModelledMeter",
    "PowerSensor",
    "RaplMeter",
    "ReplayMeter",
    "ReportRow",
    "choose_meter",
    "describe",
    "free_memory_bytes",
    "probe_machine",
    "read_host",
    "window_between",
]
