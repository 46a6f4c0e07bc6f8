"""The chain of formulas from a connection to its tokens, on one world or on many at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from galerne.site.building.climate import Calendar, Counts, Hours, year_sum
from galerne.site.building.facility import FacilityHour, facility_hours, sum_year
from galerne.site.capacity.load import Demand, demand_of
from galerne.site.capacity.serving import CapacityPlan
from galerne.site.capacity.sizing import (
    ItPower,
    Sizing,
    eur_per_usd,
    fact_of,
    it_power,
    plant_of,
    size_site,
)
from galerne.site.cost import Investment, TokenShare, yearly_cost
from galerne.site.outcome import (
    build_numbers,
    connection_numbers,
    money_numbers,
    run_numbers,
    serve_numbers,
    token_numbers,
)
from galerne.site.scenario.parts import Parts
from galerne.site.scenario.records import Scenario
from galerne.site.worlds import World, flat
from galerne.units import HOUR_S, YEAR_S, Numeric

PERFORMANCE = "Scenario.performance"
"""By which worlds know how much longer steps take than predicted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class YearOfSite:
    """The results of one evaluation: figures by name, and where power, money and grams go.

    Attributes:
        system_w: of the connection that one system takes, in the first world.
    """

    numbers: Mapping[str, Numeric]
    breakdown_w: Mapping[str, Numeric]
    breakdown_eur: Mapping[str, Numeric]
    breakdown_g: Mapping[str, Numeric]
    hours: FacilityHour
    system_w: float


def evaluate(parts: Parts, scenario: Scenario, world: World) -> YearOfSite:
    """A year of the site and its tokens.

    Args:
        parts: rows of the catalogue, and how one system serves.
        scenario: connection, load, lives and prices.
        world: where ranges become numbers or samples.
    """
    plant = plant_of(parts, scenario, world)
    slowness = world.number(PERFORMANCE, parts.capacity.plan.duration)
    demand = demand_of(scenario, world)
    sizing = size_site(parts, scenario, world, plant=plant, demand=demand, slowness=slowness)
    grid = parts.electricity.grid(world)
    power = it_power(parts, scenario, world, sizing)
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
        running_eur=eur_per_usd(parts, world)
        * fact_of(parts, world, "facility-running-cost")
        * sizing.rated_it_w,
        energy_eur=year.energy_eur,
    )
    accelerators_g, hosts_g = _embodied_g(parts, world, sizing.n_systems, it_life_years)
    embodied_g = accelerators_g + hosts_g
    numbers = {
        **build_numbers(parts, scenario, world, sizing, tokens=tokens, slowness=slowness),
        **serve_numbers(parts, sizing, tokens, slowness),
        **run_numbers(year, embodied_g, has_heat=scenario.heat is not None),
        **money_numbers(parts, world, sizing, investment=investment, cost=cost, year=year),
        **token_numbers(tokens, year, cost, embodied_g),
        **connection_numbers(parts, scenario, world, sizing, year=year, slowness=slowness),
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
        system_w=float(flat(sizing.system_w)[0]),
    )


def _cells(calendar: Calendar) -> Counts:
    """Place of each moment among the 48 hours of a working day and a weekend day."""
    return np.asarray(calendar.weekend * 24 + calendar.hour)


def _heat_demand_w(scenario: Scenario, calendar: Calendar) -> Numeric:
    if scenario.heat is None:
        return 0.0
    wanted = np.isin(calendar.month + 1, scenario.heat.months)
    return np.asarray(np.where(wanted, scenario.heat.contracted_w, 0.0))


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
    eur = eur_per_usd(parts, world)
    systems_eur = sizing.n_systems * world.row(parts.system).price_usd * eur
    build_usd_per_w = (
        world.fact(parts.build_cost)
        * world.fact(parts.facts["build-cost-spread"], scope=parts.build_cost.id)
        * (1.0 + fact_of(parts, world, "ai-build-premium"))
    )
    return Investment(
        systems_eur=systems_eur,
        network_eur=systems_eur * fact_of(parts, world, "network-storage-cost-ratio"),
        facility_eur=sizing.rated_it_w * build_usd_per_w * eur,
    )


def _embodied_g(
    parts: Parts, world: World, n_systems: Numeric, it_life_years: Numeric
) -> tuple[Numeric, Numeric]:
    """A year's share of the manufacture of accelerators and of the systems around them."""
    system, accelerator = world.row(parts.system), world.row(parts.accelerator)
    accelerators_g = n_systems * system.n_accelerators * accelerator.embodied_g / it_life_years
    return accelerators_g, n_systems * system.embodied_host_g / it_life_years


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
