"""A meter at the wall, described by a small file: a plug or a board controller over HTTP, or a command.

    [wall]
    kind = "http"
    url = "http://192.168.1.20/rpc/Switch.GetStatus?id=0"
    pointer = "/apower"
    unit = "W"

The address and the command are the operator's own configuration. Replies are still bounded in time and size,
and redirects are not followed.
"""

from __future__ import annotations

import json
import math
import re
import ssl
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx

from galerne.clock import Clock
from galerne.errors import InvalidSetting, MeterUnavailable
from galerne.machine.meter.counter import EnergyCounter, PowerCounter
from galerne.machine.meter.records import MeterReading, Part
from galerne.units import KWH_J

MOST_REPLY_BYTES = 1 << 20
LIMIT_W = 20_000.0
STUCK_AFTER_S = 180.0
"""Plugs count in coarse steps, some once a minute; a machine that runs draws more than that in three."""
_POWER_W = {"W": 1.0, "kW": 1e3, "mW": 1e-3}
_ENERGY_J = {"J": 1.0, "Wh": KWH_J / 1e3, "kWh": KWH_J}
_SETTING = "GALERNE_METER"


@dataclass(frozen=True, kw_only=True, slots=True)
class WallDescription:
    """How to read a wall meter. Written as the table ``[wall]`` of a TOML file.

    Attributes:
        kind: ``http`` or ``command``.
        unit: of the figure: ``W``, ``kW``, ``mW`` for power, ``J``, ``Wh``, ``kWh`` for energy counted.
        url: for ``http``, where the reply is.
        pointer: for ``http``, JSON pointer to the figure in the reply, such as
            ``/PowerControl/0/PowerConsumedWatts``.
        headers: for ``http``, sent along.
        user: for ``http``, with ``password``: basic authentication.
        ca_file: for ``https``, certificate of whoever signed the controller's.
        command: for ``command``, the program and its arguments; no shell reads them.
        pattern: for ``command``, regular expression whose first group is the figure.
        period_s: between two readings.
        timeout_s: how long one may take.
        limit_w: a greater power is a fault of the sensor.
    """

    kind: str
    unit: str = "W"
    url: str = ""
    pointer: str = ""
    headers: Mapping[str, str] | None = None
    user: str = ""
    password: str = ""
    ca_file: str = ""
    command: tuple[str, ...] = ()
    pattern: str = r"([0-9.]+)"
    period_s: float = 2.0
    timeout_s: float = 2.0
    limit_w: float = LIMIT_W


