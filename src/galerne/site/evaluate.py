"""The chain of formulas from a connection to its tokens, on one world or on many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from galerne.perf import weights_bytes
from galerne.site.capacity import CapacityPlan, systems_within
from galerne.site.climate import Calendar, Counts, Hours, year_sum
from galerne.site.cooling import CoolingPractice
from galerne.site.cost import MILLION, Investment, TokenShare, YearlyCost, yearly_cost
from galerne.site.facility import (
    FacilityHour,
    FacilityYear,
    Plant,
    facility_hours,
    peak_ratio,
    sum_year,
)
from galerne.site.load import Demand, demand_of, systems_for
from galerne.site.parts import Parts
from galerne.site.scenario import Scenario, load_shape
from galerne.site.worlds import World
from galerne.spread import Spread
from galerne.units import HOUR_S, KWH_J, YEAR_S, Numeric

_ERROR_SPAN = 2.0  # from a typical relative error to the distance of p5 and p95
PERFORMANCE = "Scenario.performance"
"""By which worlds know how much longer steps take than predicted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizing:
    """What is built; numbers, or arrays of worlds.

    Attributes:
        load_ratio: mean load over the year, over full load.
    """

    n_systems: Numeric
    contracted_w: Numeric
    rated_it_w: Numeric
    peak_facility_w: Numeric
    load_ratio: Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class YearOfSite:
    """The results of one evaluation: figures by name, and where power, money and grams go."""

    numbers: Mapping[str, Numeric]
    breakdown_w: Mapping[str, Numeric]
    breakdown_eur: Mapping[str, Numeric]
    breakdown_g: Mapping[str, Numeric]
    hours: FacilityHour


