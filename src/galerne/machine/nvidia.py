"""NVIDIA devices of this computer, when its driver's library is installed, matched to catalogue rows."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from galerne.catalog import AcceleratorSpec, Catalog

_MEMORY_TOLERANCE_RATIO = 0.1
_FORMS = {"sxm", "pcie", "nvl"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceReading:
    """One device as its driver describes it."""

    name: str
    memory_bytes: int
    free_bytes: int
    driver: str


def load_nvml() -> Any | None:
    """NVIDIA's management library, ready to be asked; ``None`` where there is none or it does not work."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml


def read_devices(nvml: Any | None) -> tuple[DeviceReading, ...]:
    """Every device the library can describe.

    Args:
        nvml: the module ``pynvml``, initialised; ``None`` for no device.
    """
    if nvml is None:
        return ()
    try:
        driver = _text(nvml.nvmlSystemGetDriverVersion())
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        return tuple(_read_device(nvml, handle, driver) for handle in handles)
    except nvml.NVMLError:
        return ()


def _read_device(nvml: Any, handle: Any, driver: str) -> DeviceReading:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return DeviceReading(
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(memory.total),
        free_bytes=int(memory.free),
        driver=driver,
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def match_accelerator(catalog: Catalog, device: DeviceReading) -> AcceleratorSpec | None:
    """The catalogue row of a device: same model number, same form where both say one, same memory."""
    words = _words(device.name)
    candidates = [
        row
        for row in catalog.accelerators.rows.values()
        if abs(row.memory_bytes - device.memory_bytes) <= _MEMORY_TOLERANCE_RATIO * row.memory_bytes
        and _model_numbers(words) & _model_numbers(_words(row.name))
        and not _forms_differ(words, _words(row.name))
    ]
    return max(candidates, key=lambda row: _likeness(words, _words(row.name)), default=None)


def _likeness(device: set[str], row: set[str]) -> tuple[int, bool]:
    # Drivers name the PCIe form; a device that names none is on a board of its own.
    return len(device & row), "pcie" not in row


def _words(name: str) -> set[str]:
    # SXM4 and SXM5 are one form; memory sizes are compared as bytes.
    spelled = re.sub(r"\b(sxm|hbm|nvl)\d+\w?\b|\b\d+ ?gb\b", r"\1", name.lower())
    return set(re.findall(r"[a-z0-9]+", spelled))


def _model_numbers(words: Iterable[str]) -> set[str]:
    return {word for word in words if any(letter.isdigit() for letter in word)}


def _forms_differ(one: set[str], other: set[str]) -> bool:
    forms = one & _FORMS, other & _FORMS
    return all(forms) and not forms[0] & forms[1]
