"""The levers of the planner page: what each changes in a scenario, and how it reads.

The page keeps nothing: a plan is the worked case that it starts from and what the levers say otherwise, all
of it in the address. The scenario itself is changed by the API.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SIZES = ("connection", "systems", "people")
"""What sets the size of a site."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lever:
    """A number to move.

    Attributes:
        path: of the key in a scenario; also the name of the field.
        group: heading that it stands under.
        unit: phrase of its unit, empty for a plain number.
        scale: shown number times this is the scenario's; ``0`` where the one is the inverse of the other.
        low: least shown number; ``high``: largest; ``step`` between.
        default: shown where the scenario says nothing; None leaves the field empty, which changes nothing.
        by_ratio: whether the slider moves by ratios.
        only: size that it belongs to; empty for all.
    """

    path: str
    group: str
    unit: str = ""
    scale: float = 1.0
    low: float
    high: float
    step: float
    default: float | None = None
    by_ratio: bool = False
    only: tuple[str, ...] = SIZES

    def shown(self, value: Any) -> float | None:
        """The number on the page for the scenario's value."""
        best = value.get("best") if isinstance(value, Mapping) else value
        if best is None:
            return self.default
        return _tidy(1.0 / best if self.scale == 0 else best / self.scale)

    def meant(self, shown: float) -> float:
        """The scenario's value for the number on the page."""
        return _tidy(1.0 / shown if self.scale == 0 else shown * self.scale)


LEVERS = (
    Lever(path="site.contracted_w", group="size", unit="unit_mw", scale=1e6, low=0.02, high=2000, step=0.01,
          default=1.0, by_ratio=True, only=("connection",)),
    Lever(path="compute.n_systems", group="size", low=1, high=20000, step=1, default=2.0, by_ratio=True,
          only=("systems",)),
    Lever(path="load.n_users", group="size", low=10, high=1e9, step=1, default=10000.0, by_ratio=True,
          only=("people",)),
    Lever(path="load.answers_per_user", group="size", low=0.1, high=200, step=0.1, default=8.0, by_ratio=True,
          only=("people",)),
    Lever(path="load.growth_ratio", group="size", unit="unit_percent", scale=0.01, low=-50, high=300, step=1,
          default=0.0, only=("people",)),
    Lever(path="load.horizon_years", group="size", unit="unit_years", low=0, high=15, step=1, default=0.0,
          only=("people",)),
    Lever(path="workload.load_ratio", group="load", unit="unit_percent", scale=0.01, low=1, high=100, step=1,
          default=30.0, only=("connection", "systems")),
    Lever(path="workload.peak_ratio", group="load", low=1, high=2, step=0.05, default=1.0),
    Lever(path="workload.prompt_tokens", group="load", unit="unit_tokens", low=10, high=100000, step=1,
          by_ratio=True),
    Lever(path="workload.cached_ratio", group="load", unit="unit_percent", scale=0.01, low=0, high=95,
          step=1),
    Lever(path="workload.output_tokens", group="load", unit="unit_tokens", low=10, high=20000, step=1,
          by_ratio=True),
    Lever(path="objective.token_interval_s", group="objective", unit="unit_tokens_per_s", scale=0, low=1,
          high=300, step=1),
    Lever(path="objective.first_token_s", group="objective", unit="unit_s", low=0.05, high=20, step=0.05,
          by_ratio=True),
    Lever(path="objective.percentile_ratio", group="objective", unit="unit_percent", scale=0.01, low=50,
          high=99.9, step=0.1),
    Lever(path="site.installed_ratio", group="building", low=1, high=2.5, step=0.05),
    Lever(path="site.reserve_ratio", group="building", unit="unit_percent", scale=0.01, low=0, high=50,
          step=1),
    Lever(path="money.electricity_eur_per_kwh", group="prices", unit="unit_eur_per_kwh", low=0.01, high=0.5,
          step=0.001),
    Lever(path="site.grid_g_per_kwh", group="prices", unit="unit_g_per_kwh", low=0, high=900, step=1),
    Lever(path="money.it_life_years", group="prices", unit="unit_years", low=2, high=10, step=0.5),
    Lever(path="money.discount_ratio", group="prices", unit="unit_percent", scale=0.01, low=1, high=25,
          step=0.5),
)  # fmt: skip
OVERRIDES = frozenset({"money.electricity_eur_per_kwh", "site.grid_g_per_kwh"})
"""Levers that are empty until somebody moves them: else the scenario's or the zone's own value holds."""
CHOICES = (
    ("site.place", "place", "places"),
    ("site.zone", "place", "zones"),
    ("compute.model", "machine", "models"),
    ("compute.weight_format", "machine", "weight_formats"),
    ("compute.system", "machine", "systems"),
    ("site.cooling_plant", "building", "cooling_plants"),
    ("ups", "building", "power_stages"),
)
"""Fields that choose a row: name, heading, list of the API."""
GROUPS = ("place", "machine", "size", "load", "objective", "building", "prices")
_UPS = "ups-"


def value_at(scenario: Mapping[str, Any], path: str) -> Any:
    """What a scenario says at a path; None where it says nothing."""
    section, _, key = path.partition(".")
    return scenario.get(section, {}).get(key)


