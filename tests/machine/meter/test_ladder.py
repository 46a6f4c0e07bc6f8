import dataclasses

import pytest

from galerne.clock import ManualClock
from galerne.machine.meter import MeterParts, WallDescription, choose_meter, survey_meters
from tests.machine.machines import FakePowercap
from tests.machine.nvml import PlayedNvml

PLUG = WallDescription(kind="command", command=("echo", "80"), timeout_s=30.0)


@pytest.fixture
def parts(tmp_path):
    return MeterParts(clock=ManualClock(), active_j=lambda: 0.0, idle_w=3.0, root=tmp_path)


def with_gpu(parts, nvml=None):
    return dataclasses.replace(parts, nvml=nvml, host_active_j=lambda: 0.0, host_idle_w=2.0)


def rung_in_use(parts):
    return next(rung for rung in survey_meters(parts) if rung.holds)


def choose(parts):
    meter = choose_meter(parts)
    meter.close()
    return meter


def test_a_readable_counter_is_preferred(parts, tmp_path):
    FakePowercap(tmp_path).add("0", "package-0")
    assert (choose(parts).name, choose(parts).method) == ("rapl", "measured")
    assert rung_in_use(parts).covers == "package"


def test_without_any_counter_energy_is_modelled_and_says_so(parts):
    assert choose(parts).method == "modelled"
    assert [rung.missing for rung in survey_meters(parts)] == ["no_wall_meter", "no_rapl", ""]


def test_a_counter_that_cannot_be_read_is_no_counter(parts, tmp_path):
    tree = FakePowercap(tmp_path).add("0", "package-0")
    tree.hide("0")
    assert choose(parts).method == "modelled"


def test_the_wall_comes_first(parts, tmp_path):
    FakePowercap(tmp_path).add("0", "package-0")
    walled = dataclasses.replace(parts, wall=PLUG)
    assert choose(walled).covers == "wall"
    assert rung_in_use(walled).name == "wall"


def test_a_wall_meter_that_fails_now_is_kept_and_its_failure_is_told(parts):
    walled = dataclasses.replace(parts, wall=dataclasses.replace(PLUG, command=("false",)))
    assert choose(walled).name == "wall"
    rung = survey_meters(walled)[0]
    assert (rung.missing, rung.detail) == ("wall_meter_fails", "CalledProcessError")


def test_accelerators_and_processors_are_measured_together(parts, tmp_path):
    FakePowercap(tmp_path).add("0", "package-0")
    both = with_gpu(parts, PlayedNvml())
    assert (choose(both).name, choose(both).covers) == ("nvidia+rapl", "gpu+package")
    assert rung_in_use(both).name == "component"


def test_measured_accelerators_beside_a_modelled_host_are_derived(parts):
    gpu = with_gpu(parts, PlayedNvml())
    assert choose(gpu).method == "derived"
    assert rung_in_use(gpu).name == "derived"


def test_processors_alone_do_not_measure_a_machine_with_accelerators(parts, tmp_path):
    FakePowercap(tmp_path).add("0", "package-0")
    assert choose(with_gpu(parts)).method == "modelled"
    assert [rung.missing for rung in survey_meters(with_gpu(parts))] == [
        "no_wall_meter",
        "no_nvidia",
        "no_nvidia",
        "",
    ]


def test_accelerators_on_the_plug_are_told_apart(parts):
    meter = choose_meter(dataclasses.replace(with_gpu(parts, PlayedNvml()), wall=PLUG))
    assert {reading.part for reading in meter.read()} == {"machine", "host", "accelerator"}
    meter.close()


def test_only_a_model_is_what_was_asked_for(parts, tmp_path):
    FakePowercap(tmp_path).add("0", "package-0")
    assert choose(dataclasses.replace(parts, modelled_only=True)).method == "modelled"
