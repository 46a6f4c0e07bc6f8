"""The rows of the catalogue that a scenario names, found and checked together."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from galerne.catalog import (
    AcceleratorSpec,
    Catalog,
    ClimatePlace,
    CoolingPlant,
    Fact,
    PowerStage,
    Row,
    SystemSpec,
    Table,
    ZoneFactor,
)
from galerne.errors import InvalidScenario, UnknownId
from galerne.site.building.climate import Weather, read_weather
from galerne.site.building.connection import find_lead, require_leads
from galerne.site.building.electricity import OWN, Electricity, find_electricity, with_own_carbon
from galerne.site.capacity.batching import EngineLimits
from galerne.site.capacity.serving import CapacityPlan, plan_capacity
from galerne.site.figures import FIGURES
from galerne.site.scenario.records import Candidate, Compute, Objective, Scenario, Workload
from galerne.site.scenario.series import Hourly

R = TypeVar("R", bound=Row)
_FEW_QUANTILES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Catalogue rows that a scenario names, its weather and electricity, and how one system serves.

    Attributes:
        lead: years from the order of a grid connection to its power, where they are known of the country.
    """

    system: SystemSpec
    accelerator: AcceleratorSpec
    place: ClimatePlace
    zone: ZoneFactor
    cooling: CoolingPlant
    stages: tuple[PowerStage, ...]
    build_cost: Fact
    capacity: CapacityPlan
    weather: Weather
    electricity: Electricity
    facts: Mapping[str, Fact]
    lead: Fact | None = None


def find_parts(scenario: Scenario, catalog: Catalog, *, hourly: Hourly | None = None) -> Parts:
    """The parts of a scenario.

    Args:
        scenario: what names them.
        catalog: where they are.
        hourly: the user's own hours, where there are any.

    Raises:
        InvalidScenario: a name that the catalogue does not know, or rows that do not go together.
        Infeasible: no replica meets the objective.
    """
    site, compute = scenario.site, scenario.compute
    hourly = hourly or Hourly()
    system = _row(catalog.systems, compute.system, "compute.system")
    model = _row(catalog.models, compute.model, "compute.model")
    _row(catalog.formats, compute.weight_format, "compute.weight_format")
    place = _row(catalog.places, site.place, "site.place")
    zone = with_own_carbon(_row(catalog.zones, site.zone, "site.zone"), site.grid_g_per_kwh)
    build_cost = _build_cost(scenario.money.build_cost, place, catalog, path="money.build_cost")
    tokens = scenario.workload.prompt_tokens + scenario.workload.output_tokens
    if tokens > model.context_tokens:
        problem = f"{tokens:.0f} tokens of prompt and answer exceed the {model.context_tokens} of {model.id}"
        raise InvalidScenario(path="workload.prompt_tokens", problem=problem)
    _check_reported(scenario, catalog)
    lead = find_lead(catalog, zone)
    require_leads(scenario, lead, zone=zone)
    week = scenario.workload.weekend_ratio != 1.0 or hourly.has_grid
    weather = hourly.weather or read_weather(place, week=week)
    cooling = _row(catalog.cooling_plants, site.cooling_plant, "site.cooling_plant")
    stages = tuple(_row(catalog.power_stages, name, "site.power_stages") for name in site.power_stages)
    return Parts(
        system=system,
        accelerator=catalog.accelerators[system.accelerator_id],
        place=place,
        zone=zone,
        cooling=cooling,
        stages=stages,
        build_cost=build_cost,
        capacity=_capacity_of(
            catalog,
            dataclasses.replace(compute, n_systems=None),
            workload=_request_of(scenario.workload),
            objective=scenario.objective,
        ),
        weather=weather,
        electricity=find_electricity(
            scenario.money, zone, catalog, hourly=hourly, weather=weather, contract=scenario.contract
        ),
        facts=catalog.facts.rows,
        lead=lead,
    )


def _request_of(workload: Workload) -> Workload:
    """The shape of a request alone: when people ask changes nothing in how one system serves them."""
    return Workload(
        prompt_tokens=workload.prompt_tokens,
        cached_ratio=workload.cached_ratio,
        output_tokens=workload.output_tokens,
    )