def size_of(scenario: Mapping[str, Any]) -> str:
    """What sets the size of a scenario."""
    if "load" in scenario:
        return "people"
    return "systems" if value_at(scenario, "compute.n_systems") is not None else "connection"


def ups_of(scenario: Mapping[str, Any]) -> str:
    """The uninterruptible power supply of its chain."""
    return next((stage for stage in scenario["site"]["power_stages"] if stage.startswith(_UPS)), "")


def fields_of(scenario: Mapping[str, Any], *, zone_of_place: str) -> dict[str, str]:
    """Every field of the page as a scenario has it: text by name."""
    fields = {"size": size_of(scenario)}
    for path, _, _ in CHOICES:
        fields[path] = ups_of(scenario) if path == "ups" else str(value_at(scenario, path) or "")
    if fields["site.zone"] == zone_of_place:
        fields["site.zone"] = ""
    for lever in LEVERS:
        shown = None if lever.path in OVERRIDES else lever.shown(value_at(scenario, lever.path))
        fields[lever.path] = "" if shown is None else f"{shown:.{3 if lever.scale == 0 else 10}g}"
    return fields


def changes_of(
    scenario: Mapping[str, Any], asked: Mapping[str, str], *, zones: Mapping[str, str]
) -> tuple[str, ...]:
    """What makes of a worked case the scenario that the fields ask for, as the API takes it.

    Args:
        scenario: the worked case.
        asked: text by name of the field; those that are missing are as in the case.
        zones: grid zone by place.
    """
    place = scenario["site"]["place"]
    fields = fields_of(scenario, zone_of_place=zones.get(place, ""))
    before = dict(fields)
    fields |= {name: text.strip() for name, text in asked.items() if name in fields}
    size = fields["size"] if fields["size"] in SIZES else before["size"]
    changes = _of_size(scenario, size)
    changes |= _of_choices(scenario, fields, before, zones)
    for lever in LEVERS:
        text = fields[lever.path]
        unsaid = value_at(scenario, lever.path) is None and lever.path not in OVERRIDES
        if size in lever.only and text and (text != before[lever.path] or (unsaid and lever.default)):
            changes[lever.path] = _number(lever, text, value_at(scenario, lever.path))
    return tuple(f"{path}={text}" for path, text in changes.items())


def _of_size(scenario: Mapping[str, Any], size: str) -> dict[str, str]:
    """Keys that this size does not go with, taken away."""
    said = size_of(scenario)
    if size == said:
        return {}
    if size == "people":
        gone = ["workload.load_ratio", "compute.n_systems", "site.contracted_w"]
    else:
        gone = ["load", "phases", "site.contracted_w" if size == "systems" else "compute.n_systems"]
    return {
        path: ""
        for path in gone
        if (value_at(scenario, path) is not None if "." in path else path in scenario)
    }


def _of_choices(
    scenario: Mapping[str, Any],
    fields: Mapping[str, str],
    before: Mapping[str, str],
    zones: Mapping[str, str],
) -> dict[str, str]:
    changes = {
        path: json.dumps(fields[path])
        for path, _, _ in CHOICES
        if path not in ("ups", "site.zone") and fields[path] and fields[path] != before[path]
    }
    zone = fields["site.zone"] or zones.get(fields["site.place"], scenario["site"]["zone"])
    if zone != scenario["site"]["zone"]:
        changes["site.zone"] = json.dumps(zone)
    if "site.place" in changes or "site.zone" in changes:  # the case's own price and market are of its place
        local = ["money.build_cost"] if "site.place" in changes else []
        local += (
            ["money.electricity_eur_per_kwh", "money.electricity_parts"] if "site.zone" in changes else []
        )
        changes |= {path: "" for path in local if value_at(scenario, path) is not None}
    if fields["money.electricity_eur_per_kwh"] and value_at(scenario, "money.electricity_parts"):
        changes["money.electricity_parts"] = ""
    if fields["ups"] and fields["ups"] != before["ups"]:
        stages = [
            fields["ups"] if stage.startswith(_UPS) else stage for stage in scenario["site"]["power_stages"]
        ]
        changes["site.power_stages"] = json.dumps(stages)
    return changes


def _number(lever: Lever, text: str, value: Any) -> str:
    """A moved number as TOML, its range moved along; what is no number is left for the API to refuse."""
    try:
        shown = float(text)
        best = lever.meant(shown)
    except (ValueError, ZeroDivisionError):
        return json.dumps(text)
    if not math.isfinite(best):
        return json.dumps(text)
    if isinstance(value, Mapping) and value.get("best"):
        ends = {end: _tidy(best * value[end] / value["best"]) for end in ("best", "low", "high")}
        return "{ " + ", ".join(f"{end} = {number!r}" for end, number in ends.items()) + " }"
    whole = lever.step == 1 and lever.scale == 1.0 and best == int(best)
    return str(int(best)) if whole else repr(best)


def _tidy(value: float) -> float:
    return float(f"{value:.10g}")


def query_of(asked: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The fields of an address that are ours, the last one where a name comes twice."""
    numbers = {lever.path for lever in LEVERS}
    names = {"case", "size", *(path for path, _, _ in CHOICES), *numbers}
    return {
        name: text[:200].strip().replace(",", ".") if name in numbers else text[:200]
        for name, text in asked
        if name in names
    }
