"""What a planner must not overlook in a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from galerne.site.plan import SitePlan

_LITTLE_RATIO = 0.001  # of a year's heat: less is a few warm hours


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """A figure that its best value keeps within a limit, and its range does not; or that is beyond it.

    Attributes:
        end: the 5th or 95th percentile that is beyond the limit.
    """

    figure: str
    value: float
    limit: float
    end: float


def watch_plan(plan: SitePlan) -> Iterator[Watch]:
    """Objectives missed at the 95th percentile, heat that cannot be carried, a connection too small."""
    figures, objective = plan.figures, plan.scenario.objective
    limits = {
        "first_token_s": objective.first_token_s,
        "token_interval_s": objective.token_interval_s,
        "unmet_heat_ratio": _LITTLE_RATIO,
    }
    for name, limit in limits.items():
        figure = figures[name]
        if figure.high > limit:
            yield Watch(figure=name, value=figure.value, limit=limit, end=figure.high)
    spare = figures["spare_power_w"]
    if spare.low < 0.0:
        yield Watch(figure="spare_power_w", value=spare.value, limit=0.0, end=spare.low)
