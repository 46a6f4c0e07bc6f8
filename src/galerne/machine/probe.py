"""What this computer is and how fast: read at each start, measured once, matched to the catalogue."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from galerne.catalog import AcceleratorSpec, Catalog, HostSpec, Machine
from galerne.clock import Clock
from galerne.errors import InvalidFact, UnknownId
from galerne.machine.host import HostReading, free_memory_bytes, read_host
from galerne.machine.nvidia import load_nvml, match_accelerator, read_devices
from galerne.machine.speed import CALM_RATIO, Speed, measure_speed

CACHE_NAME = "machine.json"
PROCEDURE = 1
"""Number of the measuring procedure: a cached figure of another one is measured again."""

MOST_MEASUREMENTS = 5
"""A figure had with less of the cores' time than the first is measured again at later starts, this often."""


def probe_machine(
    catalog: Catalog,
    *,
    cache_folder: Path | None,
    clock: Clock,
    root: Path = Path("/"),
    nvml: Any | None = None,
    remeasure: bool = False,
    settles: bool = True,
) -> Machine:
    """This computer, as this process may use it.

    The first time, memory bandwidth and arithmetic are measured (about a second, three at most); afterwards
    they come from ``cache_folder`` while processor, cores, memory, accelerators and system stay the same.

    Args:
        catalog: where processors and accelerators are described.
        cache_folder: where measured rates are kept; ``None`` measures each time.
        clock: time, for measuring.
        root: root of the file system; another folder stands for a recorded machine.
        nvml: NVIDIA's library; looked for on this very computer when not given.
        remeasure: measure again and keep the better figures: other programs can only slow a measurement.
        settles: measure again where the figures were had on a busy machine, as long as there is hope.

    Raises:
        UnknownId: no row of the catalogue matches this processor.
    """
    host = read_host(root)
    if nvml is None and root == Path("/"):
        nvml = load_nvml()
    matched = (match_accelerator(catalog, device) for device in read_devices(nvml))
    accelerators = tuple(row for row in matched if row is not None)
    machine_id = fingerprint(host, accelerators)
    cache = cache_folder / CACHE_NAME if cache_folder else None
    known = _cached_speeds(cache)
    speed = known.get(machine_id)
    if speed is None or remeasure or (settles and _is_doubtful(speed)):
        measured = measure_speed(n_threads=host.n_cores, free_bytes=free_memory_bytes(root), clock=clock)
        speed = _better(speed, measured)
        _keep_speeds(cache, {**known, machine_id: speed})
    return assemble_machine(catalog, host, accelerators, speed)


def assemble_machine(
    catalog: Catalog, host: HostReading, accelerators: Sequence[AcceleratorSpec], speed: Speed
) -> Machine:
    """A machine from what was read, matched and measured.

    Raises:
        UnknownId: no row of the catalogue matches this processor.
    """
    row = match_host(catalog, host.processor)
    accelerator_host_w, host_w_method = _accelerator_host_w(catalog, host, row, accelerators)
    methods = {
        "n_cores": "measured",
        "memory_bytes": "measured",
        "memory_bytes_per_s": "measured",
        "peak_flop_per_s": "measured",
        "host": catalog.source_of(row, "busy_core_w").quality,
    }
    if accelerators:
        methods |= {"accelerators": "published", "accelerator_host_w": host_w_method}
    return Machine(
        name=_machine_name(host, accelerators),
        host=row,
        n_cores=host.n_cores,
        memory_bytes=host.memory_bytes,
        memory_bytes_per_s=speed.memory_bytes_per_s,
        peak_flop_per_s=speed.peak_flop_per_s,
        accelerators=tuple(accelerators),
        accelerator_host_w=accelerator_host_w,
        os=host.os,
        fingerprint=fingerprint(host, accelerators),
        methods=methods,
    )


def match_host(catalog: Catalog, processor: str) -> HostSpec:
    """The catalogue row of a processor: the user's own rows first, then the first packaged one that matches.

    Raises:
        InvalidFact: a row's ``match`` is not a regular expression.
        UnknownId: no row matches.
    """
    rows = catalog.hosts.rows.values()
    for row in sorted(rows, key=lambda row: row.id not in catalog.hosts.user_ids):
        try:
            if re.search(row.match, processor, re.IGNORECASE):
                return row
        except re.error as error:
            raise InvalidFact(path=f"hosts.toml#{row.id}.match", problem=str(error)) from error
    raise UnknownId(kind="processor", id=processor)


