"""From a scenario to a plan: systems, watts, tokens, euros, grams, litres, each with range and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from galerne.catalog import (
    AcceleratorSpec,
    Catalog,
    ClimatePlace,
    CoolingPlant,
    Fact,
    ModelSpec,
    PowerStage,
    Row,
    Source,
    SystemSpec,
    Table,
    WeightFormat,
    ZoneFactor,
)
from galerne.errors import InvalidScenario, UnknownId
from galerne.site.capacity import CapacityPlan, EngineLimits, plan_capacity
from galerne.site.climate import Weather, read_weather
from galerne.site.evaluate import Parts, evaluate
from galerne.site.facility import FacilityHour
from galerne.site.figures import FIGURES, Figure, make_figures
from galerne.site.scenario import Reported, Scenario
from galerne.site.worlds import BestWorld, SampledWorlds, flat

FACTS_USED = (
    "network-storage-ratio",
    "site-auxiliary-ratio",
    "fan-turndown-ratio",
    "chiller-cop-slope",
    "cooler-air-rise",
    "cycles-of-concentration",
    "vaporisation-heat",
    "accelerator-power-error",
    "usable-memory-ratio",
    "engine-reserve-bytes",
    "prefill-chunk-tokens",
    "zone-intensity-spread",
    "eur-per-usd-2026-08",
    "ai-build-premium",
    "network-storage-cost-ratio",
    "facility-running-cost",
)

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A published figure beside ours; never an input of ours.

    Attributes:
        ratio: ours over reported.
    """

    figure: str
    reported: float
    ours: float
    ratio: float
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SitePlan:
    """A planned site.

    Attributes:
        figures: by name, in the order of the report.
        breakdown_w: mean facility power by where it goes.
        breakdown_eur: yearly cost by what it pays.
        breakdown_g: yearly grams by what emits them.
        facts: single figures of the catalogue that the plan rests on.
        hours: mean day of each month, arrays of shape (12, 24, 1) or one that broadcasts to it.
        sources: every source that a figure names, by key.
    """

    scenario: Scenario
    system: SystemSpec
    accelerator: AcceleratorSpec
    model: ModelSpec
    weight_format: WeightFormat
    place: ClimatePlace
    zone: ZoneFactor
    cooling_plant: CoolingPlant
    power_stages: tuple[PowerStage, ...]
    capacity: CapacityPlan
    figures: Mapping[str, Figure]
    breakdown_w: Mapping[str, float]
    breakdown_eur: Mapping[str, float]
    breakdown_g: Mapping[str, float]
    facts: tuple[Fact, ...]
    hours: FacilityHour
    comparisons: tuple[Comparison, ...]
    sources: Mapping[str, Source]


def plan_site(scenario: Scenario, *, catalog: Catalog) -> SitePlan:
    """Plan a site.

    Raises:
        InvalidScenario: the scenario names something that the catalogue does not know.
        Infeasible: no plan meets the objective; names the binding constraint.
    """
    parts, weather = _find_parts(scenario, catalog)
    best = evaluate(parts, scenario, BestWorld(), weather=weather)
    rng = np.random.default_rng(scenario.sampling.seed)
    worlds = SampledWorlds(rng, scenario.sampling.n_samples)
    sampled = evaluate(parts, scenario, worlds, weather=weather)
    groups = _source_groups(parts, scenario, weather)
    figures = make_figures(best.numbers, sampled.numbers, groups)
    keys = {key for figure in figures.values() for key in figure.sources}
    keys |= {reported.source for reported in scenario.reported} | {"scenario"}
    facts = (*(parts.facts[name] for name in FACTS_USED), parts.build_cost)
    rows: tuple[Row, ...] = (*facts, parts.place, parts.zone, parts.system, parts.cooling, *parts.stages)
    keys |= {key for row in rows for key in row.sources.values()}
    return SitePlan(
        scenario=scenario,
        system=parts.system,
        accelerator=parts.accelerator,
        model=parts.capacity.plan.model,
        weight_format=parts.capacity.plan.format,
        place=parts.place,
        zone=parts.zone,
        cooling_plant=parts.cooling,
        power_stages=parts.stages,
        capacity=parts.capacity,
        figures=figures,
        breakdown_w=_plain(best.breakdown_w),
        breakdown_eur=_plain(best.breakdown_eur),
        breakdown_g=_plain(best.breakdown_g),
        facts=facts,
        hours=best.hours,
        comparisons=tuple(_compare(row, figures, number) for number, row in enumerate(scenario.reported)),
        sources={key: catalog.sources[key] for key in sorted(keys)},
    )


