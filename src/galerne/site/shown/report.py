"""The plan as one page that a planner can defend line by line, print and keep: no script, no other file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

import jinja2
from markupsafe import Markup

from galerne.catalog import Row, Source
from galerne.language import Language
from galerne.site.building.climate import month_hour_mean
from galerne.site.figures import FIGURES, SECTIONS
from galerne.site.plan import SitePlan
from galerne.site.provenance import trace_plan
from galerne.site.shown.charts import (
    draw_chip_to_connection,
    draw_costs,
    draw_day,
    draw_grams,
    draw_tornado,
    draw_watts,
)
from galerne.site.shown.worded import warn_of, word_growth
from galerne.site.shown.wording import Wording, wording_in
from galerne.spread import Spread

_SCENARIO_UNITS = {
    "_s": "s",
    "_w": "W",
    "_eur_per_kwh": "EUR/kWh",
    "_g_per_kwh": "g/kWh",
}


_CHARTS: Mapping[str, Callable[[SitePlan, Wording], str]] = {
    "power": draw_chip_to_connection,
    "watts": draw_watts,
    "day": draw_day,
    "costs": draw_costs,
    "grams": draw_grams,
    "tornado": draw_tornado,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumption:
    """One line of the assumptions: what, how much, from where."""

    name: str
    value: str
    span: str
    source: Source


def render_report(
    plan: SitePlan, *, language: Language, on_progress: Callable[[float], None] | None = None
) -> str:
    """The report of a plan as one HTML page.

    Args:
        plan: what to report.
        language: of the reader.
        on_progress: told the share that is done.
    """
    wording = wording_in(language)
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = resources.files("galerne.site.shown").joinpath("report.html.j2").read_text(encoding="utf-8")
    numbers = _number_sources(plan)
    facility_w, it_w = (
        month_hour_mean(power_w, plan.hours.calendar).sum(axis=1)
        for power_w in (plan.hours.facility_w, plan.hours.it_w)
    )
    pue = facility_w / it_w
    charts: dict[str, str] = {}
    for number, (name, draw) in enumerate(_CHARTS.items(), start=1):
        charts[name] = draw(plan, wording)
        if on_progress:
            on_progress(number / len(_CHARTS))
    return environment.from_string(text).render(
        plan=plan,
        say=wording.phrases,
        wording=wording,
        sections=[(name, _figures_of(plan, name)) for name in SECTIONS],
        headlines=("n_accelerators", "pue_ratio", "output_eur", "output_co2_g"),
        kinds=FIGURES,
        charts={name: Markup(svg) for name, svg in charts.items()},  # noqa: S704  # drawn by us, text escaped
        assumptions=tuple(_assumptions(plan, wording)),
        source_numbers=numbers,
        references=functools.partial(_references, numbers),
        pue_low=wording.number(float(pue.min()), digits=4),
        pue_high=wording.number(float(pue.max()), digits=4),
        chip_share=wording.percent(plan.breakdown_w["accelerators"] / sum(plan.breakdown_w.values())),
        warnings=list(warn_of(plan, wording)),
        growth=word_growth(plan, wording),
        made=trace_plan(plan),
    )


def _number_sources(plan: SitePlan) -> dict[str, int]:
    """Sources in the order in which figures first rest on them, so that references run together."""
    keys = dict.fromkeys(key for figure in plan.figures.values() for key in figure.sources)
    keys |= dict.fromkeys(plan.sources)
    return {key: number for number, key in enumerate(keys, start=1)}


def _references(numbers: Mapping[str, int], keys: Iterable[str]) -> list[tuple[int, str]]:
    """Reference numbers as runs: the first number of each, and its text such as ``3-7``."""
    wanted = sorted(numbers[key] for key in keys)
    runs: list[list[int]] = []
    for number in wanted:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [(run[0], f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0])) for run in runs]


def _figures_of(plan: SitePlan, section: str) -> list[str]:
    return [name for name in plan.figures if FIGURES[name].section == section]


def _named(row: Row, kind: str, wording: Wording) -> str:
    """The name of a row in the reader's language; rows of the user keep their own."""
    key = f"{kind}_{row.id.replace('-', '_')}"
    if row.id.startswith("build-cost-"):
        key = "fact_build_cost"
    if row.id.startswith("connection-lead-"):
        key = "fact_connection_lead"
    return wording.phrases.get(key) or str(getattr(row, "name", row.id))


