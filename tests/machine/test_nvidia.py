import sys
from dataclasses import dataclass

import pytest

from galerne.catalog import default_catalog
from galerne.machine.nvidia import DeviceReading, load_nvml, match_accelerator, read_devices

MIB = 2**20


@dataclass
class FakeMemory:
    total: int
    free: int


class FakeNvml:
    """NVIDIA's library, as far as we ask it."""

    class NVMLError(Exception):
        pass

    def __init__(self, *names, memory_bytes=81_559 * MIB, broken=False):
        self.names = names
        self.memory_bytes = memory_bytes
        self.broken = broken

    def nvmlInit(self):  # noqa: N802
        if self.broken:
            raise self.NVMLError("driver not loaded")

    def nvmlSystemGetDriverVersion(self):  # noqa: N802
        self.nvmlInit()
        return b"580.65.06"

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return index

    def nvmlDeviceGetName(self, handle):  # noqa: N802
        return self.names[handle]

    def nvmlDeviceGetMemoryInfo(self, handle):  # noqa: N802
        return FakeMemory(total=self.memory_bytes, free=self.memory_bytes // 2)


def device(name, memory_bytes):
    return DeviceReading(name=name, memory_bytes=memory_bytes, free_bytes=0, driver="")


def test_devices_are_read():
    readings = read_devices(FakeNvml("NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3"))
    assert len(readings) == 2
    assert readings[0].driver == "580.65.06"
    assert readings[0].free_bytes * 2 == readings[0].memory_bytes


def test_a_library_that_fails_is_no_device():
    assert read_devices(FakeNvml("NVIDIA H100", broken=True)) == ()
    assert read_devices(None) == ()


@pytest.mark.parametrize("library", [None, FakeNvml(broken=True)])
def test_without_a_working_library_there_is_none(monkeypatch, library):
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert load_nvml() is None


def test_a_working_library_is_used(monkeypatch):
    library = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert load_nvml() is library


@pytest.mark.parametrize(
    ("name", "memory_mib", "row_name"),
    [
        ("NVIDIA H100 80GB HBM3", 81_559, "NVIDIA H100 SXM 80 GB"),
        ("NVIDIA H100 PCIe", 81_559, "NVIDIA H100 PCIe 80 GB"),
        ("NVIDIA H200", 143_771, "NVIDIA H200 SXM 141 GB"),
        ("NVIDIA A100-SXM4-40GB", 40_960, "NVIDIA A100 SXM 40 GB"),
        ("NVIDIA A100-SXM4-80GB", 81_920, "NVIDIA A100 SXM 80 GB"),
        ("NVIDIA A100 80GB PCIe", 81_920, "NVIDIA A100 PCIe 80 GB"),
        ("NVIDIA L4", 23_034, "NVIDIA L4 24 GB"),
        ("NVIDIA L40S", 46_068, "NVIDIA L40S 48 GB"),
        ("NVIDIA GeForce RTX 4090", 24_564, "NVIDIA GeForce RTX 4090"),
    ],
)
def test_devices_are_found_in_the_catalogue_by_the_names_of_their_drivers(name, memory_mib, row_name):
    row = match_accelerator(default_catalog(), device(name, memory_mib * MIB))
    assert row is not None
    assert row.name == row_name


@pytest.mark.parametrize(
    ("name", "memory_bytes"),
    [
        ("NVIDIA H100 80GB HBM3", 40_000 * MIB),  # a slice of one
        ("NVIDIA GeForce 9999", 81_559 * MIB),
        ("", 81_559 * MIB),
    ],
)
def test_what_the_catalogue_does_not_know_is_not_guessed(name, memory_bytes):
    assert match_accelerator(default_catalog(), device(name, memory_bytes)) is None
