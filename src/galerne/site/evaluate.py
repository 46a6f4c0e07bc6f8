"""The chain of formulas from a connection to its tokens, on one world or on many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from galerne.catalog import (
    AcceleratorSpec,
    ClimatePlace,
    CoolingPlant,
    Fact,
    PowerStage,
    SystemSpec,
    ZoneFactor,
)
from galerne.site.capacity import CapacityPlan, systems_within
from galerne.site.climate import Hours, Weather, day_mean, year_sum
from galerne.site.cooling import CoolingPractice
from galerne.site.cost import MILLION, Investment, TokenShare, YearlyCost, yearly_cost
from galerne.site.facility import (
    FacilityHour,
    FacilityYear,
    GridFactors,
    Plant,
    facility_hours,
    peak_ratio,
    sum_year,
)
from galerne.site.scenario import Scenario, Workload
from galerne.site.worlds import World, rows
from galerne.spread import Spread
from galerne.units import HOUR_S, YEAR_S, Numeric

_ERROR_SPAN = 2.0  # from a typical relative error to the distance of p5 and p95


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Catalogue rows that a scenario names, and how one system serves."""

    system: SystemSpec
    accelerator: AcceleratorSpec
    place: ClimatePlace
    zone: ZoneFactor
    cooling: CoolingPlant
    stages: tuple[PowerStage, ...]
    build_cost: Fact
    capacity: CapacityPlan
    facts: Mapping[str, Fact]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizing:
    """How many systems a connection carries; numbers, or arrays of samples."""

    n_systems: Numeric
    rated_it_w: Numeric
    peak_facility_w: Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class YearOfSite:
    """The results of one evaluation: figures by name, and where power, money and grams go."""

    numbers: Mapping[str, Numeric]
    breakdown_w: Mapping[str, Numeric]
    breakdown_eur: Mapping[str, Numeric]
    breakdown_g: Mapping[str, Numeric]
    hours: FacilityHour


def load_day_ratio(workload: Workload) -> Hours:
    """Load by hour of the day, over full load, shape (24, 1): a cosine with the wanted mean and peak."""
    angle = 2.0 * np.pi * (np.arange(24) - workload.peak_hour) / 24.0
    day = workload.load_ratio * (1.0 + (workload.peak_ratio - 1.0) * np.cos(angle))
    return np.asarray(day[:, None])


def evaluate(parts: Parts, scenario: Scenario, world: World, *, weather: Weather) -> YearOfSite:
    """A year of the site and its tokens.

    Args:
        parts: rows of the catalogue, and how one system serves.
        scenario: connection, load, lives and prices.
        world: where ranges become numbers or samples.
        weather: of the place.
    """
    plant = _plant(parts, scenario, world)
    sizing = _size(parts, scenario, world, plant=plant, weather=weather)
    grid = _grid(parts, scenario, world)
    hours = facility_hours(
        _it_w(parts, scenario, world, sizing.n_systems),
        rated_it_w=sizing.rated_it_w,
        plant=plant,
        weather=weather,
        grid=grid,
    )
    year = sum_year(hours, grid=grid)
    slowness = world.number(_slowness(parts.capacity))
    tokens = _tokens(parts.capacity, scenario.workload, sizing.n_systems, slowness)
    investment = _investment(parts, world, sizing)
    cost = yearly_cost(
        investment,
        discount_ratio=world.number(scenario.money.discount_ratio),
        it_life_years=(it_life_years := world.number(scenario.money.it_life_years)),
        facility_life_years=world.number(scenario.money.facility_life_years),
        running_eur=_eur(parts, world) * _fact(parts, world, "facility-running-cost") * sizing.rated_it_w,
        energy_eur=year.energy_eur,
    )
    accelerators_g, hosts_g = _embodied_g(parts, world, sizing.n_systems, it_life_years)
    embodied_g = accelerators_g + hosts_g
    numbers = {
        **_build_numbers(parts, scenario, sizing),
        **_serve_numbers(parts, sizing, tokens, slowness),
        **_run_numbers(year, embodied_g),
        "systems_usd": sizing.n_systems * world.row(parts.system).price_usd,
        "investment_eur": investment.total_eur,
        "yearly_cost_eur": cost.total_eur,
        "yearly_energy_eur": cost.energy_eur,
        **_token_numbers(tokens, year, cost, embodied_g),
    }
    return YearOfSite(
        numbers=numbers,
        breakdown_w=_breakdown_w(parts, scenario, world, hours=hours, n_systems=sizing.n_systems),
        breakdown_eur={
            "systems": cost.systems_eur,
            "network": cost.network_eur,
            "facility": cost.facility_eur,
            "running": cost.running_eur,
            "energy": cost.energy_eur,
        },
        breakdown_g={"electricity": year.co2_g, "accelerators": accelerators_g, "hosts": hosts_g},
        hours=hours,
    )