def read_wall_file(path: Path) -> WallDescription:
    """Read the description of a wall meter.

    Raises:
        InvalidSetting: names the file, and what is wrong with it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _invalid(path, str(error)) from error
    if set(document) != {"wall"} or not isinstance(document["wall"], dict):
        raise _invalid(path, "it must hold one table, [wall]")
    return _described(path, document["wall"])


def _described(path: Path, table: Mapping[str, Any]) -> WallDescription:
    known = {field.name: field for field in fields(WallDescription)}
    if unknown := sorted(set(table) - set(known)):
        raise _invalid(path, f"unknown key {', '.join(unknown)}; known are {', '.join(known)}")
    kinds: dict[str, type | tuple[type, ...]] = {"command": list, "headers": dict}
    for name, value in table.items():
        is_number = isinstance(known[name].default, float)
        kind = kinds.get(name, (int, float) if is_number else str)
        if not isinstance(value, kind) or (is_number and not 0 < float(str(value)) < math.inf):
            raise _invalid(path, f"{name} = {value!r} does not fit")
    if "kind" not in table:
        raise _invalid(path, 'kind must be "http" or "command"')
    wall = WallDescription(**{**table, "command": tuple(str(word) for word in table.get("command", ()))})
    _check(path, wall)
    return wall


def _check(path: Path, wall: WallDescription) -> None:
    if wall.kind not in ("http", "command"):
        raise _invalid(path, f'kind must be "http" or "command", not {wall.kind!r}')
    if wall.unit not in {**_POWER_W, **_ENERGY_J}:
        raise _invalid(path, f"unit must be one of {', '.join((*_POWER_W, *_ENERGY_J))}, not {wall.unit!r}")
    if wall.kind == "http" and not wall.url.startswith(("http://", "https://")):
        raise _invalid(path, "url must begin with http:// or https://")
    if wall.kind == "http" and wall.pointer and not wall.pointer.startswith("/"):
        raise _invalid(path, "pointer must begin with /")
    if wall.kind == "command" and not wall.command:
        raise _invalid(path, "command must be a list: the program, then its arguments")
    try:
        n_groups = re.compile(wall.pattern).groups
    except re.error as error:
        raise _invalid(path, f"pattern: {error}") from error
    if n_groups < 1:
        raise _invalid(path, "pattern needs a group, in parentheses, around the figure")


def _invalid(path: Path, problem: str) -> InvalidSetting:
    return InvalidSetting(name=_SETTING, problem=f"{path}: {problem}")


class WallMeter:
    """The whole machine, measured at its plug. To be read in a thread: see ``SampledMeter``.

    Args:
        wall: how to read it.
        clock: time.
        part: ``host`` where nothing but processors and board hang on the plug, else ``machine``.
        transport: how HTTP goes out; the network, unless a test says otherwise.
    """

    name = "wall"
    method = "measured"
    covers = "wall"

    def __init__(
        self,
        wall: WallDescription,
        *,
        clock: Clock,
        part: Part = "machine",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._part: Part = part
        self._problem = ""
        self._client = _make_client(wall, transport) if wall.kind == "http" else None
        self._ask: Callable[[], float] = (
            (lambda: _ask_http(self._client, wall)) if self._client else (lambda: _ask_command(wall))
        )
        self._scale = {**_POWER_W, **_ENERGY_J}[wall.unit]
        now_s, figure = clock.monotonic_s(), self._figure()
        self._counter: EnergyCounter | PowerCounter
        if wall.unit in _POWER_W:
            most_s = 3 * wall.period_s + wall.timeout_s
            self._counter = PowerCounter(now_s=now_s, power_w=figure, limit_w=wall.limit_w, most_s=most_s)
        else:
            self._counter = EnergyCounter(
                now_s=now_s,
                raw_j=figure,
                limit_w=wall.limit_w,
                period_s=max(60.0, wall.period_s),
                stuck_after_s=max(STUCK_AFTER_S, 3 * wall.period_s),
            )

    @property
    def problem(self) -> str:
        """Why the last reading failed; empty where it did not."""
        return self._problem

    def read(self) -> tuple[MeterReading, ...]:
        """The one counter; waits for the meter's reply."""
        figure = self._figure()
        self._counter.advance(figure, self._clock.monotonic_s())
        return (
            MeterReading(
                at=self._clock.now_at(),
                domain="wall",
                counter_j=self._counter.counter_j,
                method=self.method,
                gap_s=self._counter.gap_s,
                part=self._part,
            ),
        )

    def close(self) -> None:
        """Let go of the connection."""
        if self._client:
            self._client.close()

    def _figure(self) -> float | None:
        try:
            figure = self._ask() * self._scale
        except MeterUnavailable as error:
            self._problem = error.why
            return None
        self._problem = ""
        return figure


def _make_client(wall: WallDescription, transport: httpx.BaseTransport | None) -> httpx.Client:
    trusted = ssl.create_default_context(cafile=wall.ca_file) if wall.ca_file else True
    return httpx.Client(
        auth=(wall.user, wall.password) if wall.user else None,
        headers=dict(wall.headers or {}),
        timeout=wall.timeout_s,
        verify=trusted,
        follow_redirects=False,
        trust_env=False,
        transport=transport,
    )


def _ask_http(client: httpx.Client | None, wall: WallDescription) -> float:
    assert client is not None  # noqa: S101  # made for this kind
    try:
        with client.stream("GET", wall.url) as reply:
            reply.raise_for_status()
            content = b""
            for piece in reply.iter_bytes():
                content += piece
                if len(content) > MOST_REPLY_BYTES:
                    raise _unreadable(f"its reply is longer than {MOST_REPLY_BYTES} bytes")
        return _number(_at_pointer(json.loads(content), wall.pointer))
    except (httpx.HTTPError, RuntimeError) as error:  # RuntimeError: the client was closed meanwhile
        raise _unreadable(f"{type(error).__name__} {error}".strip()) from error
    except ValueError as error:
        raise _unreadable("its reply is not JSON") from error


def _ask_command(wall: WallDescription) -> float:
    try:
        done = subprocess.run(  # noqa: S603  # the operator's own command, without a shell
            wall.command, capture_output=True, timeout=wall.timeout_s, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _unreadable(type(error).__name__) from error
    found = re.search(wall.pattern, done.stdout[:MOST_REPLY_BYTES].decode(errors="replace"))
    if found is None:
        raise _unreadable(f"what it printed does not match {wall.pattern!r}")
    return _number(found.group(1))


def _at_pointer(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points to."""
    for escaped in pointer.split("/")[1:]:
        name = escaped.replace("~1", "/").replace("~0", "~")
        try:
            document = document[int(name)] if isinstance(document, list) else document[name]
        except (LookupError, TypeError, ValueError):
            raise _unreadable(f"its reply has nothing at {pointer}") from None
    return document


def _number(value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise _unreadable("what it shows is not a number")
    return number


def _unreadable(why: str) -> MeterUnavailable:
    return MeterUnavailable(meter="wall", why=why)