def _find_parts(scenario: Scenario, catalog: Catalog) -> tuple[Parts, Weather]:
    site, compute = scenario.site, scenario.compute
    system = _row(catalog.systems, compute.system, "compute.system")
    model = _row(catalog.models, compute.model, "compute.model")
    weight_format = _row(catalog.formats, compute.weight_format, "compute.weight_format")
    place = _row(catalog.places, site.place, "site.place")
    build_cost = _row(catalog.facts, scenario.money.build_cost, "money.build_cost")
    zone = _row(catalog.zones, site.zone, "site.zone")
    _check(scenario, catalog, model=model, zone=zone, build_cost=build_cost)
    facts = catalog.facts
    limits = EngineLimits(
        usable_memory_ratio=facts["usable-memory-ratio"].value,
        reserve_bytes=facts["engine-reserve-bytes"].value,
        chunk_tokens=facts["prefill-chunk-tokens"].value,
    )
    capacity = plan_capacity(
        catalog,
        system,
        model,
        weight_format,
        workload=scenario.workload,
        objective=scenario.objective,
        limits=limits,
    )
    stages = tuple(_row(catalog.power_stages, name, "site.power_stages") for name in site.power_stages)
    parts = Parts(
        system=system,
        accelerator=catalog.accelerators[system.accelerator_id],
        place=place,
        zone=zone,
        cooling=_row(catalog.cooling_plants, site.cooling_plant, "site.cooling_plant"),
        stages=stages,
        build_cost=build_cost,
        capacity=capacity,
        facts=facts.rows,
    )
    return parts, read_weather(place)


def _row(table: Table[R], row_id: str, path: str) -> R:
    try:
        return table[row_id]
    except UnknownId as error:
        raise InvalidScenario(path=path, problem=str(error)) from error


def _check(
    scenario: Scenario, catalog: Catalog, *, model: ModelSpec, zone: ZoneFactor, build_cost: Fact
) -> None:
    """What only the catalogue can refuse."""
    tokens = scenario.workload.prompt_tokens + scenario.workload.output_tokens
    if tokens > model.context_tokens:
        problem = f"{tokens:.0f} tokens of prompt and answer exceed the {model.context_tokens} of {model.id}"
        raise InvalidScenario(path="workload.prompt_tokens", problem=problem)
    if build_cost.unit != "USD/W":
        problem = f"{build_cost.id} is in {build_cost.unit}; a build cost is in USD/W"
        raise InvalidScenario(path="money.build_cost", problem=problem)
    if scenario.money.electricity_eur_per_kwh is None and zone.eur_per_kwh is None:
        problem = f"no price is known for the zone {zone.id}; give one here"
        raise InvalidScenario(path="money.electricity_eur_per_kwh", problem=problem)
    for number, reported in enumerate(scenario.reported):
        if reported.figure not in FIGURES:
            problem = f"there is no figure {reported.figure!r}; there are {', '.join(FIGURES)}"
            raise InvalidScenario(path=f"reported[{number}].figure", problem=problem)
        if reported.source not in catalog.sources:
            problem = f"the source {reported.source!r} is not in the catalogue"
            raise InvalidScenario(path=f"reported[{number}].source", problem=problem)


def _source_groups(parts: Parts, scenario: Scenario, weather: Weather) -> dict[str, tuple[str, ...]]:
    """Source keys by what a figure rests on."""
    facts = parts.facts
    zone, system, plan = parts.zone, parts.system, parts.capacity.plan

    def key(row: Row, field: str) -> str:
        return row.sources.get(field) or row.sources["default"]

    def fact_keys(*ids: str) -> tuple[str, ...]:
        return tuple(facts[name].sources["default"] for name in ids)

    own_price = scenario.money.electricity_eur_per_kwh is not None
    electricity = "scenario" if own_price else key(zone, "eur_per_kwh")
    return {
        "model": ("galerne-site-model",),
        "scenario": ("scenario",),
        "system": (
            key(system, "n_accelerators"),
            key(system, "host_busy_w"),
            *parts.accelerator.sources.values(),
        ),
        "overheads": fact_keys("network-storage-ratio", "site-auxiliary-ratio"),
        "power": tuple(k for stage in parts.stages for k in stage.sources.values()),
        "cooling": (*parts.cooling.sources.values(), *fact_keys("fan-turndown-ratio", "chiller-cop-slope")),
        "climate": (weather.source,),
        "perf": (
            *plan.calibration.sources.values(),
            *plan.model.sources.values(),
            *plan.format.sources.values(),
            *parts.accelerator.sources.values(),
            *fact_keys("accelerator-power-error"),
        ),
        "engine": fact_keys("usable-memory-ratio", "engine-reserve-bytes", "prefill-chunk-tokens"),
        "pue": ("iso-30134-2-pue",),
        "water": (*fact_keys("vaporisation-heat", "cycles-of-concentration"), "iso-30134-9-wue"),
        "grid_water": (key(zone, "l_per_kwh"),),
        "carbon": (key(zone, "g_per_kwh"), *fact_keys("zone-intensity-spread"), "ghg-protocol-scope2"),
        "embodied": (key(system, "embodied_host_g"), key(parts.accelerator, "embodied_g")),
        "electricity": (electricity,),
        "prices": (
            key(system, "price_usd"),
            parts.build_cost.sources["default"],
            *fact_keys("eur-per-usd-2026-08", "network-storage-cost-ratio", "facility-running-cost"),
            electricity,
        ),
    }


def _compare(reported: Reported, figures: Mapping[str, Figure], number: int) -> Comparison:
    ours = figures[reported.figure].value
    if reported.value == 0:
        raise InvalidScenario(
            path=f"reported[{number}].value", problem="a reported figure of 0 compares to nothing"
        )
    return Comparison(
        figure=reported.figure,
        reported=reported.value,
        ours=ours,
        ratio=ours / reported.value,
        source=reported.source,
    )


def _plain(parts: Mapping[str, object]) -> dict[str, float]:
    return {name: float(flat(value)[0]) for name, value in parts.items()}  # type: ignore[arg-type]
