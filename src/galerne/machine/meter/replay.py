"""A recorded meter played again, for tests and for machines that cannot be metered twice."""

from __future__ import annotations

import bisect
import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from galerne.clock import Clock
from galerne.errors import MeterUnavailable
from galerne.machine.meter.records import METHODS, MeterReading

COLUMNS = ("at", "domain", "counter_j", "method")


def read_trace(text: str) -> dict[str, list[MeterReading]]:
    """Read a recorded trace: CSV with the columns ``at, domain, counter_j, method``.

    An empty ``counter_j`` says that the meter could not read then: the time since the row before is a gap.

    Returns:
        Readings by domain, oldest first, with ``gap_s`` accumulated.

    Raises:
        MeterUnavailable: the trace is not one; names the line.
    """
    rows = csv.DictReader(io.StringIO(text))
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise _broken(1, f"the header must be {','.join(COLUMNS)}")
    trace: dict[str, list[MeterReading]] = {}
    for line, row in enumerate(rows, start=2):
        past = trace.setdefault(row["domain"], [])
        past.append(_reading(row, past, line))
    if not trace:
        raise _broken(2, "there is no reading")
    return trace


def _reading(row: Mapping[str, str | None], past: Sequence[MeterReading], line: int) -> MeterReading:
    last = past[-1] if past else None
    try:
        at = float(row["at"] or "")
        counter_j = float(row["counter_j"]) if row["counter_j"] else None
    except ValueError as error:
        raise _broken(line, str(error)) from error
    if not (math.isfinite(at) and math.isfinite(counter_j or 0.0) and (counter_j or 0.0) >= 0):
        raise _broken(line, "time and counter must be finite, and the counter not negative")
    if row["method"] not in METHODS or not row["domain"]:
        raise _broken(line, f"the method must be one of {', '.join(METHODS)} and the domain not empty")
    if last is None:
        if counter_j is None:
            raise _broken(line, "the first reading of a domain cannot be a gap")
        return MeterReading(at=at, domain=row["domain"], counter_j=counter_j, method=row["method"])
    if at <= last.at or (counter_j is not None and counter_j < last.counter_j):
        raise _broken(line, "time and counter must not go back")
    return MeterReading(
        at=at,
        domain=row["domain"],
        counter_j=last.counter_j if counter_j is None else counter_j,
        method=row["method"],
        gap_s=last.gap_s + (at - last.at if counter_j is None else 0.0),
    )


def _broken(line: int, why: str) -> MeterUnavailable:
    return MeterUnavailable(meter="replay", why=f"line {line} of the trace: {why}")


class ReplayMeter:
    """A recorded trace, played from its first instant at the pace of the clock.

    Between two recorded readings the counter is interpolated; after the last one there is a gap.

    Args:
        trace: a file, or the text of one, as ``read_trace`` takes it.
        clock: time.

    Raises:
        MeterUnavailable: the trace cannot be read.
    """

    name = "replay"

    def __init__(self, trace: Path | str, *, clock: Clock) -> None:
        if isinstance(trace, Path):
            try:
                trace = trace.read_text(encoding="utf-8")
            except OSError as error:
                raise MeterUnavailable(meter=self.name, why=str(error)) from error
        self._trace = read_trace(trace)
        self._clock = clock
        self._opened_s = clock.monotonic_s()
        self._first_at = min(readings[0].at for readings in self._trace.values())

    @property
    def method(self) -> str:
        """The weakest method in the trace."""
        readings = (reading for past in self._trace.values() for reading in past)
        return max((reading.method for reading in readings), key=METHODS.index)

    @property
    def covers(self) -> str:
        """The recorded domains, joined by ``+``."""
        return "+".join(sorted(self._trace))

    def read(self) -> tuple[MeterReading, ...]:
        """Every recorded counter, as it stood this long after the start of the trace."""
        now_at = self._clock.now_at()
        at = self._first_at + self._clock.monotonic_s() - self._opened_s
        return tuple(_interpolate(past, at, now_at) for past in self._trace.values())

    def close(self) -> None:
        """Nothing is held."""


def _interpolate(past: Sequence[MeterReading], at: float, now_at: float) -> MeterReading:
    index = bisect.bisect_right(past, at, key=lambda reading: reading.at)
    before = past[max(index - 1, 0)]
    after = past[min(index, len(past) - 1)]
    since_s = max(0.0, at - before.at)
    if after is before or index == 0:
        counter_j = before.counter_j
        gap_s = before.gap_s + (since_s if index else 0.0)
    else:
        share = since_s / (after.at - before.at)
        counter_j = before.counter_j + share * (after.counter_j - before.counter_j)
        gap_s = before.gap_s + share * (after.gap_s - before.gap_s)
    return MeterReading(
        at=now_at, domain=before.domain, counter_j=counter_j, method=after.method, gap_s=gap_s
    )
