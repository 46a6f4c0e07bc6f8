"""A comparison of places in the words of one language: what pages and terminals show without computing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from galerne.language import Language
from galerne.site.compare import OBJECTIVES, RankedPlace, SiteComparison
from galerne.site.figures import FIGURES
from galerne.site.shown.wording import Wording, wording_in
from galerne.site.tornado import name_input
from galerne.spread import Spread

FLIPS_SHOWN = 8
_WHY_SHOWN = 2
_SMALL_RATIO = 0.02  # of a difference: what makes less is not named


def word_comparison(comparison: SiteComparison, *, language: Language) -> dict[str, Any]:
    """Places in order with their figures, what makes them differ, and where the ranking turns, as text."""
    wording = wording_in(language)
    say = wording.phrases
    first = comparison.objectives[0]
    return {
        "language": language.value,
        "title": say["compare_title"].format(
            name=comparison.scenario.site.name,
            n=len(comparison.places),
            objective=say[f"objective_{first}"],
        ),
        "objectives": {name: say[f"objective_{name}"] for name in OBJECTIVES},
        "columns": {
            name: say[f"column_{name}"]
            for name in ("rank", "place", "beyond", "because", "front", "lead", "horizon")
        },
        "places": [_word_place(place, comparison, wording) for place in comparison.places],
        "notes": list(_notes(comparison, wording)),
        "flips_title": say["compare_flips" if comparison.flips else "compare_no_flip"],
        "flips": list(_flips(comparison, wording)),
        "left_out": [
            say["compare_left_out"].format(place=place, reason=_reason(reason, say))
            for place, reason in comparison.left_out.items()
        ],
    }


def _word_place(place: RankedPlace, comparison: SiteComparison, wording: Wording) -> dict[str, Any]:
    figures = {}
    for name in comparison.objectives:
        figure, unit = place.figures[OBJECTIVES[name]], FIGURES[OBJECTIVES[name]].unit
        span = wording.between(figure.low, figure.high, unit, best=figure.value)
        figures[name] = {"value": wording.quantity(figure.value, unit), "span": span}
    unit = FIGURES[OBJECTIVES[comparison.objectives[0]]].unit
    served = place.figures.get("horizon_served_ratio")
    return {
        "id": place.place_id,
        "name": f"{place.name} ({place.zone_id})",
        "figures": figures,
        "beyond": wording.quantity(place.beyond_first.value, unit) if place.beyond_first.value else "",
        "because": _why(place.why, unit, wording),
        "lead": word_lead(place.lead_years, wording),
        "served": "" if served is None else wording.percent(served.value),
    }


def word_lead(lead: Spread | None, wording: Wording) -> str:
    """Years from the order of a connection to its power."""
    if lead is None:
        return wording.phrases["unknown"]
    return wording.between(lead.low, lead.high, "years", best=lead.best)


def _why(why: Mapping[str, float], unit: str, wording: Wording) -> str:
    """The parts of a difference that matter, the largest first."""
    whole = sum(abs(value) for value in why.values())
    ordered = sorted(why, key=lambda lever: abs(why[lever]), reverse=True)
    shown = [lever for lever in ordered[:_WHY_SHOWN] if whole and abs(why[lever]) > _SMALL_RATIO * whole]
    return ", ".join(
        f"{wording.phrases[f'differs_{lever}']} {'+' if why[lever] > 0 else chr(0x2212)}"
        f"{wording.quantity(abs(why[lever]), unit)}"
        for lever in shown
    )


def _notes(comparison: SiteComparison, wording: Wording) -> Iterator[str]:
    """What to know beside the table: ties, basis, front."""
    say = wording.phrases
    yield say["compare_equal"]
    yield say["compare_basis"]
    if comparison.without_series:
        yield say["compare_without_series"]
    if len(comparison.objectives) > 1:
        yield say["compare_front"].format(
            objectives=", ".join(say[f"objective_{name}"] for name in comparison.objectives),
            places=", ".join(place.name for place in comparison.places if place.on_front),
        )


def _flips(comparison: SiteComparison, wording: Wording) -> Iterator[str]:
    names = {place.place_id: place.name for place in comparison.places}
    for flip in comparison.flips[:FLIPS_SHOWN]:
        yield wording.phrases["compare_flip"].format(
            input=name_input(flip.name, wording),
            at=wording.number(flip.at),
            best=wording.number(flip.best),
            low=wording.number(flip.low),
            high=wording.number(flip.high),
            place=names[flip.then],
        )


def _reason(reason: str, say: Mapping[str, str]) -> str:
    """Why a place is left out; the two reasons that there are in the reader's language."""
    known = {"no price": "left_out_price", "no lead time": "left_out_lead"}
    return next((say[key] for start, key in known.items() if reason.startswith(start)), reason)
