"""The plan as lines for a terminal."""

from __future__ import annotations

from dataclasses import dataclass

from galerne.language import Language
from galerne.site.figures import FIGURES
from galerne.site.plan import SitePlan
from galerne.site.shown.wording import wording_in


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryLine:
    """A figure as a person reads it.

    Attributes:
        section: heading above it.
        span: its 5th to 95th percentile; empty where it has none.
        method: how it came about.
        deciding: keys of the one or two sources that move it most.
        published: what is published of it, and ours over that; empty where nothing is.
    """

    section: str
    name: str
    value: str
    span: str
    method: str
    deciding: tuple[str, ...]
    published: str


def plan_notices(plan: SitePlan, *, language: Language) -> tuple[str, ...]:
    """What a reader must know before the figures: an objective that its percentile does not keep."""
    wording, objective, capacity = wording_in(language), plan.scenario.objective, plan.capacity
    return tuple(
        wording.phrases[f"tail_exceeds_{name}"].format(
            percentile=f"{100.0 * capacity.tail_ratio:g}",
            ours=wording.quantity(ours_s, "s"),
            wanted=wording.quantity(wanted_s, "s"),
        )
        for name, ours_s, wanted_s in (
            ("token_interval_s", capacity.tail_token_interval_s, objective.token_interval_s),
            ("first_token_s", capacity.tail_first_token_s, objective.first_token_s),
        )
        if ours_s > wanted_s
    )


def summarise_plan(plan: SitePlan, *, language: Language) -> tuple[SummaryLine, ...]:
    """Every figure of a plan in the order of the report."""
    wording = wording_in(language)
    say = wording.phrases
    published = {
        row.figure: f"{wording.quantity(row.reported, plan.figures[row.figure].unit)}"
        f" (× {wording.number(row.ratio, digits=2)})"
        for row in plan.comparisons
    }
    return tuple(
        SummaryLine(
            section=say[f"section_{FIGURES[name].section}"],
            name=say[f"figure_{name}"],
            value=wording.value(figure),
            span=wording.span(figure),
            method=say[f"method_{figure.method}"],
            deciding=figure.deciding,
            published=published.get(name, ""),
        )
        for name, figure in plan.figures.items()
    )
