"""A scenario file as records: every key known, every value possible, or ``InvalidScenario`` with its path."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from galerne.errors import InvalidScenario
from galerne.site.scenario.records import (
    Candidate,
    Compute,
    Contract,
    Heat,
    Limits,
    Load,
    Money,
    Objective,
    Phase,
    Reported,
    Sampling,
    Scenario,
    Series,
    Site,
    Workload,
    load_shape,
)
from galerne.spread import Spread

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")

SECTIONS: Mapping[str, type] = {
    "site": Site,
    "compute": Compute,
    "workload": Workload,
    "objective": Objective,
    "money": Money,
    "sampling": Sampling,
    "load": Load,
    "heat": Heat,
    "series": Series,
    "contract": Contract,
}
"""Sections of a scenario file by name; those of ``OPTIONAL`` may be left out."""
OPTIONAL = frozenset({"load", "heat", "series", "contract"})
LISTS: Mapping[str, type] = {"phases": Phase, "candidates": Candidate, "reported": Reported}
"""Lists of tables of a scenario file, such as ``[[reported]]``."""


def locate_fault(error: InvalidScenario, text: str, *, file: str) -> InvalidScenario:
    """The fault with the file and the row that it is in; as it is where it is not of that file.

    Args:
        error: names a key such as ``site.place``, or ``reported[1].source``.
        text: of the scenario.
        file: its name.
    """
    path = error.path
    if path == "scenario":
        return InvalidScenario(path=file, problem=error.problem)
    section, _, key = path.partition(".")
    name, _, number = section.partition("[")
    if name not in {*SECTIONS, *LISTS, "scenario"}:
        return error
    row = _row_of(text, name, int(number.rstrip("]") or 0), key)
    return InvalidScenario(path=f"{file}:{row}: {path}" if row else f"{file}: {path}", problem=error.problem)


def _row_of(text: str, section: str, number: int, key: str) -> int:
    """Row of a key, or of its section's header; 0 where there is neither."""
    header = re.compile(rf"^\s*\[{{1,2}}\s*{re.escape(section)}\s*\]{{1,2}}")
    lines = text.splitlines()
    starts = [row for row, line in enumerate(lines) if header.match(line)]
    if number >= len(starts):
        return 0
    start = starts[number]
    for row in range(start + 1, len(lines)):
        if lines[row].lstrip().startswith("["):
            break
        if key and re.match(rf"\s*{re.escape(key.partition('.')[0])}\s*=", lines[row]):
            return row + 1
    return start + 1


