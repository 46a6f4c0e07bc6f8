import platform

import psutil
import pytest

from galerne.machine import host
from galerne.machine.host import free_memory_bytes, interpret_sysctl, read_host
from tests.machine.machines import BOARD, CONTAINER, LAPTOP, MACHINES, VM

GIB = 2**30


def test_a_virtual_machine():
    reading = read_host(VM)
    assert reading.processor == "AMD EPYC"
    assert (reading.n_cores, reading.n_physical_cores) == (2, 2)
    assert reading.memory_bytes == 24_684_084 * 1024
    assert "avx512_bf16" in reading.instruction_sets
    assert "sse2" not in reading.instruction_sets
    assert reading.os == "Debian GNU/Linux 12 (bookworm)"
    assert reading.virtual


def test_a_container_sees_its_own_limits_and_not_its_machine():
    reading = read_host(CONTAINER)
    assert reading.memory_bytes == 2 * GIB
    assert reading.n_cores == 1  # a quota of 1.5 cores: a second thread would be held back half of the time
    # 2 GiB less 1 GiB used, of which 512 MiB are file cache that can be dropped.
    assert free_memory_bytes(CONTAINER) == 1.5 * GIB


def test_a_laptop_with_two_kinds_of_cores():
    reading = read_host(LAPTOP)
    assert (reading.n_cores, reading.n_physical_cores) == (16, 12)
    assert free_memory_bytes(LAPTOP) == 9_437_184 * 1024
    assert not reading.virtual


def test_an_arm_board_is_named_by_its_device_tree():
    reading = read_host(BOARD)
    assert reading.processor == "Raspberry Pi 5 Model B Rev 1.0"
    assert (reading.n_cores, reading.n_physical_cores) == (4, 4)
    assert reading.instruction_sets == ("asimd", "asimdhp", "asimddp")


def test_an_arm_processor_without_device_tree_is_named_by_its_numbers(tmp_path):
    (tmp_path / "proc").mkdir()
    text = "processor : 0\nCPU implementer : 0x41\nCPU part : 0xd4f\n"
    (tmp_path / "proc/cpuinfo").write_text(text)
    assert read_host(tmp_path).processor == "Arm implementer 0x41 part 0xd4f"


def test_a_mac_is_read_from_sysctl():
    reading = interpret_sysctl((MACHINES / "mac-m4-pro/sysctl.txt").read_text())
    assert reading.processor == "Apple M4 Pro"
    assert (reading.n_cores, reading.n_physical_cores) == (14, 14)
    assert reading.memory_bytes == 24 * GIB
    assert "i8mm" in reading.instruction_sets
    assert reading.os == "macOS 26.1"


def test_cores_outside_the_affinity_mask_do_not_count(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/cpuinfo").write_text((LAPTOP / "proc/cpuinfo").read_text())
    (tmp_path / "proc/self/status").write_text("Cpus_allowed_list:\t0-2,9,40\n")
    reading = read_host(tmp_path)
    assert (reading.n_cores, reading.n_physical_cores) == (4, 3)


@pytest.mark.parametrize("text", ["", "garbage\n\n\x00", "processor\t: zero\n"])
def test_a_strange_cpuinfo_still_gives_a_machine(tmp_path, text):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(text)
    reading = read_host(tmp_path)
    assert reading.processor == "unknown processor"
    assert reading.n_cores == 1
    assert reading.memory_bytes > 0


def test_another_system_is_asked_through_psutil(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    reading = read_host(tmp_path)
    assert reading.n_cores >= reading.n_physical_cores >= 1
    assert reading.os.startswith("Windows")


def test_a_mac_asks_sysctl(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(host, "_sysctl_text", lambda: "machdep.cpu.brand_string: Apple M1\n")
    reading = read_host(tmp_path)
    assert reading.processor == "Apple M1"
    assert reading.memory_bytes == psutil.virtual_memory().total


def test_this_very_machine():
    reading = read_host()
    assert 1 <= reading.n_physical_cores <= reading.n_cores <= psutil.cpu_count()
    assert 0 < free_memory_bytes() <= reading.memory_bytes <= psutil.virtual_memory().total