def evaluate(parts: Parts, scenario: Scenario, world: World) -> YearOfSite:
    """A year of the site and its tokens.

    Args:
        parts: rows of the catalogue, and how one system serves.
        scenario: connection, load, lives and prices.
        world: where ranges become numbers or samples.
    """
    plant = _plant(parts, scenario, world)
    slowness = world.number(PERFORMANCE, _slowness(parts.capacity))
    demand = demand_of(scenario, world)
    sizing = _size(parts, scenario, world, plant=plant, demand=demand, slowness=slowness)
    grid = parts.electricity.grid(world)
    power = _it_power(parts, scenario, world, sizing)
    hours = facility_hours(
        power.it_w,
        rated_it_w=sizing.rated_it_w,
        plant=plant,
        weather=parts.weather,
        grid=grid,
        heat_demand_w=_heat_demand_w(scenario, parts.weather.calendar),
        cell=_cells(parts.weather.calendar),
    )
    year = sum_year(hours, grid=grid)
    tokens = _tokens(parts.capacity, scenario, sizing, demand=demand, slowness=slowness)
    investment = _investment(parts, world, sizing)
    cost = yearly_cost(
        investment,
        discount_ratio=world.number("Money.discount_ratio", scenario.money.discount_ratio),
        it_life_years=(it_life_years := world.number("Money.it_life_years", scenario.money.it_life_years)),
        facility_life_years=world.number("Money.facility_life_years", scenario.money.facility_life_years),
        running_eur=_eur(parts, world) * _fact(parts, world, "facility-running-cost") * sizing.rated_it_w,
        energy_eur=year.energy_eur,
    )
    accelerators_g, hosts_g = _embodied_g(parts, world, sizing.n_systems, it_life_years)
    embodied_g = accelerators_g + hosts_g
    numbers = {
        **_build_numbers(parts, scenario, world, sizing, tokens=tokens, slowness=slowness),
        **_serve_numbers(parts, sizing, tokens, slowness),
        **_run_numbers(year, embodied_g, has_heat=scenario.heat is not None),
        **_money_numbers(parts, world, sizing, investment=investment, cost=cost, year=year),
        **_token_numbers(tokens, year, cost, embodied_g),
    }
    return YearOfSite(
        numbers=numbers,
        breakdown_w=_breakdown_w(power, hours),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ItPower:
    """IT power by hour of a working day, then of a weekend day, shape ``(..., 48)``.

    Of accelerators, hosts, and everything; the rest is network and storage.
    """

    accelerators_w: Hours
    hosts_w: Hours
    it_w: Hours


def _fact(parts: Parts, world: World, fact_id: str) -> Numeric:
    return world.fact(parts.facts[fact_id])


def _eur(parts: Parts, world: World) -> Numeric:
    return _fact(parts, world, "eur-per-usd-2026-08")


def _plant(parts: Parts, scenario: Scenario, world: World) -> Plant:
    return Plant(
        stages=tuple(world.row(stage) for stage in parts.stages),
        installed_ratio=scenario.site.installed_ratio,
        cooling=world.row(parts.cooling),
        practice=CoolingPractice(
            fan_turndown_ratio=_fact(parts, world, "fan-turndown-ratio"),
            air_rise_k=_fact(parts, world, "cooler-air-rise"),
            chiller_slope_per_k=_fact(parts, world, "chiller-cop-slope"),
            chiller_lift_k=_fact(parts, world, "chiller-lift"),
            cycles_of_concentration=_fact(parts, world, "cycles-of-concentration"),
            vaporisation_j_per_l=_fact(parts, world, "vaporisation-heat"),
        ),
        auxiliary_ratio=_fact(parts, world, "site-auxiliary-ratio"),
    )


def _size(
    parts: Parts,
    scenario: Scenario,
    world: World,
    *,
    plant: Plant,
    demand: Demand | None,
    slowness: Numeric,
) -> Sizing:
    """Systems by the load, by their given number, or as many as the connection carries."""
    site, compute, workload = scenario.site, scenario.compute, scenario.workload
    system = world.row(parts.system)
    rated_w = system.n_accelerators * parts.accelerator.power_limit_w + system.host_busy_w
    system_it_w = rated_w * (1.0 + _fact(parts, world, "network-storage-ratio"))
    peak = peak_ratio(plant, parts.weather)
    usable_ratio = 1.0 - site.reserve_ratio
    tokens_per_s = parts.capacity.output_tokens_per_s / slowness
    if demand is not None:
        n_systems = systems_for(demand, tokens_per_s=tokens_per_s)
    elif compute.n_systems is not None:
        n_systems = float(compute.n_systems)
    else:
        assert site.contracted_w is not None  # noqa: S101  # the reader of scenarios has seen to it
        n_systems = systems_within(site.contracted_w * usable_ratio, system_w=system_it_w * peak)
    rated_it_w = n_systems * system_it_w
    needed_w = rated_it_w * peak / usable_ratio
    if demand is None:
        load_ratio: Numeric = workload.load_ratio or 0.0
    else:
        load_ratio = demand.mean_tokens_per_s / (n_systems * tokens_per_s)
    return Sizing(
        n_systems=n_systems,
        contracted_w=needed_w if site.contracted_w is None else site.contracted_w,
        rated_it_w=rated_it_w,
        peak_facility_w=rated_it_w * peak,
        load_ratio=load_ratio,
    )


def _it_power(parts: Parts, scenario: Scenario, world: World, sizing: Sizing) -> ItPower:
    """IT power by kind of day and hour; accelerators stay below their limit, the network does not rest."""
    system = world.row(parts.system)
    shape = load_shape(scenario.workload).ravel()
    load_ratio = np.minimum(sizing.load_ratio * shape, 1.0)
    limit_w = parts.system.n_accelerators * parts.accelerator.power_limit_w
    error = _fact(parts, world, "accelerator-power-error")
    accelerators_w = np.minimum(parts.capacity.accelerators_w(load_ratio) * error, limit_w)
    idle_w = np.minimum(system.host_idle_w, system.host_busy_w)
    hosts_w = idle_w + load_ratio * (system.host_busy_w - idle_w)
    network_w = (limit_w + system.host_busy_w) * _fact(parts, world, "network-storage-ratio")
    n_systems = sizing.n_systems
    return ItPower(
        accelerators_w=np.asarray(n_systems * accelerators_w),
        hosts_w=np.asarray(n_systems * hosts_w),
        it_w=np.asarray(n_systems * (accelerators_w + hosts_w + network_w)),
    )


def _cells(calendar: Calendar) -> Counts:
    """Place of each moment among the 48 hours of a working day and a weekend day."""
    return np.asarray(calendar.weekend * 24 + calendar.hour)


def _heat_demand_w(scenario: Scenario, calendar: Calendar) -> Numeric:
    if scenario.heat is None:
        return 0.0
    wanted = np.isin(calendar.month + 1, scenario.heat.months)
    return np.asarray(np.where(wanted, scenario.heat.contracted_w, 0.0))


def _slowness(capacity: CapacityPlan) -> Spread:
    """Actual over predicted duration."""
    span = 1.0 + _ERROR_SPAN * capacity.error_ratio
    return Spread(best=1.0, low=1.0 / span, high=span)


def _tokens(
    capacity: CapacityPlan, scenario: Scenario, sizing: Sizing, *, demand: Demand | None, slowness: Numeric
) -> TokenShare:
    """Tokens of the year: those that are asked for, or those that the load makes of the capacity."""
    workload = scenario.workload
    if demand is not None:
        output_tokens = demand.mean_tokens_per_s * YEAR_S
    else:
        output_tokens = (
            YEAR_S * sizing.load_ratio * sizing.n_systems * capacity.output_tokens_per_s / slowness
        )
    prompt_tokens = output_tokens * workload.prompt_tokens / workload.output_tokens
    return TokenShare(
        prefill_ratio=capacity.prefill_ratio,
        cached_ratio=capacity.cached_ratio,
        input_tokens=prompt_tokens * (1.0 - workload.cached_ratio),
        cached_tokens=prompt_tokens * workload.cached_ratio,
        output_tokens=output_tokens,
    )


def _investment(parts: Parts, world: World, sizing: Sizing) -> Investment:
    eur = _eur(parts, world)
    systems_eur = sizing.n_systems * world.row(parts.system).price_usd * eur
    build_usd_per_w = (
        world.fact(parts.build_cost)
        * world.fact(parts.facts["build-cost-spread"], scope=parts.build_cost.id)
        * (1.0 + _fact(parts, world, "ai-build-premium"))
    )
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


def _build_numbers(
    parts: Parts, scenario: Scenario, world: World, sizing: Sizing, *, tokens: TokenShare, slowness: Numeric
) -> dict[str, Numeric]:
    capacity, workload = parts.capacity, scenario.workload
    n_accelerators = sizing.n_systems * parts.system.n_accelerators
    text_bytes = _fact(parts, world, "text-bytes-per-token")
    answers_per_s = sizing.n_systems * capacity.output_tokens_per_s / slowness / workload.output_tokens
    answer_bytes = workload.output_tokens * _fact(parts, world, "stream-bytes-per-token")
    numbers: dict[str, Numeric] = {
        "contracted_w": sizing.contracted_w,
        "n_accelerators": n_accelerators,
        "n_systems": sizing.n_systems,
        "n_racks": np.ceil(sizing.n_systems * parts.system.n_racks),
        "contracted_w_per_accelerator": sizing.contracted_w / n_accelerators,
        "rated_it_w": sizing.rated_it_w,
        "peak_facility_w": sizing.peak_facility_w,
        "spare_power_w": sizing.contracted_w - sizing.peak_facility_w,
        "model_storage_bytes": sizing.n_systems * weights_bytes(capacity.plan.model, capacity.plan.format),
        "text_storage_bytes": (tokens.input_tokens + tokens.output_tokens) * text_bytes,
        "client_bytes_per_s": answers_per_s * (answer_bytes + workload.prompt_tokens * text_bytes),
    }
    if scenario.load is not None:
        numbers["n_spare_systems"] = float(scenario.load.n_spare_systems)
    return numbers


def _serve_numbers(parts: Parts, sizing: Sizing, tokens: TokenShare, slowness: Numeric) -> dict[str, Numeric]:
    capacity = parts.capacity
    tokens_per_s = capacity.output_tokens_per_s / slowness
    return {
        "n_devices": float(capacity.n_devices),
        "tensor_parallel": float(capacity.tensor_parallel),
        "n_sequences": capacity.n_sequences,
        "first_token_s": capacity.first_token_s * slowness,
        "token_interval_s": capacity.token_interval_s * slowness,
        "tail_first_token_s": capacity.tail_first_token_s * slowness,
        "tail_token_interval_s": capacity.tail_token_interval_s * slowness,
        "accelerator_output_tokens_per_s": tokens_per_s / parts.system.n_accelerators,
        "peak_output_tokens_per_s": tokens_per_s * sizing.n_systems,
        "load_ratio": sizing.load_ratio,
        "yearly_input_tokens": tokens.input_tokens,
        "yearly_cached_tokens": tokens.cached_tokens,
        "yearly_output_tokens": tokens.output_tokens,
    }


def _run_numbers(year: FacilityYear, embodied_g: Numeric, *, has_heat: bool) -> dict[str, Numeric]:
    numbers: dict[str, Numeric] = {
        "mean_it_w": year.it_j / YEAR_S,
        "mean_facility_w": year.facility_j / YEAR_S,
        "facility_j": year.facility_j,
        "pue_ratio": year.pue_ratio,
        "onsite_water_l_per_kwh": year.onsite_water_l_per_kwh,
        "cue_g_per_kwh": year.cue_g_per_kwh,
        "cer_ratio": year.cer_ratio,
        "unmet_heat_ratio": year.unmet_ratio,
        "use_co2_g": year.co2_g,
        "embodied_co2_g": embodied_g,
        "onsite_water_l": year.onsite_water_l,
        "grid_water_l": year.grid_water_l,
    }
    if year.direct_co2_g is not None:
        numbers["use_direct_co2_g"] = year.direct_co2_g
    if year.market_co2_g is not None:
        numbers["use_market_co2_g"] = year.market_co2_g
    if has_heat:
        numbers |= {"erf_ratio": year.erf_ratio, "reused_j": year.reused_j}
    return numbers


def _money_numbers(
    parts: Parts,
    world: World,
    sizing: Sizing,
    *,
    investment: Investment,
    cost: YearlyCost,
    year: FacilityYear,
) -> dict[str, Numeric]:
    return {
        "systems_usd": sizing.n_systems * world.row(parts.system).price_usd,
        "investment_eur": investment.total_eur,
        "yearly_cost_eur": cost.total_eur,
        "yearly_depreciation_eur": cost.capital_eur - cost.interest_eur,
        "yearly_interest_eur": cost.interest_eur,
        "yearly_running_eur": cost.running_eur,
        "yearly_energy_eur": cost.energy_eur,
        "electricity_eur_per_kwh": cost.energy_eur / year.facility_j * KWH_J,
    }


def _token_numbers(
    tokens: TokenShare, year: FacilityYear, cost: YearlyCost, embodied_g: Numeric
) -> dict[str, Numeric]:
    numbers: dict[str, Numeric] = {}
    for unit, total in (
        ("eur", cost.total_eur),
        ("co2_g", year.co2_g + embodied_g),
        ("water_l", year.onsite_water_l + year.grid_water_l),
    ):
        numbers[f"input_{unit}"] = tokens.per_million_input(total)
        if np.all(np.asarray(tokens.cached_tokens) > 0):
            numbers[f"cached_{unit}"] = tokens.per_million_cached(total)
        numbers[f"output_{unit}"] = tokens.per_million_output(total)
    if year.market_co2_g is not None:
        numbers["output_market_co2_g"] = tokens.per_million_output(year.market_co2_g + embodied_g)
    return {**numbers, "output_j_per_token": tokens.per_million_output(year.facility_j) / MILLION}


def _breakdown_w(power: ItPower, hours: FacilityHour) -> dict[str, Numeric]:
    """Mean power over the year by where it goes; the parts add up to the facility."""
    n_hours = YEAR_S / HOUR_S
    share = np.bincount(_cells(hours.calendar), weights=hours.calendar.duration_s, minlength=48) / YEAR_S

    def mean_w(power_w: Numeric) -> Hours:
        return year_sum(power_w, hours.calendar) / n_hours

    accelerators_w, hosts_w = (
        np.asarray(w @ share)[..., None] for w in (power.accelerators_w, power.hosts_w)
    )
    return {
        "accelerators": accelerators_w,
        "hosts": hosts_w,
        "network": mean_w(hours.it_w) - accelerators_w - hosts_w,
        "losses": mean_w(hours.loss_w),
        "cooling": mean_w(hours.cooling_w),
        "auxiliary": mean_w(hours.auxiliary_w),
    }
