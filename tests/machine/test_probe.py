import json
from dataclasses import replace

import pytest

from galerne.catalog import Catalog, default_catalog
from galerne.clock import ManualClock, SystemClock
from galerne.errors import InvalidFact, UnknownId
from galerne.machine import probe, probe_machine
from galerne.machine.host import read_host
from galerne.machine.probe import CACHE_NAME, fingerprint, match_host, short_processor_name
from galerne.machine.speed import Speed
from tests.machine.machines import BOARD, CONTAINER, LAPTOP, VM
from tests.machine.test_nvidia import FakeNvml

MEASURED = Speed(memory_bytes_per_s=30e9, peak_flop_per_s=150e9)


@pytest.fixture
def measurements(monkeypatch):
    """What measuring gives, in this order; asking for more fails."""
    left = [MEASURED]
    monkeypatch.setattr(probe, "measure_speed", lambda **_: left.pop(0))
    return left


def probe_recorded(root, cache_folder, **options):
    return probe_machine(
        default_catalog(), cache_folder=cache_folder, clock=ManualClock(), root=root, **options
    )


@pytest.mark.parametrize("root", [VM, CONTAINER, LAPTOP, BOARD], ids=lambda root: root.name)
def test_a_recorded_machine_needs_no_measuring(root, monkeypatch):
    monkeypatch.setattr(probe, "measure_speed", lambda **_: pytest.fail("measured"))
    machine = probe_recorded(root, root)
    assert machine.fingerprint in json.loads((root / CACHE_NAME).read_text())["speeds"]
    assert machine.memory_bytes_per_s > 0
    assert machine.idle_w > 0


def test_a_virtual_machine_is_matched_and_labelled(measurements, tmp_path):
    machine = probe_recorded(VM, tmp_path)
    assert machine.name == "AMD EPYC, 2 cores"
    assert machine.host.id == "amd-epyc"
    assert machine.memory_bytes_per_s == 30e9
    assert machine.methods["memory_bytes_per_s"] == "measured"
    assert machine.methods["host"] in {"published", "derived", "estimated"}
    assert machine.accelerators == ()


def test_the_speed_is_measured_once(measurements, tmp_path):
    first = probe_recorded(VM, tmp_path)
    assert probe_recorded(VM, tmp_path) == first
    assert measurements == []


def test_another_machine_in_the_same_folder_is_measured_apart(measurements, tmp_path):
    measurements.append(Speed(memory_bytes_per_s=60e9, peak_flop_per_s=900e9))
    probe_recorded(VM, tmp_path)
    assert probe_recorded(LAPTOP, tmp_path).memory_bytes_per_s == 60e9
    assert probe_recorded(VM, tmp_path).memory_bytes_per_s == 30e9


def test_a_disturbed_measurement_is_repeated_and_the_best_kept(measurements, tmp_path):
    busy = replace(MEASURED, memory_bytes_per_s=9e9, attention_ratio=0.4)
    calm = replace(MEASURED, peak_flop_per_s=120e9)
    measurements[:] = [busy, calm]
    assert probe_recorded(VM, tmp_path).memory_bytes_per_s == 9e9
    again = probe_recorded(VM, tmp_path)
    assert (again.memory_bytes_per_s, again.peak_flop_per_s) == (30e9, 150e9)
    assert probe_recorded(VM, tmp_path) == again


def test_a_machine_that_is_always_busy_is_not_measured_forever(measurements, tmp_path):
    measurements[:] = [replace(MEASURED, attention_ratio=0.4)] * probe.MOST_MEASUREMENTS
    for _ in range(probe.MOST_MEASUREMENTS + 2):
        probe_recorded(VM, tmp_path)
    assert measurements == []


def test_measuring_again_on_request_keeps_the_better_figures(measurements, tmp_path):
    measurements.append(Speed(memory_bytes_per_s=20e9, peak_flop_per_s=170e9))
    probe_recorded(VM, tmp_path)
    machine = probe_recorded(VM, tmp_path, remeasure=True)
    assert (machine.memory_bytes_per_s, machine.peak_flop_per_s) == (30e9, 170e9)


def kept(rates, procedure=probe.PROCEDURE):
    return json.dumps({"procedure": procedure, "speeds": {"ID": rates}})