def read_scenario(text: str) -> Scenario:
    """Read a scenario file.

    Raises:
        InvalidScenario: not TOML, an unknown or missing key, a wrong type, an impossible value.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidScenario(path="scenario", problem=str(error)) from error
    lists: dict[str, Any] = {
        name: _read_list(record, tables.pop(name, []), name) for name, record in LISTS.items()
    }
    _refuse_unknown(tables, set(SECTIONS) | set(LISTS), "scenario", known_text="sections")
    missing = sorted(set(SECTIONS) - OPTIONAL - set(tables))
    if missing:
        raise InvalidScenario(path=missing[0], problem=f"the section [{missing[0]}] is missing")
    sections: dict[str, Any] = {
        name: _read_section(SECTIONS[name], table, name) for name, table in tables.items()
    }
    scenario = Scenario(
        **sections,
        **lists,
        fingerprint=hashlib.sha256(text.encode()).hexdigest()[:16],
    )
    _check_together(scenario)
    return scenario


def _read_list(record: type[R], rows: Any, name: str) -> tuple[R, ...]:
    if not isinstance(rows, list):
        raise InvalidScenario(path=name, problem=f"expected a list of tables: [[{name}]]")
    return tuple(_read_section(record, row, f"{name}[{number}]") for number, row in enumerate(rows))


def _check_together(scenario: Scenario) -> None:
    """What no key can be refused for alone."""
    workload, compute, load = scenario.workload, scenario.compute, scenario.load
    if workload.day_shape is not None and not (
        len(workload.day_shape) == 24 and min(workload.day_shape) >= 0 and sum(workload.day_shape) > 0
    ):
        raise InvalidScenario(path="workload.day_shape", problem="expected 24 numbers, none below 0")
    if scenario.heat and not all(month in range(1, 13) for month in scenario.heat.months):
        raise InvalidScenario(path="heat.months", problem="expected months, 1 to 12")
    if scenario.contract and not scenario.contract.evidence.strip():
        problem = "market-based carbon needs its evidence: a contract, or cancelled guarantees of origin"
        raise InvalidScenario(path="contract.evidence", problem=problem)
    if load is None:
        if workload.load_ratio is None:
            raise InvalidScenario(path="workload.load_ratio", problem="give it, or the section [load]")
        if scenario.site.contracted_w is None and compute.n_systems is None:
            problem = "give it, or compute.n_systems, or the section [load]: something must set the size"
            raise InvalidScenario(path="site.contracted_w", problem=problem)
        shape = load_shape(workload)
        busiest_ratio = workload.load_ratio * float(shape.max())
        if busiest_ratio > 1.0 + 1e-9:
            problem = f"the busiest hour would carry {busiest_ratio:.2f} of full load (load x peak)"
            raise InvalidScenario(path="workload.peak_ratio", problem=problem)
    elif workload.load_ratio is not None:
        problem = "the section [load] makes it a result: leave it out"
        raise InvalidScenario(path="workload.load_ratio", problem=problem)
    _check_phases(scenario)


def _check_phases(scenario: Scenario) -> None:
    """Steps of a connection belong to a load that grows, and rise."""
    if scenario.phases and scenario.load is None:
        raise InvalidScenario(path="phases", problem="steps of a connection need a section [load] that grows")
    powers_w = [scenario.site.contracted_w or 0.0, *(phase.contracted_w for phase in scenario.phases)]
    for number, (before_w, power_w) in enumerate(itertools.pairwise(powers_w)):
        if power_w <= before_w:
            problem = f"{power_w:g} W is no more than the {before_w:g} W before it; each step is the whole"
            raise InvalidScenario(path=f"phases[{number}].contracted_w", problem=problem)


def _refuse_unknown(table: Any, known: set[str], path: str, *, known_text: str = "keys") -> None:
    if not isinstance(table, dict):
        raise InvalidScenario(path=path, problem="expected a table")
    unknown = sorted(set(table) - known)
    if unknown:
        choices = ", ".join(sorted(known))
        raise InvalidScenario(path=f"{path}.{unknown[0]}", problem=f"unknown key; {known_text}: {choices}")


@functools.cache
def _hints(record: type) -> dict[str, Any]:
    """Types of the keys of a section, with their limits."""
    return typing.get_type_hints(record, include_extras=True)


def _read_section(record: type[R], table: Any, path: str) -> R:
    fields = {f.name: f for f in dataclasses.fields(record)}
    _refuse_unknown(table, set(fields), path)
    hints = _hints(record)  # a class is hashable
    values: dict[str, Any] = {}
    for name, f in fields.items():
        if name not in table:
            if f.default is dataclasses.MISSING:
                raise InvalidScenario(path=f"{path}.{name}", problem="this key is missing")
            continue
        hint, *limits = (
            typing.get_args(hints[name]) if typing.get_origin(hints[name]) is Annotated else (hints[name],)
        )
        values[name] = _read_value(table[name], hint, f"{path}.{name}")
        if limits:
            _require_within(values[name], limits[0], f"{path}.{name}")
    return record(**values)


def _read_value(value: Any, hint: Any, path: str) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    hint = next(option for option in options if option is not type(None))
    if hint is Spread:
        return _read_spread(value, path)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if typing.get_origin(hint) is tuple:
        return _read_tuple(value, typing.get_args(hint)[0], path)
    if not isinstance(value, hint) or isinstance(value, bool):
        kind = {float: "a number", int: "a whole number", str: "text in quotes"}[hint]
        raise InvalidScenario(path=path, problem=f"expected {kind}, found {value!r}")
    return value


def _read_tuple(value: Any, entry_hint: type, path: str) -> tuple[Any, ...]:
    allowed, kind = (str, "names") if entry_hint is str else ((int, float), "numbers")
    if not isinstance(value, list) or not all(
        isinstance(entry, allowed) and not isinstance(entry, bool) for entry in value
    ):
        raise InvalidScenario(path=path, problem=f"expected a list of {kind}, found {value!r}")
    return tuple(value)


def _read_spread(value: Any, path: str) -> Spread:
    if isinstance(value, dict):
        _refuse_unknown(value, {"best", "low", "high"}, path)
    limits = value if isinstance(value, dict) else {"best": value, "low": value, "high": value}
    numbers = {name: limits.get(name) for name in ("best", "low", "high")}
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers.values()):
        raise InvalidScenario(
            path=path, problem=f"expected a number or {{ best, low, high }}, found {value!r}"
        )
    try:
        return Spread(**{name: float(typing.cast("float", n)) for name, n in numbers.items()})
    except ValueError as error:
        raise InvalidScenario(path=path, problem=str(error)) from error


def _require_within(value: Any, limits: Limits, path: str) -> None:
    numbers = (value.low, value.high) if isinstance(value, Spread) else (value,)
    for number in numbers:
        if not limits.low <= number <= limits.high:
            raise InvalidScenario(
                path=path, problem=f"{number:g} is not between {limits.low:g} and {limits.high:g}"
            )
