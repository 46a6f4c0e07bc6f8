"""The processor, memory and system of this computer, as this process may use them.

Linux is read from a root folder, so that a recorded tree is a machine; macOS from the text of ``sysctl``.
Elsewhere psutil answers what it can.
"""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from galerne.machine import cgroups

MATRIX_INSTRUCTIONS = (
    "avx", "avx2", "f16c", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "amx_int8", "amx_bf16", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme",
)  # fmt: skip
"""Processor flags that matter to an engine, as Linux names them."""

_VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel"}
_SYSCTL_FLAGS = {
    "hw.optional.AdvSIMD": "asimd",
    "hw.optional.arm.FEAT_FP16": "asimdhp",
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.arm.FEAT_BF16": "bf16",
    "hw.optional.arm.FEAT_SME": "sme",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class HostReading:
    """A computer without its accelerators.

    Attributes:
        processor: the processor's own name.
        n_cores: cores as the system counts them (hardware threads) that this process may use.
        n_physical_cores: physical cores among them; what an engine's threads should be.
        memory_bytes: memory that this process may use.
        instruction_sets: those of ``MATRIX_INSTRUCTIONS`` that the processor has.
        virtual: a virtual machine, which sees no power meter of its host.
    """

    processor: str
    n_cores: int
    n_physical_cores: int
    memory_bytes: int
    instruction_sets: tuple[str, ...]
    os: str
    virtual: bool


def read_host(root: Path = Path("/")) -> HostReading:
    """What this computer is, by the system it runs.

    Args:
        root: root of the file system; a folder with ``proc`` and ``sys`` stands for a Linux machine,
            one with ``sysctl.txt`` for a Mac.
    """
    if (root / "proc/cpuinfo").is_file():
        return _read_linux(root)
    if (root / "sysctl.txt").is_file():
        return interpret_sysctl((root / "sysctl.txt").read_text(encoding="utf-8"))
    if platform.system() == "Darwin":
        return interpret_sysctl(_sysctl_text())
    return _read_elsewhere()


def free_memory_bytes(root: Path = Path("/")) -> int:
    """Memory that can be had now without swapping, as the container sees it.

    The least of what the system calls available and what each control group has left.
    """
    available_bytes = _meminfo_bytes(root).get("MemAvailable")
    if available_bytes is None:
        available_bytes = int(psutil.virtual_memory().available)
    left = [group.limit_bytes - group.used_bytes for group in cgroups.memory_groups(root)]
    return max(0, min([available_bytes, *left]))


def interpret_sysctl(text: str) -> HostReading:
    """A Mac, from the output of ``sysctl machdep.cpu.brand_string hw``."""
    values = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    flags = {flag for name, flag in _SYSCTL_FLAGS.items() if values.get(name) == "1"}
    n_cores = int(values.get("hw.logicalcpu", "1"))
    return HostReading(
        processor=values.get("machdep.cpu.brand_string", "unknown processor"),
        n_cores=n_cores,
        n_physical_cores=int(values.get("hw.physicalcpu", n_cores)),
        memory_bytes=int(values["hw.memsize"]) if "hw.memsize" in values else _total_memory_bytes(),
        instruction_sets=tuple(flag for flag in MATRIX_INSTRUCTIONS if flag in flags),
        os=f"macOS {values.get('kern.osproductversion', '')}".strip(),
        virtual=values.get("kern.hv_vmm_present") == "1",
    )


def is_limited(root: Path = Path("/")) -> bool:
    """Whether a container has less memory than the computer it runs on."""
    total_bytes = _meminfo_bytes(root).get("MemTotal")
    limits = [group.limit_bytes for group in cgroups.memory_groups(root)]
    return total_bytes is not None and min(limits, default=total_bytes) < total_bytes


def display_vendors(root: Path = Path("/")) -> frozenset[str]:
    """Makers of the graphics devices on the bus, driver or not: ``nvidia``, ``amd``, ``intel``."""
    found = set()
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            kind, vendor = (_text_of(device / name) for name in ("class", "vendor"))
        except OSError:
            continue
        if kind.startswith("0x03"):
            found.add(_VENDORS.get(vendor, vendor))
    return frozenset(found)


def has_nvidia_driver(root: Path = Path("/")) -> bool:
    """Whether the kernel has loaded NVIDIA's driver."""
    return (root / "proc/driver/nvidia/version").is_file()


def _text_of(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


def _sysctl_text() -> str:
    names = ["machdep.cpu.brand_string", "kern.osproductversion", "kern.hv_vmm_present", "hw"]
    command = ["/usr/sbin/sysctl", *names]
    return subprocess.run(command, capture_output=True, text=True, timeout=2, check=False).stdout  # noqa: S603  # a fixed command


def _total_memory_bytes() -> int:
    return int(psutil.virtual_memory().total)


def _read_elsewhere() -> HostReading:
    n_cores = psutil.cpu_count(logical=True) or 1
    return HostReading(
        processor=platform.processor() or platform.machine() or "unknown processor",
        n_cores=n_cores,
        n_physical_cores=psutil.cpu_count(logical=False) or n_cores,
        memory_bytes=_total_memory_bytes(),
        instruction_sets=(),
        os=f"{platform.system()} {platform.release()}".strip(),
        virtual=False,
    )


def _read_linux(root: Path) -> HostReading:
    processors = _cpuinfo(root)
    usable = _allowed_cores(root) & processors.keys() or set(processors)
    quota = cgroups.n_quota_cores(root)
    n_cores, n_physical = len(usable), len({_physical_id(processors[core]) for core in usable})
    if quota is not None:
        # Rounded down: threads beyond the quota spin while the kernel holds them back.
        n_cores, n_physical = (max(1, min(n, int(quota))) for n in (n_cores, n_physical))
    first = processors[min(usable)]
    flags = set((first.get("flags") or first.get("Features") or "").split())
    total_bytes = _meminfo_bytes(root).get("MemTotal") or _total_memory_bytes()
    limits = [group.limit_bytes for group in cgroups.memory_groups(root)]
    return HostReading(
        processor=_processor_name(root, first),
        n_cores=n_cores,
        n_physical_cores=n_physical,
        memory_bytes=min([total_bytes, *limits]),
        instruction_sets=tuple(flag for flag in MATRIX_INSTRUCTIONS if flag in flags),
        os=_system_name(root),
        virtual="hypervisor" in flags,
    )


def _cpuinfo(root: Path) -> dict[int, Mapping[str, str]]:
    text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    processors: dict[int, Mapping[str, str]] = {}
    for block in re.split(r"\n\s*\n", text):
        pairs = (line.partition(":") for line in block.splitlines() if ":" in line)
        values = {name.strip(): value.strip() for name, _, value in pairs}
        if values.get("processor", "").isdigit():
            processors[int(values["processor"])] = values
    return processors or {0: {}}


def _physical_id(values: Mapping[str, str]) -> tuple[str, str]:
    # Arm does not number its cores here: there each is its own, as it is in hardware.
    core = values.get("core id", f"processor {values.get('processor')}")
    return values.get("physical id", "0"), core


def _processor_name(root: Path, values: Mapping[str, str]) -> str:
    if "model name" in values:
        return values["model name"]
    try:
        board = (root / "proc/device-tree/model").read_text(encoding="utf-8").strip("\0\n ")
    except OSError:
        board = ""
    part = f"Arm implementer {values.get('CPU implementer', '?')} part {values.get('CPU part', '?')}"
    return board or (part if "CPU part" in values else "unknown processor")


def _allowed_cores(root: Path) -> set[int]:
    """Cores in this process's affinity mask, which a cpuset narrows too."""
    try:
        status = (root / "proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return set()
    found = re.search(r"^Cpus_allowed_list:\s*(\S+)", status, re.MULTILINE)
    cores: set[int] = set()
    for span in found[1].split(",") if found else []:
        first, _, last = span.partition("-")
        cores.update(range(int(first), int(last or first) + 1))
    return cores


def _meminfo_bytes(root: Path) -> dict[str, int]:
    try:
        text = (root / "proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return {}
    return {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def _system_name(root: Path) -> str:
    try:
        text = (root / "etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return "Linux"
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)"?$', text, re.MULTILINE)
    return found[1] if found else "Linux"
