"""What ``galerne doctor`` finds and advises on each recorded machine."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from galerne.catalog import Machine, default_catalog
from galerne.language import Language, phrases
from galerne.machine import describe, read_host
from galerne.machine.host import display_vendors, is_limited
from galerne.machine.nvidia import match_accelerator, read_devices
from galerne.machine.probe import assemble_machine
from galerne.machine.speed import Speed
from tests.machine.machines import CONTAINER, LAPTOP, MAC, NODE, VM
from tests.machine.test_nvidia import MIB, FakeNvml

H200 = FakeNvml(*["NVIDIA H200"] * 8, memory_bytes=143_771 * MIB)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A machine, and what is said about it."""

    root: Path
    processor: str
    accelerators: str | None = None
    advice: tuple[str, ...]
    nvml: FakeNvml | None = None


MACHINES = [
    Expected(
        root=LAPTOP, processor="12th Gen Intel(R) Core(TM) i7-1260P", advice=("engine_native", "no_sensor")
    ),
    Expected(root=MAC, processor="Apple M4 Pro", advice=("no_sensor",)),
    Expected(
        root=NODE,
        processor="Intel(R) Xeon(R) Platinum 8480C",
        accelerators="8 x NVIDIA H200",
        advice=("engine_cuda", "no_sensor"),
        nvml=H200,
    ),
    Expected(root=VM, processor="AMD EPYC", advice=("engine_native", "no_sensor_virtual")),
    Expected(
        root=CONTAINER,
        processor="AMD EPYC",
        advice=("engine_native", "container_memory", "no_sensor_virtual"),
    ),
]


def assembled(root: Path, *, nvml: FakeNvml | None = None) -> Machine:
    """The machine under a root, with rates of no importance here."""
    matched = [match_accelerator(default_catalog(), device) for device in read_devices(nvml)]
    speed = Speed(memory_bytes_per_s=50e9, peak_flop_per_s=500e9)
    return assemble_machine(default_catalog(), read_host(root), [row for row in matched if row], speed)


@pytest.mark.parametrize("expected", MACHINES, ids=lambda expected: expected.root.name)
def test_a_recorded_machine_is_described_and_advised(expected):
    machine = assembled(expected.root, nvml=expected.nvml)
    report = describe(machine, root=expected.root, engine_is_generic=True)
    rows = {row.key: row.value for row in report.rows}
    assert rows["processor"] == expected.processor
    assert str(rows.get("accelerator", "")).startswith(expected.accelerators or "")
    assert ("accelerator" in rows) == (expected.accelerators is not None)
    assert report.advice == expected.advice
    for language in Language:
        assert set(report.advice) <= set(phrases("galerne.machine", language))


def test_a_gpu_without_its_driver_or_library_is_told(tmp_path):
    device = tmp_path / "sys/bus/pci/devices/0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x10de\n")
    (device / "class").write_text("0x030000\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text((LAPTOP / "proc/cpuinfo").read_text())
    machine = assembled(tmp_path)
    assert display_vendors(tmp_path) == {"nvidia"}
    assert "no_nvidia_driver" in describe(machine, root=tmp_path).advice
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text("580")
    assert "nvidia_not_known" in describe(machine, root=tmp_path).advice


def test_only_a_container_is_limited():
    assert is_limited(CONTAINER)
    assert not is_limited(VM)
    assert not is_limited(MAC)
