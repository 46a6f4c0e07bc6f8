"""Ways to run a model on some accelerators: throughput, latency, cost and energy of each, and their front.

A configuration is a layout of the replica (tensor, pipeline and data parallel) with a number of sequences; as
many replicas as fit stand side by side. Its cost is that of systems, network and electricity at full load:
building and staff belong to the site.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from galerne.catalog import Catalog, SystemSpec
from galerne.errors import Infeasible
from galerne.perf import ServingPlan
from galerne.site.capacity.batching import Steps, batch_sizes, steady_steps
from galerne.site.capacity.replicas import most_sequences, replica_layouts, system_machine
from galerne.site.capacity.serving import at_percentile, require_reachable
from galerne.site.capacity.tails import DEFAULT_RATIO
from galerne.site.cost import MILLION, capital_recovery_ratio
from galerne.site.scenario.parts import Parts, engine_limits, find_parts
from galerne.site.scenario.records import Scenario
from galerne.site.worlds import best_world, flat
from galerne.units import KWH_J, YEAR_S

_MOST_TENSOR = 8
_STAGES = (1, 2, 4, 8)
_COLUMNS = ("output_tokens_per_s", "token_interval_s", "output_eur", "j_per_token")
_SIGNS = np.array([-1.0, 1.0, 1.0, 1.0])  # more tokens are better, less of the others


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """One way to serve.

    Attributes:
        n_replicas: replicas side by side.
        n_sequences: of one replica.
        output_tokens_per_s: of all replicas together.
        output_eur: euros of systems and electricity per million written tokens, prompts included.
        j_per_token: IT joules per written token, prompts included.
        tail_token_interval_s: at the objective's percentile, the 95th without one; ``tail_first_token_s``
            likewise.
        meets_objective: whether both times of the objective are kept, at its percentile where it has one.
    """

    tensor_parallel: int
    pipeline_parallel: int
    data_parallel: int
    n_replicas: int
    n_sequences: float
    output_tokens_per_s: float
    token_interval_s: float
    first_token_s: float
    tail_token_interval_s: float
    tail_first_token_s: float
    output_eur: float
    j_per_token: float
    meets_objective: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigurationSearch:
    """What was found.

    Attributes:
        n_tried: points of layout and batch that were reckoned.
        best: by throughput, cost and energy, under the objective.
        front: configurations under the objective that none beats in everything, most tokens first.
        error_ratio: typical relative error of the times.
    """

    scenario: Scenario
    n_accelerators: int
    n_tried: int
    best: dict[str, Configuration]
    front: tuple[Configuration, ...]
    error_ratio: float


def search_configurations(
    scenario: Scenario, *, catalog: Catalog, n_accelerators: int, most_on_front: int = 12
) -> ConfigurationSearch:
    """The best ways to run the scenario's model on some of its accelerators.

    Args:
        scenario: model, system, workload, objective and prices.
        catalog: facts.
        n_accelerators: to use; a replica stays within one system.
        most_on_front: configurations kept of the front, evenly along it.

    Raises:
        InvalidScenario: the scenario names something that the catalogue does not know.
        Infeasible: no layout fits or is fast enough; names what binds and by how much.
    """
    parts = find_parts(scenario, catalog)
    limits = engine_limits(catalog)
    workload, objective = scenario.workload, scenario.objective
    machine = system_machine(catalog, parts.system)
    layouts = [
        plan
        for plan in replica_layouts(
            catalog,
            parts.capacity.plan.model,
            parts.capacity.plan.format,
            machine,
            context_tokens=round(workload.prompt_tokens + workload.output_tokens),
            most_tensor_parallel=_MOST_TENSOR,
            stages=_STAGES,
        )
        if plan.n_devices <= n_accelerators
    ]
    tried: list[tuple[ServingPlan, Steps]] = []
    for plan in layouts:
        most = most_sequences(plan, workload=workload, limits=limits)
        if most >= 1:
            steps = steady_steps(
                plan,
                batch_sizes(most),
                workload=workload,
                limits=limits,
                tail_ratio=objective.percentile_ratio or DEFAULT_RATIO,
                most=most,
            )
            tried.append((plan, steps))
    if not tried:
        smallest = parts.capacity.n_devices
        raise Infeasible(
            binding_constraint="accelerators of one replica",
            needed=float(smallest),
            available=float(n_accelerators),
            unit="accelerators",
        )
    require_reachable([steps for _, steps in tried], objective)
    points = [
        point for plan, steps in tried for point in _points(plan, steps, parts, scenario, n_accelerators)
    ]
    good = [point for point in points if point.meets_objective]
    if not good:
        judged = [steps.judged(objective) for _, steps in tried]
        in_time = [first_s[interval_s <= objective.token_interval_s] for interval_s, first_s in judged]
        raise Infeasible(
            binding_constraint=at_percentile(
                "time to first token at the wanted time per output token", objective
            ),
            needed=float(min(waits.min() for waits in in_time if waits.size)),
            available=objective.first_token_s,
            unit="s",
        )
    return ConfigurationSearch(
        scenario=scenario,
        n_accelerators=n_accelerators,
        n_tried=len(points),
        best={
            "throughput": max(good, key=lambda point: point.output_tokens_per_s),
            "latency": min(good, key=lambda point: point.token_interval_s),
            "cost": min(good, key=lambda point: point.output_eur),
            "energy": min(good, key=lambda point: point.j_per_token),
        },
        front=_front(good, most_on_front),
        error_ratio=parts.capacity.error_ratio,
    )


def _points(
    plan: ServingPlan, steps: Steps, parts: Parts, scenario: Scenario, n_accelerators: int
) -> list[Configuration]:
    """Every batch of one layout."""
    system, objective = parts.system, scenario.objective
    n_replicas = n_accelerators // plan.n_devices
    used_ratio = n_replicas * plan.n_devices / n_accelerators
    tokens_per_s = steps.output_tokens_per_s * n_replicas
    host_w = system.host_busy_w / system.n_accelerators * n_accelerators
    idle_w = plan.machine.accelerators[0].idle_w * n_accelerators * (1.0 - used_ratio)
    it_w = steps.accelerator_w * n_replicas + host_w + idle_w
    yearly_eur = _capital_eur(parts, scenario, system) * n_accelerators + it_w * YEAR_S / KWH_J * float(
        np.mean(flat(parts.electricity.price_eur_per_kwh(best_world())))
    )
    eur = yearly_eur / (tokens_per_s * YEAR_S) * MILLION
    good = steps.meeting(objective)
    return [
        Configuration(
            tensor_parallel=plan.tensor_parallel,
            pipeline_parallel=plan.pipeline_parallel,
            data_parallel=plan.data_parallel,
            n_replicas=n_replicas,
            n_sequences=float(steps.n_sequences[i]),
            output_tokens_per_s=float(tokens_per_s[i]),
            token_interval_s=float(steps.token_interval_s[i]),
            first_token_s=float(steps.first_token_s[i]),
            tail_token_interval_s=float(steps.tail_token_interval_s[i]),
            tail_first_token_s=float(steps.tail_first_token_s[i]),
            output_eur=float(eur[i]),
            j_per_token=float(it_w[i] / tokens_per_s[i]),
            meets_objective=bool(good[i]),
        )
        for i in range(steps.n_sequences.size)
    ]


def _capital_eur(parts: Parts, scenario: Scenario, system: SystemSpec) -> float:
    """A year's share of the price of one accelerator, its share of host and network included."""
    money = scenario.money
    ratio = float(
        capital_recovery_ratio(discount_ratio=money.discount_ratio.best, life_years=money.it_life_years.best)
    )
    network_ratio = 1.0 + parts.facts["network-storage-cost-ratio"].value
    eur = parts.facts["eur-per-usd-2026-08"].value
    return system.price_usd / system.n_accelerators * eur * network_ratio * ratio


def _front(points: list[Configuration], most: int) -> tuple[Configuration, ...]:
    """Points that none beats in everything, thinned evenly along the throughput."""
    table = np.array([[getattr(point, name) for name in _COLUMNS] for point in points]) * _SIGNS
    kept: list[int] = []
    front: npt.NDArray[np.float64] = np.empty((0, len(_COLUMNS)))
    for i in np.lexsort(table.T[::-1]):
        if not (front <= table[i]).all(axis=1).any():
            kept.append(int(i))
            front = np.vstack([front, table[i]])
    if len(kept) > most:
        kept = [kept[i] for i in np.unique(np.linspace(0, len(kept) - 1, most).round().astype(int))]
    return tuple(points[i] for i in kept)


def search_to_json(search: ConfigurationSearch) -> dict[str, Any]:
    """The search as plain values."""
    return {
        "model": search.scenario.compute.model,
        "system": search.scenario.compute.system,
        "n_accelerators": search.n_accelerators,
        "n_tried": search.n_tried,
        "error_ratio": search.error_ratio,
        "best": {name: dataclasses.asdict(point) for name, point in search.best.items()},
        "front": [dataclasses.asdict(point) for point in search.front],
    }
