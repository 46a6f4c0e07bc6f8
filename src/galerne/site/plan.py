"""From a scenario to a plan: systems, watts, tokens, euros, grams, litres, each with range and sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    WeightFormat,
    ZoneFactor,
)
from galerne.errors import Infeasible, InvalidScenario
from galerne.site.building.connection import final_w
from galerne.site.building.facility import FacilityHour
from galerne.site.capacity.growth import GrowthYear, growth_path
from galerne.site.capacity.serving import CapacityPlan
from galerne.site.evaluate import YearOfSite, evaluate
from galerne.site.figures import Figure, counted_figures, given_figures, make_figures
from galerne.site.scenario.parts import Parts, coarsen_parts, find_parts
from galerne.site.scenario.records import Reported, Scenario
from galerne.site.scenario.series import Hourly
from galerne.site.tornado import Swing, find_deciding, find_swings, move_inputs
from galerne.site.worlds import best_world, flat, sampled_worlds
from galerne.units import Numeric

FACTS_USED = (
    "network-storage-ratio",
    "site-auxiliary-ratio",
    "fan-turndown-ratio",
    "chiller-cop-slope",
    "chiller-lift",
    "cooler-air-rise",
    "cycles-of-concentration",
    "vaporisation-heat",
    "accelerator-power-error",
    "usable-memory-ratio",
    "engine-reserve-bytes",
    "prefill-chunk-tokens",
    "zone-intensity-spread",
    "eur-per-usd-2026-08",
    "build-cost-spread",
    "ai-build-premium",
    "network-storage-cost-ratio",
    "facility-running-cost",
    "stream-bytes-per-token",
    "text-bytes-per-token",
)


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


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SitePlan:
    """A planned site.

    Attributes:
        figures: by name, in the order of the report.
        breakdown_w: mean facility power by where it goes.
        breakdown_eur: yearly cost by what it pays.
        breakdown_g: yearly grams by what emits them.
        facts: single figures of the catalogue that the plan rests on.
        hours: moments of the year at the best values.
        tornado: what each uncertain input does to a million written tokens, widest first.
        growth: what each year of the horizon needs and serves; empty without a load.
        lead: years from the order of a connection to its power, of the country; None where none is known.
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
    tornado: tuple[Swing, ...]
    growth: tuple[GrowthYear, ...]
    lead: Fact | None
    comparisons: tuple[Comparison, ...]
    sources: Mapping[str, Source]


def plan_site(
    scenario: Scenario,
    *,
    catalog: Catalog,
    hourly: Hourly | None = None,
    quick: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> SitePlan:
    """Plan a site.

    Args:
        scenario: what is wanted.
        catalog: facts.
        hourly: the user's own hours, read by ``series.read_hourly``.
        quick: take ranges and swings from fewer moments of the year; values stay those of all of them.
        on_progress: told the share that is done, now and then.

    Raises:
        InvalidScenario: the scenario names something that the catalogue does not know.
        Infeasible: no plan meets the objective; names the binding constraint.
    """
    if scenario.series is not None and hourly is None:
        raise InvalidScenario(path="series", problem="files of hours are read by the command line only")
    parts = find_parts(scenario, catalog, hourly=hourly)
    best = evaluate(parts, scenario, best_world())
    require_connection(best, scenario)
    rough = coarsen_parts(parts, scenario, catalog) if quick else parts
    sampled: Mapping[str, Numeric] = sample_numbers(rough, scenario, on_progress=on_progress)
    moved = move_inputs(rough, scenario)
    if rough is not parts:
        sampled = _around(sampled, best.numbers, moved.best)
        moved = dataclasses.replace(moved, numbers=_around(moved.numbers, best.numbers, moved.best))
    groups = _source_groups(parts)
    figures = make_figures(
        best.numbers,
        sampled,
        groups,
        given=given_figures(scenario),
        counted=counted_figures(scenario),
        deciding=find_deciding(moved, parts),
    )
    facts = (*(parts.facts[name] for name in FACTS_USED), *parts.electricity.facts, parts.build_cost)
    if scenario.load is not None and parts.lead is not None:
        facts = (*facts, parts.lead)
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
        tornado=find_swings(moved, parts),
        growth=growth_path(
            scenario,
            tokens_per_s=parts.capacity.output_tokens_per_s,
            n_racks=parts.system.n_racks,
            system_w=best.system_w,
            lead=parts.lead,
        ),
        lead=parts.lead,
        comparisons=tuple(_compare(row, figures) for row in scenario.reported if row.figure in figures),
        sources={key: catalog.sources[key] for key in sorted(_keys(parts, scenario, figures, facts))},
    )


