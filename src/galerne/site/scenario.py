"""A scenario file as records: every key known, every value possible, or ``InvalidScenario`` with its path.

A number may be a range, ``{ best = 0.075, low = 0.06, high = 0.095 }``, where the record says so.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeVar

from galerne.errors import InvalidScenario
from galerne.spread import Spread

R = TypeVar("R")


class Limits(NamedTuple):
    """A number must lie between the two; both are allowed."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The place, its connection and what stands around the IT.

    Attributes:
        place: id of a place with a climate.
        zone: id of a grid zone.
        contracted_w: power of the grid connection.
        reserve_ratio: share of it never planned on.
        power_stages: ids of the power chain, from the rack towards the grid.
        installed_ratio: power of each stage over the IT it feeds.
        cooling_plant: id of the cooling plant.
    """

    name: str
    place: str
    zone: str
    contracted_w: Annotated[float, Limits(1e3, 1e11)]
    reserve_ratio: Annotated[float, Limits(0.0, 0.9)]
    power_stages: tuple[str, ...]
    installed_ratio: Annotated[float, Limits(1.0, 4.0)]
    cooling_plant: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Compute:
    """What runs: ids of a system, a model and a weight format."""

    system: str
    model: str
    weight_format: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """The shape of a request and of a day.

    Attributes:
        cached_ratio: share of the prompt found in the prefix cache.
        load_ratio: mean load over the year, over what the objective allows.
        peak_ratio: load of the busiest hour over the mean.
        peak_hour: that hour, local time.
    """

    prompt_tokens: Annotated[float, Limits(1, 1e7)]
    cached_ratio: Annotated[float, Limits(0.0, 0.99)]
    output_tokens: Annotated[float, Limits(1, 1e6)]
    load_ratio: Annotated[float, Limits(0.01, 1.0)]
    peak_ratio: Annotated[float, Limits(1.0, 2.0)]
    peak_hour: Annotated[int, Limits(0, 23)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What a user must get, on the mean: first token, and time between tokens."""

    first_token_s: Annotated[float, Limits(1e-3, 3600.0)]
    token_interval_s: Annotated[float, Limits(1e-4, 10.0)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """Prices and lives.

    Attributes:
        build_cost: id of the fact with the market's build cost.
        electricity_eur_per_kwh: delivered price; without it, the zone's industrial price.
    """

    discount_ratio: Annotated[Spread, Limits(1e-3, 0.5)]
    it_life_years: Annotated[Spread, Limits(1.0, 20.0)]
    facility_life_years: Annotated[Spread, Limits(1.0, 60.0)]
    build_cost: str
    electricity_eur_per_kwh: Annotated[Spread | None, Limits(0.0, 5.0)] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How uncertainty is carried: samples drawn, and from which seed."""

    n_samples: Annotated[int, Limits(50, 4000)]
    seed: Annotated[int, Limits(0, 2**32)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """A published figure to set beside ours.

    Attributes:
        figure: name of one of the plan's figures.
        value: in that figure's unit.
        source: key of a source.
    """

    figure: str
    value: Annotated[float, Limits(-1e18, 1e18)]
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """All that a plan depends on, besides the catalogue.

    Attributes:
        fingerprint: first 16 digits of the SHA-256 of the file.
    """

    site: Site
    compute: Compute
    workload: Workload
    objective: Objective
    money: Money
    sampling: Sampling
    reported: tuple[Reported, ...] = ()
    fingerprint: str = ""


def read_scenario(text: str) -> Scenario:
    """Read a scenario file.

    Raises:
        InvalidScenario: not TOML, an unknown or missing key, a wrong type, an impossible value.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidScenario(path="scenario", problem=str(error)) from error
    reported = tables.pop("reported", [])
    if not isinstance(reported, list):
        raise InvalidScenario(path="reported", problem="expected a list of tables: [[reported]]")
    sections = {"site": Site, "compute": Compute, "workload": Workload, "objective": Objective}
    sections |= {"money": Money, "sampling": Sampling}
    _refuse_unknown(tables, set(sections), "scenario", known_text="sections")
    missing = sorted(set(sections) - set(tables))
    if missing:
        raise InvalidScenario(path=missing[0], problem=f"the section [{missing[0]}] is missing")
    scenario = Scenario(
        **{name: _read_section(record, tables[name], name) for name, record in sections.items()},
        reported=tuple(_read_section(Reported, row, f"reported[{n}]") for n, row in enumerate(reported)),
        fingerprint=hashlib.sha256(text.encode()).hexdigest()[:16],
    )
    busiest_ratio = scenario.workload.load_ratio * scenario.workload.peak_ratio
    if busiest_ratio > 1.0:
        problem = f"the busiest hour would carry {busiest_ratio:.2f} of full load (load_ratio x peak_ratio)"
        raise InvalidScenario(path="workload.peak_ratio", problem=problem)
    return scenario


def _refuse_unknown(table: Any, known: set[str], path: str, *, known_text: str = "keys") -> None:
    if not isinstance(table, dict):
        raise InvalidScenario(path=path, problem="expected a table")
    unknown = sorted(set(table) - known)
    if unknown:
        choices = ", ".join(sorted(known))
        raise InvalidScenario(path=f"{path}.{unknown[0]}", problem=f"unknown key; {known_text}: {choices}")


def _read_section(record: type[R], table: Any, path: str) -> R:
    fields = {f.name: f for f in dataclasses.fields(record)}  # type: ignore[arg-type]
    _refuse_unknown(table, set(fields), path)
    hints = typing.get_type_hints(record, include_extras=True)
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
    if Spread in options:
        return _read_spread(value, path)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise InvalidScenario(path=path, problem=f"expected a list of names, found {value!r}")
        return tuple(value)
    if not isinstance(value, hint) or isinstance(value, bool):
        kind = {float: "a number", int: "a whole number", str: "text in quotes"}[hint]
        raise InvalidScenario(path=path, problem=f"expected {kind}, found {value!r}")
    return value


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
