import sys

import httpx
import pytest

from galerne.clock import ManualClock
from galerne.errors import InvalidSetting
from galerne.machine.meter import WallDescription, WallMeter, read_wall_file, window_between
from galerne.machine.meter.wall import MOST_REPLY_BYTES

REDFISH = {"PowerControl": [{"PowerConsumedWatts": 344}]}
IPMI = "    Instantaneous power reading:                   220 Watts\n    Minimum: 10 Watts\n"


def http_meter(reply, clock, **changes):
    given = {"kind": "http", "url": "http://bmc/redfish/v1/Chassis/1/Power", **changes}
    transport = httpx.MockTransport(reply if callable(reply) else lambda _: reply)
    return WallMeter(WallDescription(**given), clock=clock, transport=transport)


def energy_j(meter, clock, *, elapsed_s=1.0):
    before = meter.read()
    clock.advance(elapsed_s)
    return window_between(before, meter.read()).total_j


def test_power_in_a_reply_is_integrated():
    clock = ManualClock()
    pointer = "/PowerControl/0/PowerConsumedWatts"
    meter = http_meter(httpx.Response(200, json=REDFISH), clock, pointer=pointer)
    assert energy_j(meter, clock, elapsed_s=2.0) == pytest.approx(688.0)


def test_a_command_is_run_and_its_figure_found():
    clock = ManualClock()
    wall = WallDescription(
        kind="command",
        command=(sys.executable, "-c", f"print({IPMI!r})"),
        pattern=r"Instantaneous power reading:\s+([0-9.]+) Watts",
        timeout_s=30.0,
    )
    assert energy_j(WallMeter(wall, clock=clock), clock) == pytest.approx(220.0)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (httpx.Response(302, headers={"location": "http://elsewhere/"}), "HTTPStatusError"),
        (httpx.Response(500), "HTTPStatusError"),
        (httpx.Response(200, text="<html>"), "not JSON"),
        (httpx.Response(200, json={"other": 1}), "nothing at /apower"),
        (httpx.Response(200, json={"apower": "much"}), "not a number"),
        (httpx.Response(200, json={"apower": True}), "not a number"),
        (httpx.Response(200, text='{"apower": NaN}'), "not a number"),
        (httpx.Response(200, content=b" " * (MOST_REPLY_BYTES + 1)), "longer than"),
    ],
)
def test_what_cannot_be_read_is_a_gap_and_says_why(reply, why):
    clock = ManualClock()
    meter = http_meter(reply, clock, pointer="/apower")
    assert why in meter.problem
    before = meter.read()
    clock.advance(1.0)
    assert window_between(before, meter.read()).coverage_ratio == 0.0


def test_a_plug_that_does_not_answer_is_a_gap():
    def refuse(request):
        raise httpx.ConnectError("refused", request=request)

    clock = ManualClock()
    assert "ConnectError" in http_meter(refuse, clock, pointer="/apower").problem


def test_the_password_goes_to_the_meter_alone():
    seen = []

    def reply(request):
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"apower": 1})

    meter = http_meter(reply, ManualClock(), pointer="/apower", user="reader", password="s3cret")
    assert seen == ["Basic cmVhZGVyOnMzY3JldA=="]
    assert "s3cret" not in meter.problem


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("wall = 3", "one table"),
        ("[plug]\n", "one table"),
        ("[wall", "wall.toml"),
        ('[wall]\nurl = "http://plug/"', "kind"),
        ('[wall]\nkind = "snmp"', "snmp"),
        ('[wall]\nkind = "http"\nurl = "file:///etc/passwd"', "http://"),
        ('[wall]\nkind = "http"\nurl = "http://plug/"\nunit = "VA"', "VA"),
        ('[wall]\nkind = "http"\nurl = "http://plug/"\npointer = "apower"', "begin with /"),
        ('[wall]\nkind = "command"', "command"),
        ('[wall]\nkind = "command"\ncommand = ["x"]\npattern = "("', "pattern"),
        ('[wall]\nkind = "command"\ncommand = ["x"]\npattern = "x"', "group"),
        ('[wall]\nkind = "http"\nurl = "http://plug/"\nperiod_s = 0', "period_s"),
        ('[wall]\nkind = "http"\nurl = "http://plug/"\ncolour = "red"', "colour"),
    ],
)
def test_a_description_that_cannot_be_says_why(tmp_path, text, why):
    path = tmp_path / "wall.toml"
    path.write_text(text)
    with pytest.raises(InvalidSetting, match="GALERNE_METER") as caught:
        read_wall_file(path)
    assert why in str(caught.value)


def test_a_description_is_read(tmp_path):
    path = tmp_path / "wall.toml"
    path.write_text('[wall]\nkind = "command"\ncommand = ["ipmitool", "dcmi"]\nperiod_s = 10\n')
    wall = read_wall_file(path)
    assert (wall.command, wall.period_s, wall.unit) == (("ipmitool", "dcmi"), 10, "W")
