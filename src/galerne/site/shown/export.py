"""A plan for programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from galerne.catalog import Fact
from galerne.site.building.climate import month_hour_mean
from galerne.site.building.facility import FacilityHour
from galerne.site.figures import FIGURES
from galerne.site.plan import SitePlan
from galerne.site.provenance import trace_plan
from galerne.site.shown.watch import watch_plan


def plan_to_json(plan: SitePlan) -> dict[str, Any]:
    """The plan as an object of plain values, ready for ``json.dumps``.

    Every figure carries its unit, its 5th and 95th percentile, its method and the keys of its sources;
    totals of the section ``run`` are of a year. Hours are the mean day of each
    month, January first, midnight first, in local standard time.
    """
    scenario = plan.scenario
    return {
        "made_with": _fields(trace_plan(plan)),
        "scenario": {
            "name": scenario.site.name,
            "fingerprint": scenario.fingerprint,
            "seed": scenario.sampling.seed,
            "n_samples": scenario.sampling.n_samples,
        },
        "chosen": {
            "place": plan.place.id,
            "zone": plan.zone.id,
            "system": plan.system.id,
            "accelerator": plan.accelerator.id,
            "model": plan.model.id,
            "weight_format": plan.weight_format.id,
            "cooling_plant": plan.cooling_plant.id,
            "power_stages": [stage.id for stage in plan.power_stages],
            "g_per_kwh": plan.zone.g_per_kwh,
        },
        "objective": {
            "percentile_ratio": scenario.objective.percentile_ratio,
            "tail_ratio": plan.capacity.tail_ratio,
            "tail_token_interval_s": plan.capacity.tail_token_interval_s,
            "tail_first_token_s": plan.capacity.tail_first_token_s,
            "keeps_tail": plan.capacity.tail_token_interval_s <= scenario.objective.token_interval_s
            and plan.capacity.tail_first_token_s <= scenario.objective.first_token_s,
        },
        "figures": [
            {"section": FIGURES[name].section, **_fields(figure)} for name, figure in plan.figures.items()
        ],
        "watch": [_fields(watch) for watch in watch_plan(plan)],
        "facts": [_fact(fact) for fact in plan.facts],
        "breakdown": {
            "facility_w": dict(plan.breakdown_w),
            "yearly_cost_eur": dict(plan.breakdown_eur),
            "yearly_co2_g": dict(plan.breakdown_g),
        },
        "hours": _mean_days(plan.hours),
        "tornado": [_fields(swing) for swing in plan.tornado],
        "growth": [_fields(year) for year in plan.growth],
        "reported": [_fields(row) for row in plan.comparisons],
        "sources": {key: _fields(source) for key, source in plan.sources.items()},
    }


def _fields(record: Any) -> dict[str, Any]:
    """A flat record as an object."""
    return {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}


def _fact(fact: Fact) -> dict[str, Any]:
    """A figure of the catalogue that the plan rests on."""
    spread = fact.spread.get("value")
    return {
        "id": fact.id,
        "value": fact.value,
        "unit": fact.unit,
        "low": spread.low if spread else fact.value,
        "high": spread.high if spread else fact.value,
        "source": fact.sources.get("value") or fact.sources["default"],
    }


def _mean_days(hours: FacilityHour) -> dict[str, Any]:
    """The mean day of each month: twelve lists of 24 numbers for each quantity."""
    names = [f.name for f in dataclasses.fields(hours) if f.name not in ("grid", "calendar")]
    return {
        name: month_hour_mean(getattr(hours, name), hours.calendar).tolist()
        for name in (*names, "co2_g", "eur")
    }
