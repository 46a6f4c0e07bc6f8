"""The grid connection in steps: when each comes, and what is served until it does.

A step comes in its agreed year, or the lead time of the country after it was ordered. While the demand asks
for more power than there is, as many systems run as the power carries; what the busiest hours ask beyond them
is not answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from galerne.catalog import Catalog, Fact, ZoneFactor
from galerne.errors import InvalidScenario
from galerne.site.capacity.load import Demand, demand_of
from galerne.site.scenario.records import Scenario, load_shape
from galerne.site.worlds import World
from galerne.units import Numeric

_DAYS_RATIO = np.repeat([5.0 / 7.0, 2.0 / 7.0], 24) / 24.0  # of the week: hours of working days, of weekends


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A step of the connection: its power, and the year of the horizon in which it comes."""

    contracted_w: float
    comes_year: Numeric


def find_lead(catalog: Catalog, zone: ZoneFactor) -> Fact | None:
    """Years from the order of a connection to its power, published for a country; None where nothing is."""
    return catalog.facts.rows.get(f"connection-lead-{zone.id.lower()}")


def require_leads(scenario: Scenario, lead: Fact | None, *, zone: ZoneFactor) -> None:
    """Refuse a step of which nobody can say when it comes.

    Raises:
        InvalidScenario: it has no year, no lead time, and none is known of its country.
    """
    for number, phase in enumerate(scenario.phases):
        if phase.year is None and phase.lead_years is None and lead is None:
            problem = f"no lead time of a connection is known for the zone {zone.id}; give one, or the year"
            raise InvalidScenario(path=f"phases[{number}].lead_years", problem=problem)


def connection_steps(scenario: Scenario, world: World, *, lead: Fact | None) -> tuple[Step, ...]:
    """The steps of the connection, today's first; without ``[[phases]]`` there is at most that one.

    Args:
        scenario: its connection and phases.
        world: where ranges become numbers or samples.
        lead: what is known of the country.
    """
    today_w = scenario.site.contracted_w
    steps = [] if today_w is None else [Step(contracted_w=today_w, comes_year=0.0)]
    for number, phase in enumerate(scenario.phases):
        if phase.year is not None:
            comes: Numeric = phase.year
        elif phase.lead_years is not None:
            comes = phase.ordered_year + world.number(f"Phase.lead_years@{number + 1}", phase.lead_years)
        else:
            assert lead is not None  # noqa: S101  # refused by require_leads
            comes = phase.ordered_year + world.fact(lead)
        steps.append(Step(contracted_w=phase.contracted_w, comes_year=comes))
    return tuple(steps)


def final_w(scenario: Scenario) -> float | None:
    """Power of the connection once all of its steps are there; None where the systems decide it."""
    return scenario.phases[-1].contracted_w if scenario.phases else scenario.site.contracted_w


def served_ratio(
    demand: Demand, scenario: Scenario, *, power_w: Numeric, system_w: Numeric, tokens_per_s: Numeric
) -> Numeric:
    """Share of a year's tokens that a power lets be written; 1 where it carries the systems that are needed.

    Args:
        demand: what is asked in that year.
        scenario: for the shape of its days.
        power_w: of the connection.
        system_w: that one system takes of it, at the worst hour and with the reserve.
        tokens_per_s: of one system at full load.
    """
    n_systems = np.floor(np.atleast_1d(power_w / system_w) + 1e-9) - demand.n_spare_systems
    carried = np.maximum(n_systems, 0.0) * tokens_per_s * demand.busiest_ratio / demand.mean_tokens_per_s
    shape = load_shape(scenario.workload).ravel()
    return np.asarray(np.minimum(shape, carried) @ _DAYS_RATIO)[..., None]


def served_in_year(
    scenario: Scenario,
    world: World,
    *,
    year: int,
    steps: Sequence[Step],
    system_w: Numeric,
    tokens_per_s: Numeric,
) -> Numeric:
    """Share of the tokens asked for in a year of the horizon that are served, part of the year by step."""
    demand = demand_of(scenario, world, year=year)
    assert demand is not None  # noqa: S101  # there is a load

    def served(power_w: float) -> Numeric:
        return served_ratio(demand, scenario, power_w=power_w, system_w=system_w, tokens_per_s=tokens_per_s)

    total: Numeric = 0.0
    before: Numeric = 0.0
    for step in steps:
        now = np.maximum(served(step.contracted_w), before)
        total = total + (now - before) * np.clip(year + 1.0 - step.comes_year, 0.0, 1.0)
        before = now
    return total


def served_over_horizon(
    scenario: Scenario,
    world: World,
    *,
    steps: Sequence[Step],
    system_w: Numeric,
    tokens_per_s: Numeric,
) -> Numeric:
    """Share of all tokens asked for from the first year of the horizon to its last that are served."""
    load = scenario.load
    assert load is not None  # noqa: S101  # phases need a load
    asked = [(1.0 + load.growth_ratio) ** year for year in range(load.horizon_years + 1)]
    served = sum(
        weight
        * served_in_year(
            scenario, world, year=year, steps=steps, system_w=system_w, tokens_per_s=tokens_per_s
        )
        for year, weight in enumerate(asked)
    )
    return served / sum(asked)