RATES = {"memory_bytes_per_s": 1e9, "peak_flop_per_s": 1e9}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"procedure": 1}',
        kept(RATES, procedure=0),
        kept({"speed": 1}),
        kept({**RATES, "peak_flop_per_s": 0}),
        kept({**RATES, "peak_flop_per_s": "fast"}),
        kept({**RATES, "memory_bytes_per_s": float("nan")}),
    ],
)
def test_a_damaged_cache_is_measured_anew(measurements, tmp_path, text):
    path = tmp_path / CACHE_NAME
    path.write_text(text.replace("ID", fingerprint(read_host(VM))))
    assert probe_recorded(VM, tmp_path).memory_bytes_per_s == 30e9
    assert probe_recorded(VM, tmp_path).memory_bytes_per_s == 30e9


def test_a_cache_that_cannot_be_written_costs_only_a_measurement(measurements, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert probe_recorded(VM, blocked).memory_bytes_per_s == 30e9


def test_without_a_cache_folder_nothing_is_kept(measurements):
    measurements.append(MEASURED)
    assert probe_recorded(VM, None) == probe_recorded(VM, None)
    assert measurements == []


def test_accelerators_come_from_the_catalogue(measurements, tmp_path):
    nvml = FakeNvml(*["NVIDIA H100 80GB HBM3"] * 2, "Unheard-of 1")
    machine = probe_recorded(VM, tmp_path, nvml=nvml)
    assert [device.name for device in machine.accelerators] == ["NVIDIA H100 SXM 80 GB"] * 2
    assert machine.name == "AMD EPYC, 2 cores, 2 x NVIDIA H100 SXM 80 GB"
    assert machine.accelerator_host_w > 0
    assert machine.methods["accelerators"] == "published"
    assert machine.fingerprint != fingerprint(read_host(VM))


def test_the_host_of_a_known_system_draws_what_is_published_of_it(measurements, tmp_path):
    system = next(row for row in default_catalog().systems.rows.values() if "H100" in row.name)
    nvml = FakeNvml(*["NVIDIA H100 80GB HBM3"] * system.n_accelerators)
    machine = probe_recorded(VM, tmp_path, nvml=nvml)
    assert machine.accelerator_host_w == system.host_busy_w


HOST_ROW = """
[mine]
name = "Mine"
match = '{match}'
busy_core_w = 1
idle_core_w = 1
embodied_core_g = 1
life_years = 1
sources = {{ default = "{source}" }}
"""


def host_row(match):
    return HOST_ROW.format(match=match, source=next(iter(default_catalog().sources)))


def test_the_rows_of_the_user_come_before_ours(tmp_path):
    (tmp_path / "hosts.toml").write_text(host_row("epyc"))
    assert match_host(Catalog(tmp_path), "AMD EPYC 9654").id == "mine"
    assert match_host(Catalog(tmp_path), "Intel Xeon").id != "mine"


def test_a_broken_expression_names_its_row(tmp_path):
    (tmp_path / "hosts.toml").write_text(host_row("("))
    with pytest.raises(InvalidFact, match="mine"):
        match_host(Catalog(tmp_path), "AMD EPYC")


def test_a_processor_that_no_row_matches_is_said():
    catalog = Catalog()
    catalog.hosts.rows = {"amd-epyc": catalog.hosts.rows["amd-epyc"]}
    with pytest.raises(UnknownId, match="Zilog"):
        match_host(catalog, "Zilog Z80")


@pytest.mark.parametrize(
    ("processor", "name"),
    [
        ("12th Gen Intel(R) Core(TM) i7-1260P", "Intel Core i7-1260P"),
        ("Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz", "Intel Xeon Platinum 8488C"),
        ("AMD Ryzen 7 7840U w/ Radeon 780M Graphics", "AMD Ryzen 7 7840U"),
        ("AMD EPYC 9654 96-Core Processor", "AMD EPYC 9654"),
        ("Apple M4 Pro", "Apple M4 Pro"),
        ("Processor", "Processor"),
    ],
)
def test_processors_are_named_as_people_say_them(processor, name):
    assert short_processor_name(processor) == name


def test_this_very_machine_is_probed(tmp_path):
    machine = probe_machine(default_catalog(), cache_folder=tmp_path, clock=SystemClock())
    assert machine.n_cores >= 1
    assert 1e8 < machine.memory_bytes_per_s < 1e14
    assert 1e8 < machine.peak_flop_per_s < 1e16
    assert machine.fingerprint in json.loads((tmp_path / CACHE_NAME).read_text())["speeds"]
    assert [path.name for path in tmp_path.iterdir()] == [CACHE_NAME]
