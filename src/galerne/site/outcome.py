"""What a year of a site comes to, as numbers by the names of the plan's figures."""

from __future__ import annotations

import numpy as np

from galerne.perf import weights_bytes
from galerne.site.building.connection import connection_steps, served_over_horizon
from galerne.site.building.facility import FacilityYear
from galerne.site.capacity.sizing import Sizing, fact_of
from galerne.site.cost import MILLION, Investment, TokenShare, YearlyCost
from galerne.site.scenario.parts import Parts
from galerne.site.scenario.records import Scenario
from galerne.site.worlds import World
from galerne.units import KWH_J, YEAR_S, Numeric


def build_numbers(
    parts: Parts, scenario: Scenario, world: World, sizing: Sizing, *, tokens: TokenShare, slowness: Numeric
) -> dict[str, Numeric]:
    """What is built."""
    capacity, workload = parts.capacity, scenario.workload
    n_accelerators = sizing.n_systems * parts.system.n_accelerators
    text_bytes = fact_of(parts, world, "text-bytes-per-token")
    answers_per_s = sizing.n_systems * capacity.output_tokens_per_s / slowness / workload.output_tokens
    answer_bytes = workload.output_tokens * fact_of(parts, world, "stream-bytes-per-token")
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


def connection_numbers(
    parts: Parts, scenario: Scenario, world: World, sizing: Sizing, *, year: FacilityYear, slowness: Numeric
) -> dict[str, Numeric]:
    """How the connection is used, and what its steps let be served."""
    numbers: dict[str, Numeric] = {"contracted_use_ratio": year.facility_j / YEAR_S / sizing.contracted_w}
    if scenario.phases:
        steps = connection_steps(scenario, world, lead=parts.lead)
        numbers["connection_wait_years"] = steps[-1].comes_year
        numbers["horizon_served_ratio"] = served_over_horizon(
            scenario,
            world,
            steps=steps,
            system_w=sizing.system_w,
            tokens_per_s=parts.capacity.output_tokens_per_s / slowness,
        )
    return numbers


def serve_numbers(parts: Parts, sizing: Sizing, tokens: TokenShare, slowness: Numeric) -> dict[str, Numeric]:
    """What it serves."""
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


def run_numbers(year: FacilityYear, embodied_g: Numeric, *, has_heat: bool) -> dict[str, Numeric]:
    """Energy, grams and litres of a year."""
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


def money_numbers(
    parts: Parts,
    world: World,
    sizing: Sizing,
    *,
    investment: Investment,
    cost: YearlyCost,
    year: FacilityYear,
) -> dict[str, Numeric]:
    """Euros."""
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


def token_numbers(
    tokens: TokenShare, year: FacilityYear, cost: YearlyCost, embodied_g: Numeric
) -> dict[str, Numeric]:
    """What a million tokens come to."""
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
