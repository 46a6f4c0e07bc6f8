import pytest

from galerne.catalog import default_catalog
from galerne.clock import ManualClock
from galerne.language import Language, phrases
from galerne.machine import describe, probe_machine, read_host
from galerne.machine.meter import IdlePower
from galerne.machine.probe import assemble_machine
from galerne.machine.speed import Speed
from tests.machine.machines import CONTAINER, LAPTOP, VM, FakePowercap


def report_of(root):
    machine = probe_machine(default_catalog(), cache_folder=root, clock=ManualClock(), root=root)
    return describe(machine, root=root)


@pytest.fixture
def metered_laptop(tmp_path):
    for part in LAPTOP.rglob("*"):
        if part.is_file():
            copy = tmp_path / part.relative_to(LAPTOP)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(part.read_bytes())
    return FakePowercap(tmp_path).add("0", "package-0").add("0:0", "core").add("1", "psys")


@pytest.mark.parametrize("language", list(Language))
def test_every_label_and_advice_can_be_said(language):
    said = phrases("galerne.machine", language)
    for root in (VM, CONTAINER, LAPTOP):
        report = report_of(root)
        assert {row.key for row in report.rows} <= set(said)
        assert set(report.advice) <= set(said)


def test_the_table_says_what_the_container_has():
    rows = {row.key: row for row in report_of(CONTAINER).rows}
    assert rows["processor"].value == "AMD EPYC"
    assert rows["cores"].value == 1
    assert rows["memory"].value == 2 * 2**30
    assert rows["free_memory"].value == 1.5 * 2**30
    assert rows["memory_bandwidth"].unit == "B/s"


def test_power_that_was_not_read_here_has_a_source():
    rows = {row.key: row for row in report_of(VM).rows}
    for key in ("idle_power", "busy_power"):
        assert rows[key].method != "measured"
        assert rows[key].source in default_catalog().sources
    assert rows["busy_power"].value > rows["idle_power"].value > 0


def test_accelerators_have_a_line_per_kind():
    catalog = default_catalog()
    device = next(row for row in catalog.accelerators.rows.values() if "H100" in row.name)
    speed = Speed(memory_bytes_per_s=300e9, peak_flop_per_s=3e12)
    machine = assemble_machine(catalog, read_host(VM), [device] * 8, speed)
    rows = describe(machine, root=VM).rows
    assert [row.value for row in rows if row.key == "accelerator"] == [f"8 x {device.name}"]


def test_a_virtual_machine_is_told_why_it_has_no_meter():
    report = report_of(VM)
    assert report.sensors == ()
    assert report.advice == ("no_sensor_virtual",)


def test_a_machine_without_meter_is_told_what_could_help():
    assert report_of(LAPTOP).advice == ("no_sensor",)


def test_a_readable_meter_needs_no_advice(metered_laptop):
    report = report_of(metered_laptop.root)
    assert [(sensor.name, sensor.readable) for sensor in report.sensors] == [("package-0", True)]
    assert report.advice == ()


def test_a_meter_that_cannot_be_read_comes_with_the_command(metered_laptop):
    metered_laptop.hide("0")
    report = report_of(metered_laptop.root)
    assert not report.sensors[0].readable
    assert "chmod" in report.sensors[0].how_to_grant
    assert report.advice == ("grant_sensors",)


def test_the_power_at_rest_is_the_meters_once_it_has_shown_it():
    speed = Speed(memory_bytes_per_s=3e10, peak_flop_per_s=3e11)
    machine = assemble_machine(default_catalog(), read_host(VM), [], speed)
    by_catalogue = {row.key: row for row in describe(machine, root=VM, idle=IdlePower(host_w=9.0)).rows}
    assert by_catalogue["idle_power"].value == machine.idle_w
    assert by_catalogue["idle_power"].method == "modelled"
    shown = IdlePower(host_w=9.0, host_method="measured")
    measured = {row.key: row for row in describe(machine, root=VM, idle=shown).rows}
    row = measured["idle_power"]
    assert (row.value, row.method, row.source) == (9.0, "measured", "galerne-idle")
    moved_w = measured["busy_power"].value - by_catalogue["busy_power"].value
    assert moved_w == pytest.approx(9.0 - machine.idle_w)