def _fact(parts: Parts, world: World, fact_id: str) -> Numeric:
    return world.fact(parts.facts[fact_id])


def _eur(parts: Parts, world: World) -> Numeric:
    return _fact(parts, world, "eur-per-usd-2026-08")


def _plant(parts: Parts, scenario: Scenario, world: World) -> Plant:
    return Plant(
        stages=rows(world, parts.stages),
        installed_ratio=scenario.site.installed_ratio,
        cooling=world.row(parts.cooling),
        practice=CoolingPractice(
            fan_turndown_ratio=_fact(parts, world, "fan-turndown-ratio"),
            air_rise_k=_fact(parts, world, "cooler-air-rise"),
            chiller_slope_per_k=_fact(parts, world, "chiller-cop-slope"),
            cycles_of_concentration=_fact(parts, world, "cycles-of-concentration"),
            vaporisation_j_per_l=_fact(parts, world, "vaporisation-heat"),
        ),
        auxiliary_ratio=_fact(parts, world, "site-auxiliary-ratio"),
    )


def _size(parts: Parts, scenario: Scenario, world: World, *, plant: Plant, weather: Weather) -> Sizing:
    system, accelerator = world.row(parts.system), parts.accelerator
    rated_w = system.n_accelerators * accelerator.power_limit_w + system.host_busy_w
    system_it_w = rated_w * (1.0 + _fact(parts, world, "network-storage-ratio"))
    peak = peak_ratio(plant, weather)
    planned_w = scenario.site.contracted_w * (1.0 - scenario.site.reserve_ratio)
    n_systems = systems_within(planned_w, system_w=system_it_w * peak)
    rated_it_w = n_systems * system_it_w
    return Sizing(n_systems=n_systems, rated_it_w=rated_it_w, peak_facility_w=rated_it_w * peak)


def _grid(parts: Parts, scenario: Scenario, world: World) -> GridFactors:
    zone = world.row(parts.zone)
    price = scenario.money.electricity_eur_per_kwh
    eur_per_kwh = world.number(price) if price is not None else zone.eur_per_kwh
    assert eur_per_kwh is not None  # noqa: S101  # the plan has refused zones without a price
    return GridFactors(
        g_per_kwh=zone.g_per_kwh * _fact(parts, world, "zone-intensity-spread"),
        l_per_kwh=zone.l_per_kwh,
        eur_per_kwh=eur_per_kwh,
    )


def _accelerators_w(parts: Parts, scenario: Scenario, world: World) -> Numeric:
    """Accelerators of one system by hour of the day, never above their limit."""
    predicted_w = parts.capacity.accelerators_w(load_day_ratio(scenario.workload))
    limit_w = parts.system.n_accelerators * parts.accelerator.power_limit_w
    return np.asarray(np.minimum(predicted_w * _fact(parts, world, "accelerator-power-error"), limit_w))


def _hosts_w(parts: Parts, scenario: Scenario, world: World) -> Numeric:
    """Everything in one system that is not an accelerator, by hour of the day."""
    system = world.row(parts.system)
    load_ratio = load_day_ratio(scenario.workload)
    idle_w = np.minimum(system.host_idle_w, system.host_busy_w)
    return np.asarray(idle_w + load_ratio * (system.host_busy_w - idle_w))


def _it_w(parts: Parts, scenario: Scenario, world: World, n_systems: Numeric) -> Numeric:
    """IT power of the site by hour of the day; network and storage do not rest with the load."""
    system = world.row(parts.system)
    rated_w = system.n_accelerators * parts.accelerator.power_limit_w + system.host_busy_w
    network_w = rated_w * _fact(parts, world, "network-storage-ratio")
    systems_w = _accelerators_w(parts, scenario, world) + _hosts_w(parts, scenario, world)
    return n_systems * (systems_w + network_w)


def _slowness(capacity: CapacityPlan) -> Spread:
    """Actual over predicted duration."""
    span = 1.0 + _ERROR_SPAN * capacity.error_ratio
    return Spread(best=1.0, low=1.0 / span, high=span)


def _tokens(capacity: CapacityPlan, workload: Workload, n_systems: Numeric, slowness: Numeric) -> TokenShare:
    busy_s = YEAR_S * workload.load_ratio * n_systems / slowness
    return TokenShare(
        prefill_ratio=capacity.prefill_ratio,
        input_tokens=busy_s * capacity.input_tokens_per_s,
        output_tokens=busy_s * capacity.output_tokens_per_s,
    )