def sample_numbers(
    parts: Parts, scenario: Scenario, *, on_progress: Callable[[float], None] | None = None
) -> dict[str, np.ndarray]:
    """The numbers of every sample, by name: arrays of shape ``(samples,)``."""
    sampling = scenario.sampling
    n_moments = parts.weather.calendar.duration_s.size
    blocks: dict[str, list[np.ndarray]] = {}
    done = 0
    for world in sampled_worlds(seed=sampling.seed, n_samples=sampling.n_samples, n_moments=n_moments):
        numbers = evaluate(parts, scenario, world).numbers
        n_worlds = max(np.size(value) for value in numbers.values())
        for name, value in numbers.items():
            blocks.setdefault(name, []).append(np.broadcast_to(flat(value), (n_worlds,)))
        done += n_worlds
        if on_progress:
            on_progress(done / sampling.n_samples)
    return {name: np.concatenate(values) for name, values in blocks.items()}


def require_connection(best: YearOfSite, scenario: Scenario) -> None:
    """Refuse a site whose systems ask more of the grid than is contracted.

    Raises:
        Infeasible: says by how much.
    """
    contracted_w = final_w(scenario)
    if contracted_w is None:
        return
    peak_w, n_systems = (float(flat(best.numbers[name])[0]) for name in ("peak_facility_w", "n_systems"))
    needed_w = peak_w / (1.0 - scenario.site.reserve_ratio)
    if needed_w > contracted_w:
        what = "one system" if n_systems == 1 else f"{n_systems:.0f} systems"
        raise Infeasible(
            binding_constraint=f"contracted power of {what}",
            needed=needed_w,
            available=contracted_w,
            unit="W",
        )


def _around(
    numbers: Mapping[str, Numeric], best: Mapping[str, Numeric], at_best: Mapping[str, Numeric]
) -> dict[str, Numeric]:
    """Numbers of a rougher year, moved to where the best values of the whole year are."""
    moved: dict[str, Numeric] = {}
    for name, values in numbers.items():
        ours, rough = (float(flat(one[name])[0]) for one in (best, at_best))
        moved[name] = values * (ours / rough) if rough else values
    return moved


def _keys(
    parts: Parts, scenario: Scenario, figures: Mapping[str, Figure], facts: tuple[Fact, ...]
) -> set[str]:
    """Every source that the plan names."""
    keys = {key for figure in figures.values() for key in figure.sources}
    keys |= {reported.source for reported in scenario.reported} | {"scenario"}
    rows: tuple[Row, ...] = (*facts, parts.place, parts.zone, parts.system, parts.cooling, *parts.stages)
    return keys | {key for row in rows for key in row.sources.values()}


def _source_groups(parts: Parts) -> dict[str, tuple[str, ...]]:
    """Source keys by what a figure rests on."""
    facts = parts.facts
    zone, system, plan = parts.zone, parts.system, parts.capacity.plan

    def key(row: Row, field: str) -> str:
        return row.sources.get(field) or row.sources["default"]

    def fact_keys(*ids: str) -> tuple[str, ...]:
        return tuple(facts[name].sources["default"] for name in ids)

    electricity = parts.electricity.sources
    lead = () if parts.lead is None else tuple(parts.lead.sources.values())
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
        "cooling": (
            *parts.cooling.sources.values(),
            *fact_keys("fan-turndown-ratio", "chiller-cop-slope", "chiller-lift"),
        ),
        "climate": (parts.weather.source,),
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
        "market_carbon": ("scenario", key(zone, "g_per_kwh"), "ghg-protocol-scope2"),
        "direct_carbon": (parts.electricity.direct_source,),
        "connection": ("scenario", *lead),
        "heat": ("iso-30134-6-erf", "scenario"),
        "wire": fact_keys("stream-bytes-per-token", "text-bytes-per-token"),
        "embodied": (key(system, "embodied_host_g"), key(parts.accelerator, "embodied_g")),
        "electricity": electricity,
        "prices": (
            key(system, "price_usd"),
            parts.build_cost.sources["default"],
            *fact_keys("eur-per-usd-2026-08", "network-storage-cost-ratio", "facility-running-cost"),
            *electricity,
        ),
    }


def _compare(reported: Reported, figures: Mapping[str, Figure]) -> Comparison:
    ours = figures[reported.figure].value
    return Comparison(
        figure=reported.figure,
        reported=reported.value,
        ours=ours,
        ratio=ours / reported.value,
        source=reported.source,
    )


def _plain(parts: Mapping[str, Numeric]) -> dict[str, float]:
    return {name: float(flat(value)[0]) for name, value in parts.items()}
