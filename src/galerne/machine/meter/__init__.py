"""Power meters behind one protocol: at the wall, in processors and accelerators, replayed, or modelled."""

from galerne.machine.meter.accelerator_time import AcceleratorClock
from galerne.machine.meter.idle import IDLE_SOURCE, IdlePower, IdleTracker, Samples
from galerne.machine.meter.joint import FallbackMeter, JointMeter, WallMeterWithParts
from galerne.machine.meter.ladder import MeterParts, Rung, choose_meter, survey_meters
from galerne.machine.meter.modelled import ModelledMeter
from galerne.machine.meter.nvidia import NvidiaMeter
from galerne.machine.meter.processor import ProcessorClock, ProcessorTime
from galerne.machine.meter.rapl import RaplMeter
from galerne.machine.meter.records import METHODS, EnergyWindow, Meter, MeterReading, window_between
from galerne.machine.meter.replay import ReplayMeter
from galerne.machine.meter.sampled import SampledMeter
from galerne.machine.meter.wall import WallDescription, WallMeter, read_wall_file

__all__ = [
    "IDLE_SOURCE",
    "METHODS",
    "AcceleratorClock",
    "EnergyWindow",
    "FallbackMeter",
    "IdlePower",
    "IdleTracker",
    "JointMeter",
    "Meter",
    "MeterParts",
    "MeterReading",
    "ModelledMeter",
    "NvidiaMeter",
    "ProcessorClock",
    "ProcessorTime",
    "RaplMeter",
    "ReplayMeter",
    "Rung",
    "SampledMeter",
    "Samples",
    "WallDescription",
    "WallMeter",
    "WallMeterWithParts",
    "choose_meter",
    "read_wall_file",
    "survey_meters",
    "window_between",
]