def fingerprint(host: HostReading, accelerators: Sequence[AcceleratorSpec] = ()) -> str:
    """What identifies a machine for measured figures: processor, cores, memory, system, accelerators."""
    devices = [device.id for device in accelerators]
    facts = [host.processor, host.n_cores, host.memory_bytes, host.os, devices]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def short_processor_name(processor: str) -> str:
    """A processor's name as people say it, without marks, clock and filler."""
    spoken = re.sub(
        r"\((R|TM|C)\)|\b\d+th Gen\b|\bCPU\b|@.*|\bw(ith)?/? Radeon.*", " ", processor, flags=re.I
    )
    spoken = re.sub(r"\b\d+-Core( Processor)?|\bProcessor\b", " ", spoken)
    return " ".join(spoken.split()) or processor


def _machine_name(host: HostReading, accelerators: Sequence[AcceleratorSpec]) -> str:
    cores = f"{host.n_cores} core{'s' if host.n_cores > 1 else ''}"
    devices = [f"{n} x {name}" for name, n in Counter(device.name for device in accelerators).items()]
    return ", ".join([short_processor_name(host.processor), cores, *devices])


def _accelerator_host_w(
    catalog: Catalog, host: HostReading, row: HostSpec, accelerators: Sequence[AcceleratorSpec]
) -> tuple[float, str]:
    """What the host draws beside its working accelerators, and how that is known."""
    if not accelerators:
        return 0.0, "modelled"
    for system in catalog.systems.rows.values():
        ids = {device.id for device in accelerators}
        if ids == {system.accelerator_id} and len(accelerators) == system.n_accelerators:
            return system.host_busy_w, catalog.source_of(system, "host_busy_w").quality
    # One core per device feeds it; the others rest.
    n_busy = min(len(accelerators), host.n_cores)
    return host.n_cores * row.idle_core_w + n_busy * row.busy_core_w, "modelled"


def _is_doubtful(speed: Speed) -> bool:
    """Whether other programs were in the way, and there is still hope for a calmer moment."""
    return speed.attention_ratio < CALM_RATIO and speed.n_measurements < MOST_MEASUREMENTS


def _better(known: Speed | None, measured: Speed) -> Speed:
    if known is None:
        return measured
    return Speed(
        memory_bytes_per_s=max(known.memory_bytes_per_s, measured.memory_bytes_per_s),
        peak_flop_per_s=max(known.peak_flop_per_s, measured.peak_flop_per_s),
        attention_ratio=max(known.attention_ratio, measured.attention_ratio),
        n_measurements=known.n_measurements + measured.n_measurements,
    )


def _cached_speeds(path: Path | None) -> dict[str, Speed]:
    """Measured rates by fingerprint; nothing where the file is missing, damaged or of another procedure."""
    if path is None:
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["procedure"] != PROCEDURE:
            return {}
        speeds = {key: Speed(**rates) for key, rates in kept["speeds"].items()}
        return {key: speed for key, speed in speeds.items() if _is_plausible(speed)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _is_plausible(speed: Speed) -> bool:
    rates = speed.memory_bytes_per_s, speed.peak_flop_per_s, speed.n_measurements
    numbers = [value for value in (*rates, speed.attention_ratio) if isinstance(value, int | float)]
    return len(numbers) == 4 and all(math.isfinite(value) for value in numbers) and min(rates) > 0


def _keep_speeds(path: Path | None, speeds: Mapping[str, Speed]) -> None:
    """Write the cache whole or not at all; a folder that cannot be written only costs a second next time."""
    if path is None:
        return
    rates = {key: dataclasses.asdict(speed) for key, speed in speeds.items()}
    unfinished = path.with_suffix(".unfinished")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(
            json.dumps({"procedure": PROCEDURE, "speeds": rates}, indent=1), encoding="utf-8"
        )
        unfinished.replace(path)