@functools.lru_cache(maxsize=32)
def _capacity_of(
    catalog: Catalog, compute: Compute, *, workload: Workload, objective: Objective
) -> CapacityPlan:
    """How one system serves; the same for every place, price and building, so the last ones are kept."""
    return plan_capacity(
        catalog,
        catalog.systems[compute.system],
        catalog.models[compute.model],
        catalog.formats[compute.weight_format],
        workload=workload,
        objective=objective,
        limits=engine_limits(catalog),
    )


def coarsen_parts(parts: Parts, scenario: Scenario, catalog: Catalog) -> Parts:
    """The same parts with a fifth of the moments in their weather: quick, and nearly as good for ranges.

    A user's own hours stay as they are.
    """
    if parts.weather.hourly or scenario.series is not None:
        return parts
    week = bool(parts.weather.calendar.weekend.any())
    weather = read_weather(parts.place, week=week, n_quantiles=_FEW_QUANTILES)
    electricity = find_electricity(
        scenario.money, parts.zone, catalog, hourly=Hourly(), weather=weather, contract=scenario.contract
    )
    return dataclasses.replace(parts, weather=weather, electricity=electricity)


def move_parts(parts: Parts, candidate: Candidate, *, scenario: Scenario, catalog: Catalog) -> Parts:
    """The same site at another place: its climate, grid, price and build cost.

    Prices are the zone's own industrial ones unless the candidate names another, so that all places are
    compared on one basis.

    Raises:
        InvalidScenario: the place is not in the catalogue, or its zone has no price.
    """
    place = _row(catalog.places, candidate.place, "candidates.place")
    zone = _row(catalog.zones, candidate.zone or place.zone_id, "candidates.zone")
    money = dataclasses.replace(
        scenario.money, electricity_eur_per_kwh=candidate.electricity_eur_per_kwh, electricity_parts=()
    )
    weather = read_weather(place, week=scenario.workload.weekend_ratio != 1.0)
    lead = _lead_of(candidate, zone, catalog)
    require_leads(scenario, lead, zone=zone)
    return dataclasses.replace(
        parts,
        place=place,
        zone=zone,
        weather=weather,
        build_cost=_build_cost(candidate.build_cost, place, catalog, path="candidates.build_cost"),
        electricity=find_electricity(
            money, zone, catalog, hourly=Hourly(), weather=weather, scope=f"@{place.id}"
        ),
        lead=lead,
    )


def _lead_of(candidate: Candidate, zone: ZoneFactor, catalog: Catalog) -> Fact | None:
    """Lead time of a connection at a candidate: its own, or that of its country."""
    own = candidate.lead_years
    if own is None:
        return find_lead(catalog, zone)
    return Fact(
        id=f"connection-lead-{candidate.place}",
        name="Grid connection, from the order to the power",
        value=own.best,
        unit="years",
        sources={"default": OWN},
        spread={"value": own},
    )


def engine_limits(catalog: Catalog) -> EngineLimits:
    """What engines allow themselves, by the catalogue."""
    facts = catalog.facts
    return EngineLimits(
        usable_memory_ratio=facts["usable-memory-ratio"].value,
        reserve_bytes=facts["engine-reserve-bytes"].value,
        chunk_tokens=facts["prefill-chunk-tokens"].value,
    )


def _row(table: Table[R], row_id: str, path: str) -> R:
    try:
        return table[row_id]
    except UnknownId as error:
        raise InvalidScenario(path=path, problem=str(error)) from error


def _build_cost(named: str | None, place: ClimatePlace, catalog: Catalog, *, path: str) -> Fact:
    build_cost = _row(catalog.facts, named or place.build_cost_id, path)
    if build_cost.unit != "USD/W":
        problem = f"{build_cost.id} is in {build_cost.unit}; a build cost is in USD/W"
        raise InvalidScenario(path=path, problem=problem)
    return build_cost


def _check_reported(scenario: Scenario, catalog: Catalog) -> None:
    for number, reported in enumerate(scenario.reported):
        if reported.figure not in FIGURES:
            problem = f"there is no figure {reported.figure!r}; there are {', '.join(FIGURES)}"
            raise InvalidScenario(path=f"reported[{number}].figure", problem=problem)
        if reported.source not in catalog.sources:
            problem = f"the source {reported.source!r} is not in the catalogue"
            raise InvalidScenario(path=f"reported[{number}].source", problem=problem)
        if reported.value == 0:
            problem = "a reported figure of 0 compares to nothing"
            raise InvalidScenario(path=f"reported[{number}].value", problem=problem)
