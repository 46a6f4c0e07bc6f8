"""A plan in the words of one language: what pages and terminals show without computing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from galerne.catalog import Row
from galerne.language import Language
from galerne.site.figures import FIGURES, SECTIONS
from galerne.site.plan import SitePlan
from galerne.site.summary import plan_notices
from galerne.site.tornado import Swing, name_input
from galerne.site.watch import watch_plan
from galerne.site.wording import Wording, wording_in

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
        "tornado": [_word_swing(swing, wording, names_in(plan)) for swing in plan.tornado],
        "warnings": list(warn_of(plan, wording)),
    }


def names_in(plan: SitePlan) -> dict[str, str]:
    """Names of the rows of a plan, by id."""
    rows: tuple[Row, ...] = (plan.system, plan.accelerator, plan.zone, plan.model)
    return {row.id: str(getattr(row, "name", row.id)) for row in rows}


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
