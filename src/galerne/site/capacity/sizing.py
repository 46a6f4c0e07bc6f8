"""How large a site must be: systems by load, count or connection; its plant; its IT power by the hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galerne.site.building.climate import Hours
from galerne.site.building.connection import final_w
from galerne.site.building.cooling import CoolingPractice
from galerne.site.building.facility import Plant, peak_ratio
from galerne.site.capacity.load import Demand, systems_for
from galerne.site.capacity.serving import systems_within
from galerne.site.scenario.parts import Parts
from galerne.site.scenario.records import Scenario, load_shape
from galerne.site.worlds import World
from galerne.units import Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizing:
    """What is built; numbers, or arrays of worlds.

    Attributes:
        system_w: of the connection that one system takes, at the worst hour and with the reserve.
        load_ratio: mean load over the year, over full load.
    """

    n_systems: Numeric
    contracted_w: Numeric
    rated_it_w: Numeric
    peak_facility_w: Numeric
    system_w: Numeric
    load_ratio: Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class ItPower:
    """IT power by hour of a working day, then of a weekend day, shape ``(..., 48)``.

    Of accelerators, hosts, and everything; the rest is network and storage.
    """

    accelerators_w: Hours
    hosts_w: Hours
    it_w: Hours


def plant_of(parts: Parts, scenario: Scenario, world: World) -> Plant:
    """Power chain and cooling around the IT."""
    return Plant(
        stages=tuple(world.row(stage) for stage in parts.stages),
        installed_ratio=scenario.site.installed_ratio,
        cooling=world.row(parts.cooling),
        practice=CoolingPractice(
            fan_turndown_ratio=fact_of(parts, world, "fan-turndown-ratio"),
            air_rise_k=fact_of(parts, world, "cooler-air-rise"),
            chiller_slope_per_k=fact_of(parts, world, "chiller-cop-slope"),
            chiller_lift_k=fact_of(parts, world, "chiller-lift"),
            cycles_of_concentration=fact_of(parts, world, "cycles-of-concentration"),
            vaporisation_j_per_l=fact_of(parts, world, "vaporisation-heat"),
        ),
        auxiliary_ratio=fact_of(parts, world, "site-auxiliary-ratio"),
    )


def size_site(
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
    system_it_w = rated_w * (1.0 + fact_of(parts, world, "network-storage-ratio"))
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
    connection_w = final_w(scenario)
    needed_w = rated_it_w * peak / usable_ratio
    if demand is None:
        load_ratio: Numeric = workload.load_ratio or 0.0
    else:
        load_ratio = demand.mean_tokens_per_s / (n_systems * tokens_per_s)
    return Sizing(
        n_systems=n_systems,
        contracted_w=needed_w if connection_w is None else connection_w,
        rated_it_w=rated_it_w,
        peak_facility_w=rated_it_w * peak,
        system_w=system_it_w * peak / usable_ratio,
        load_ratio=load_ratio,
    )


def it_power(parts: Parts, scenario: Scenario, world: World, sizing: Sizing) -> ItPower:
    """IT power by kind of day and hour; accelerators stay below their limit, the network does not rest."""
    system = world.row(parts.system)
    shape = load_shape(scenario.workload).ravel()
    load_ratio = np.minimum(sizing.load_ratio * shape, 1.0)
    limit_w = parts.system.n_accelerators * parts.accelerator.power_limit_w
    error = fact_of(parts, world, "accelerator-power-error")
    accelerators_w = np.minimum(parts.capacity.accelerators_w(load_ratio) * error, limit_w)
    idle_w = np.minimum(system.host_idle_w, system.host_busy_w)
    hosts_w = idle_w + load_ratio * (system.host_busy_w - idle_w)
    network_w = (limit_w + system.host_busy_w) * fact_of(parts, world, "network-storage-ratio")
    n_systems = sizing.n_systems
    return ItPower(
        accelerators_w=np.asarray(n_systems * accelerators_w),
        hosts_w=np.asarray(n_systems * hosts_w),
        it_w=np.asarray(n_systems * (accelerators_w + hosts_w + network_w)),
    )


def fact_of(parts: Parts, world: World, fact_id: str) -> Numeric:
    """A single figure of the catalogue."""
    return world.fact(parts.facts[fact_id])


def eur_per_usd(parts: Parts, world: World) -> Numeric:
    """Euros for a dollar."""
    return fact_of(parts, world, "eur-per-usd-2026-08")