def _investment(parts: Parts, world: World, sizing: Sizing) -> Investment:
    eur = _eur(parts, world)
    systems_eur = sizing.n_systems * world.row(parts.system).price_usd * eur
    build_usd_per_w = world.fact(parts.build_cost) * (1.0 + _fact(parts, world, "ai-build-premium"))
    return Investment(
        systems_eur=systems_eur,
        network_eur=systems_eur * _fact(parts, world, "network-storage-cost-ratio"),
        facility_eur=sizing.rated_it_w * build_usd_per_w * eur,
    )


def _embodied_g(
    parts: Parts, world: World, n_systems: Numeric, it_life_years: Numeric
) -> tuple[Numeric, Numeric]:
    """A year's share of the manufacture of accelerators and of the systems around them."""
    system, accelerator = world.row(parts.system), world.row(parts.accelerator)
    accelerators_g = n_systems * system.n_accelerators * accelerator.embodied_g / it_life_years
    return accelerators_g, n_systems * system.embodied_host_g / it_life_years


def _build_numbers(parts: Parts, scenario: Scenario, sizing: Sizing) -> dict[str, Numeric]:
    n_accelerators = sizing.n_systems * parts.system.n_accelerators
    return {
        "contracted_w": scenario.site.contracted_w,
        "n_accelerators": n_accelerators,
        "n_systems": sizing.n_systems,
        "n_racks": np.ceil(sizing.n_systems * parts.system.n_racks),
        "contracted_w_per_accelerator": scenario.site.contracted_w / n_accelerators,
        "rated_it_w": sizing.rated_it_w,
        "peak_facility_w": sizing.peak_facility_w,
    }


def _serve_numbers(parts: Parts, sizing: Sizing, tokens: TokenShare, slowness: Numeric) -> dict[str, Numeric]:
    capacity = parts.capacity
    tokens_per_s = capacity.output_tokens_per_s / slowness
    return {
        "tensor_parallel": float(capacity.tensor_parallel),
        "n_sequences": capacity.n_sequences,
        "first_token_s": capacity.first_token_s * slowness,
        "token_interval_s": capacity.token_interval_s * slowness,
        "accelerator_output_tokens_per_s": tokens_per_s / parts.system.n_accelerators,
        "peak_output_tokens_per_s": tokens_per_s * sizing.n_systems,
        "yearly_input_tokens": tokens.input_tokens,
        "yearly_output_tokens": tokens.output_tokens,
    }


def _run_numbers(year: FacilityYear, embodied_g: Numeric) -> dict[str, Numeric]:
    return {
        "mean_it_w": year.it_j / YEAR_S,
        "mean_facility_w": year.facility_j / YEAR_S,
        "facility_j": year.facility_j,
        "pue_ratio": year.pue_ratio,
        "onsite_water_l_per_kwh": year.onsite_water_l_per_kwh,
        "cue_g_per_kwh": year.cue_g_per_kwh,
        "unmet_heat_ratio": year.unmet_ratio,
        "use_co2_g": year.co2_g,
        "embodied_co2_g": embodied_g,
        "onsite_water_l": year.onsite_water_l,
        "grid_water_l": year.grid_water_l,
    }


def _token_numbers(
    tokens: TokenShare, year: FacilityYear, cost: YearlyCost, embodied_g: Numeric
) -> dict[str, Numeric]:
    totals = {
        "eur": cost.total_eur,
        "co2_g": year.co2_g + embodied_g,
        "water_l": year.onsite_water_l + year.grid_water_l,
    }
    shared = {f"input_{unit}": tokens.per_million_input(total) for unit, total in totals.items()}
    shared |= {f"output_{unit}": tokens.per_million_output(total) for unit, total in totals.items()}
    return {**shared, "output_j_per_token": tokens.per_million_output(year.facility_j) / MILLION}


def _breakdown_w(
    parts: Parts, scenario: Scenario, world: World, *, hours: FacilityHour, n_systems: Numeric
) -> dict[str, Numeric]:
    """Mean power over the year by where it goes; the parts add up to the facility."""
    n_hours = YEAR_S / HOUR_S

    def mean_w(power_w: Numeric) -> Hours:
        return year_sum(day_mean(power_w)) / n_hours

    accelerators_w = mean_w(n_systems * _accelerators_w(parts, scenario, world))
    hosts_w = mean_w(n_systems * _hosts_w(parts, scenario, world))
    return {
        "accelerators": accelerators_w,
        "hosts": hosts_w,
        "network": mean_w(hours.it_w) - accelerators_w - hosts_w,
        "losses": mean_w(hours.loss_w),
        "cooling": mean_w(hours.cooling_w),
        "auxiliary": mean_w(hours.auxiliary_w),
    }
