"""Power meters behind one protocol: measured by the processor (RAPL), replayed from a record, or modelled."""

from galerne.machine.meter.ladder import choose_meter
from galerne.machine.meter.modelled import ModelledMeter
from galerne.machine.meter.processor import ProcessorClock, ProcessorTime
from galerne.machine.meter.rapl import RaplMeter
from galerne.machine.meter.records import METHODS, EnergyWindow, Meter, MeterReading, window_between
from galerne.machine.meter.replay import ReplayMeter

__all__ = [
    "METHODS",
    "EnergyWindow",
    "Meter",
    "MeterReading",
    "ModelledMeter",
    "ProcessorClock",
    "ProcessorTime",
    "RaplMeter",
    "ReplayMeter",
    "choose_meter",
    "window_between",
]
