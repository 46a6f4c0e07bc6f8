"""A plan in the words of one language: what pages and terminals show without computing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from galerne.catalog import Row
from galerne.language import Language
from galerne.site.capacity.growth import GrowthYear
from galerne.site.figures import FIGURES, SECTIONS
from galerne.site.plan import SitePlan
from galerne.site.shown.summary import plan_notices
from galerne.site.shown.watch import watch_plan
from galerne.site.shown.wording import Wording, wording_in
from galerne.site.tornado import Swing, name_input

_SERVED_ENOUGH = 0.9995  # less than that shows in a percentage
_UNITS_OF_BREAKDOWNS = {"facility_w": "W", "yearly_cost_eur": "EUR", "yearly_co2_g": "g"}


def word_plan(plan: SitePlan, *, language: Language) -> dict[str, Any]:
    """Every name and quantity of a plan as text, by the keys that ``plan_to_json`` uses."""
    wording = wording_in(language)
    say = wording.phrases
    breakdowns = {
        "facility_w": plan.breakdown_w,
        "yearly_cost_eur": plan.breakdown_eur,
        "yearly_co2_g": plan.breakdown_g,
    }
    return {
        "language": language.value,
        "sections": {name: say[f"section_{name}"] for name in SECTIONS},
        "methods": {name: say[f"method_{name}"] for name in ("measured", "derived", "modelled", "given")},
        "figures": {
            name: {
                "name": say[f"figure_{name}"],
                "section": FIGURES[name].section,
                "value": wording.value(figure),
                "span": wording.span(figure),
                "low": wording.quantity(figure.low, figure.unit),
                "high": wording.quantity(figure.high, figure.unit),
            }
            for name, figure in plan.figures.items()
        },
        "chosen": {
            "place": plan.place.name,
            "zone": plan.zone.name,
            "system": plan.system.name,
            "model": plan.model.name,
            "weight_format": plan.weight_format.name,
            "cooling_plant": name_row(plan.cooling_plant, wording),
        },
        "breakdown": {
            table: {
                part: {
                    "name": say[f"part_{part}"],
                    "value": wording.quantity(value, _UNITS_OF_BREAKDOWNS[table]),
                }
                for part, value in parts.items()
            }
            for table, parts in breakdowns.items()
        },
        "totals": {
            table: wording.quantity(sum(parts.values()), _UNITS_OF_BREAKDOWNS[table])
            for table, parts in breakdowns.items()
        },
        "tornado": _word_swings(plan, wording),
        "growth": word_growth(plan, wording),
        "warnings": list(warn_of(plan, wording)),
    }


def word_growth(plan: SitePlan, wording: Wording) -> dict[str, Any]:
    """The years of the horizon as a table in words; without rows where there is no load or no horizon."""
    say = wording.phrases
    years = plan.growth if len(plan.growth) > 1 else ()
    with_order = plan.lead is not None and any(year.order_year is not None for year in years)
    names = ["year", "users", "systems", "racks", "needed"]
    with_connection = any(year.contracted_w is not None for year in years)
    names += ["connected", "served"] if with_connection else []
    names += ["order"] if with_order else []
    cells: dict[str, Callable[[GrowthYear], str]] = {
        "year": lambda year: str(year.year),
        "users": lambda year: wording.quantity(round(year.n_users), "1"),
        "systems": lambda year: wording.quantity(year.n_systems, "1"),
        "racks": lambda year: wording.quantity(year.n_racks, "1"),
        "needed": lambda year: wording.quantity(year.needed_w, "W"),
        "connected": lambda year: wording.quantity(year.contracted_w or 0.0, "W"),
        "served": lambda year: _word_served(year, wording),
        "order": lambda year: _word_order(year, wording),
    }
    rows = [[cells[name](year) for name in names] for year in years]
    notes = [say["growth_served"]] if plan.scenario.phases else []
    if with_order and plan.lead is not None:
        notes.append(say["growth_order"].format(lead=_word_years(plan.lead.value, wording)))
    elif plan.lead is None:
        notes.append(say["growth_no_lead"])
    return {
        "title": say["chapter_growth"],
        "text": say["chapter_growth_text"],
        "columns": [say[f"column_{name}"] for name in names],
        "rows": rows,
        "notes": notes,
    }


def _word_served(year: GrowthYear, wording: Wording) -> str:
    text = wording.percent(year.served_ratio)
    if year.served_low == year.served_high:
        return text
    ends = (wording.percent(end) for end in (year.served_low, year.served_high))
    return f"{text} ({wording.phrases['range'].format(**dict(zip(('low', 'high'), ends, strict=True)))})"


def _word_order(year: GrowthYear, wording: Wording) -> str:
    return "" if year.order_year is None else wording.number(year.order_year).replace("-", "\u2212")


def _word_years(years: float, wording: Wording) -> str:
    return wording.quantity(years, "years")


def warn_of_connection(plan: SitePlan, wording: Wording) -> Iterator[str]:
    """Years in which the connection is short of the demand, and power that should have been ordered."""
    say, growth = wording.phrases, plan.growth
    short = [year for year in growth if year.served_ratio < _SERVED_ENOUGH]
    if short:
        worst = min(short, key=lambda year: year.served_ratio)
        yield say["warn_short"].format(
            year=short[0].year,
            served=wording.percent(short[0].served_ratio),
            low=wording.percent(short[0].served_low),
            high=wording.percent(short[0].served_high),
            worst_year=worst.year,
            worst=wording.percent(worst.served_ratio),
        )
        if short[-1] is growth[-1]:
            yield say["warn_short_end"].format(served=wording.percent(growth[-1].served_ratio))
    last = growth[-1].order_year if len(growth) > 1 else None
    if last is not None and last < 0 and plan.lead is not None and not plan.scenario.phases:
        yield say["warn_order_passed"].format(
            year=growth[-1].year,
            order=_word_order(growth[-1], wording),
            lead=_word_years(plan.lead.value, wording),
        )


def names_in(plan: SitePlan) -> dict[str, str]:
    """Names of the rows of a plan, by id."""
    rows: tuple[Row, ...] = (plan.system, plan.accelerator, plan.zone, plan.model)
    return {row.id: str(getattr(row, "name", row.id)) for row in rows}


def _word_swings(plan: SitePlan, wording: Wording) -> list[dict[str, str]]:
    names = names_in(plan)
    return [_word_swing(swing, wording, names) for swing in plan.tornado]


def _word_swing(swing: Swing, wording: Wording, names: Mapping[str, str]) -> dict[str, str]:
    return {
        "name": name_input(swing.name, wording, names),
        "between": wording.between(swing.low, swing.high, swing.unit, best=swing.best),
        "eur": word_ends(swing.low_eur, swing.high_eur, "EUR", wording),
        "co2": word_ends(swing.low_co2_g, swing.high_co2_g, "g", wording),
    }


def word_ends(one: float, other: float, unit: str, wording: Wording) -> str:
    """What an input does, from the lower to the higher end; a dash where it does nothing that shows."""
    low, high = sorted((one, other))
    texts = [wording.quantity(end, unit) for end in (low, high)]
    return "–" if texts[0] == texts[1] else wording.between(low, high, unit, best=high)


def warn_of(plan: SitePlan, wording: Wording) -> Iterator[str]:
    """What a planner must not overlook, in words."""
    yield from plan_notices(plan, language=wording.language)
    yield from warn_of_connection(plan, wording)
    for watch in watch_plan(plan):
        figure = plan.figures[watch.figure]
        ratio = figure.unit == "1"

        def say(value: float, unit: str = figure.unit, ratio: bool = ratio) -> str:
            return wording.percent(value) if ratio else wording.quantity(abs(value), unit)

        yield wording.phrases[f"warn_{watch.figure}"].format(
            value=say(watch.value), limit=say(watch.limit), end=say(watch.end)
        )


def name_row(row: Row, wording: Wording) -> str:
    """A row of the catalogue as a person calls it."""
    return wording.phrases.get(f"row_{row.id.replace('-', '_')}") or str(getattr(row, "name", row.id))


def word_rows(rows: Mapping[str, Row], *, language: Language) -> list[dict[str, str]]:
    """Rows to choose from: id and name."""
    wording = wording_in(language)
    return [{"id": row_id, "name": name_row(row, wording)} for row_id, row in rows.items()]
