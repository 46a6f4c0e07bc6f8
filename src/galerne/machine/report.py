"""What a person is told about this computer: the machine table, its power sensors, and what would help."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from galerne.catalog import Machine
from galerne.machine.host import (
    HostReading,
    display_vendors,
    free_memory_bytes,
    has_nvidia_driver,
    is_limited,
    read_host,
)
from galerne.machine.meter.idle import IDLE_SOURCE, IdlePower
from galerne.machine.meter.rapl import GRANT, find_zones


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportRow:
    """One line of the machine table.

    Attributes:
        key: key of its label in this part's phrases.
        value: a number in the base unit, or a text that needs no translation.
        unit: symbol of the base unit; empty for counts and texts.
        method: ``measured``, ``published``, ``derived``, ``estimated`` or ``modelled``.
        source: key of the source in the catalogue, for what was not read from this machine.
    """

    key: str
    value: float | str
    unit: str = ""
    method: str = "measured"
    source: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerSensor:
    """An energy counter of this machine.

    Attributes:
        name: such as ``package-0``.
        readable: whether this process may read it.
        how_to_grant: the command that lets it.
    """

    name: str
    readable: bool
    how_to_grant: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineReport:
    """The machine table and what stands beside it.

    Attributes:
        advice: keys of this part's phrases: what is missing and what would help, most useful first.
    """

    rows: tuple[ReportRow, ...]
    sensors: tuple[PowerSensor, ...]
    advice: tuple[str, ...]


WIDE_INSTRUCTIONS = frozenset({"avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "i8mm", "sve", "sve2"})
"""What an engine compiled for every processor of a kind leaves unused."""


def describe(
    machine: Machine,
    *,
    root: Path = Path("/"),
    engine_is_generic: bool = False,
    idle: IdlePower | None = None,
) -> MachineReport:
    """The machine table of a probed machine, with what is free and readable at this moment.

    Args:
        machine: from ``probe_machine``.
        root: root of the file system it was probed in.
        engine_is_generic: whether the installed engine was compiled for every processor of its kind.
        idle: its power at rest, where its meter has shown it.
    """
    host = read_host(root)
    sensors = find_sensors(root)
    return MachineReport(
        rows=(*_host_rows(machine, host, root), *_power_rows(machine, idle)),
        sensors=sensors,
        advice=(
            *_engine_advice(machine, host, root, engine_is_generic=engine_is_generic),
            *_advice(host, sensors),
        ),
    )


def find_sensors(root: Path = Path("/")) -> tuple[PowerSensor, ...]:
    """The energy counters of this machine, readable or not."""
    return tuple(
        PowerSensor(name=zone.domain, readable=zone.readable, how_to_grant=None if zone.readable else GRANT)
        for zone in find_zones(root)
    )


def _host_rows(machine: Machine, host: HostReading, root: Path) -> tuple[ReportRow, ...]:
    rows = [
        ReportRow(key="processor", value=host.processor),
        ReportRow(key="cores", value=machine.n_cores),
        ReportRow(key="physical_cores", value=host.n_physical_cores),
        ReportRow(key="instruction_sets", value=" ".join(host.instruction_sets) or "-"),
        ReportRow(key="memory", value=machine.memory_bytes, unit="B"),
        ReportRow(key="free_memory", value=free_memory_bytes(root), unit="B"),
        ReportRow(
            key="memory_bandwidth",
            value=machine.memory_bytes_per_s,
            unit="B/s",
            method=machine.methods.get("memory_bytes_per_s", "modelled"),
        ),
        ReportRow(
            key="arithmetic",
            value=machine.peak_flop_per_s,
            unit="FLOP/s",
            method=machine.methods.get("peak_flop_per_s", "modelled"),
        ),
    ]
    devices = Counter(device.name for device in machine.accelerators).items()
    return (
        *rows,
        *(ReportRow(key="accelerator", value=f"{n} x {name}", method="published") for name, n in devices),
        ReportRow(key="system", value=machine.os),
    )


def _power_rows(machine: Machine, idle: IdlePower | None) -> tuple[ReportRow, ...]:
    sources = machine.host.sources
    is_known = idle is not None and idle.method != "modelled"
    idle_w = idle.total_w if idle is not None and is_known else machine.idle_w
    return (
        ReportRow(
            key="idle_power",
            value=idle_w,
            unit="W",
            # By the catalogue: coefficients of a kind of processor, not readings of this one.
            method=idle.method if idle is not None else "modelled",
            source=IDLE_SOURCE if is_known else sources.get("idle_core_w", sources.get("default")),
        ),
        ReportRow(
            key="busy_power",
            value=idle_w + machine.n_cores * machine.host.busy_core_w,
            unit="W",
            method="modelled",  # coefficients of a kind of processor, not readings of this one
            source=sources.get("busy_core_w", sources.get("default")),
        ),
    )


def _engine_advice(
    machine: Machine, host: HostReading, root: Path, *, engine_is_generic: bool
) -> tuple[str, ...]:
    """What would let an engine compute faster here, and what holds the memory back."""
    vendors, advice = display_vendors(root), []
    if "nvidia" in vendors and not has_nvidia_driver(root):
        advice.append("no_nvidia_driver")
    elif "nvidia" in vendors and not machine.accelerators:
        advice.append("nvidia_not_known")
    if machine.accelerators and engine_is_generic:
        advice.append("engine_cuda")
    elif "amd" in vendors and engine_is_generic:
        advice.append("engine_amd")
    elif (
        engine_is_generic and not host.os.startswith("macOS") and WIDE_INSTRUCTIONS & {*host.instruction_sets}
    ):
        advice.append("engine_native")
    if is_limited(root):
        advice.append("container_memory")
    return tuple(advice)


def _advice(host: HostReading, sensors: tuple[PowerSensor, ...]) -> tuple[str, ...]:
    if any(sensor.readable for sensor in sensors):
        return ()
    if sensors:
        return ("grant_sensors",)
    return ("no_sensor_virtual",) if host.virtual else ("no_sensor",)