def _line(name: str, spread: Spread, unit: str, source: Source, wording: Wording) -> Assumption:
    has_span = spread.low < spread.high
    return Assumption(
        name=name,
        value=wording.quantity(spread.best, unit),
        span=wording.between(spread.low, spread.high, unit, best=spread.best) if has_span else "",
        source=source,
    )


def _assumptions(plan: SitePlan, wording: Wording) -> Iterator[Assumption]:
    yield from _chosen(plan, wording)
    yield from _connection(plan, wording)
    yield from _plants(plan, wording)
    for fact in plan.facts:
        spread = fact.spread.get("value") or Spread(best=fact.value, low=fact.value, high=fact.value)
        yield _line(_named(fact, "fact", wording), spread, fact.unit, _source(plan, fact, "value"), wording)


def _source(plan: SitePlan, row: Row, field: str) -> Source:
    return plan.sources[row.sources.get(field) or row.sources["default"]]


def _chosen(plan: SitePlan, wording: Wording) -> Iterator[Assumption]:
    """What the scenario says."""
    source = plan.sources["scenario"]
    scenario = plan.scenario
    groups = {
        "scenario_": (scenario.workload, scenario.objective, scenario.site, scenario.money),
        "load_": (scenario.load,),
        "heat_": (scenario.heat,),
        "contract_": (scenario.contract,),
    }
    for prefix, parts in groups.items():
        for key, phrase in wording.phrases.items():
            field = key.removeprefix(prefix)
            part = next((part for part in parts if field != key and hasattr(part, field)), None)
            value = getattr(part, field, None)
            if value is None:
                continue
            if isinstance(value, str):
                yield Assumption(name=phrase, value=value, span="", source=source)
                continue
            spread = value if isinstance(value, Spread) else Spread(best=value, low=value, high=value)
            unit = next(
                (unit for suffix, unit in _SCENARIO_UNITS.items() if f"_{field}".endswith(suffix)), "1"
            )
            yield _line(phrase, spread, unit, source, wording)


def _connection(plan: SitePlan, wording: Wording) -> Iterator[Assumption]:
    """The steps of the connection, where it comes in steps."""
    say, scenario, source = wording.phrases, plan.scenario, plan.sources["scenario"]
    if scenario.phases and scenario.site.contracted_w is not None:
        today = wording.quantity(scenario.site.contracted_w, "W")
        yield Assumption(name=say["connection_today"], value=today, span="", source=source)
    for number, phase in enumerate(scenario.phases, start=1):
        if phase.year is not None:
            when = say["step_agreed"].format(year=wording.number(phase.year))
        else:
            when = say["step_ordered"].format(year=wording.number(phase.ordered_year))
        lead = phase.lead_years
        yield Assumption(
            name=say["connection_step"].format(n=number, when=when),
            value=wording.quantity(phase.contracted_w, "W"),
            span="" if lead is None else wording.between(lead.low, lead.high, "years", best=lead.best),
            source=source,
        )


def _plants(plan: SitePlan, wording: Wording) -> Iterator[Assumption]:
    """Rows of the catalogue that the scenario picks."""
    say = wording.phrases
    for row, field, unit, key in (
        (plan.zone, "g_per_kwh", "g/kWh", "zone_g_per_kwh"),
        (plan.zone, "l_per_kwh", "L/kWh", "zone_l_per_kwh"),
        (plan.system, "price_usd", "USD", "system_price_usd"),
        (plan.system, "host_busy_w", "W", "system_host_busy_w"),
    ):
        best = getattr(row, field)
        spread = row.spread.get(field) or Spread(best=best, low=best, high=best)
        yield _line(say[key], spread, unit, _source(plan, row, field), wording)
    climate = plan.sources[plan.place.sources["default"]]
    yield Assumption(name=say["climate"], value=plan.place.name, span="", source=climate)
    plant = plan.cooling_plant
    yield Assumption(
        name=say["plant"],
        value=_named(plant, "row", wording),
        span="",
        source=_source(plan, plant, "fan_ratio"),
    )
    for key, phrase in say.items():
        field = key.removeprefix("plant_")
        if key.startswith("plant_") and (best := getattr(plant, field)):
            spread = plant.spread.get(field) or Spread(best=best, low=best, high=best)
            yield _line(phrase, spread, "1", _source(plan, plant, field), wording)
    for stage in plan.power_stages:
        yield Assumption(
            name=say["chain"],
            value=_named(stage, "row", wording),
            span="",
            source=_source(plan, stage, "fixed_ratio"),
        )
