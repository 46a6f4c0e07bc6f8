"""Which place is best, why, and what would have to be otherwise for another to be.

All places carry the same systems and the same load; only climate, grid, price and build cost differ. Samples
are paired: what two places share takes the same value in both, so that their difference is free of it. Two
places whose difference spans zero from its 5th to its 95th percentile, or is too small to act on, are told as
equal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from galerne.catalog import Catalog
from galerne.errors import InvalidScenario
from galerne.site.evaluate import YearOfSite, evaluate
from galerne.site.plan import require_connection, sample_numbers
from galerne.site.scenario.parts import Parts, find_parts, move_parts
from galerne.site.scenario.records import Candidate, Scenario
from galerne.site.worlds import World, best_world, flat, moved_world, recording_world, swing_world
from galerne.spread import Spread
from galerne.units import Numeric

Floats = npt.NDArray[np.float64]

OBJECTIVES: Mapping[str, str] = {
    "cost": "output_eur",
    "carbon": "output_co2_g",
    "water": "output_water_l",
    "energy": "output_j_per_token",
}
"""What places may be ranked by: a figure of a million written tokens, or joules of one."""
LEVERS = ("climate", "carbon", "water", "price", "build")
"""What differs between two places, in the order in which it is changed to explain a difference."""
_FIGURES = (
    "output_eur",
    "input_eur",
    "output_co2_g",
    "output_water_l",
    "output_j_per_token",
    "pue_ratio",
    "horizon_served_ratio",
)
_IMMATERIAL_RATIO = 0.005  # of the figure
_GRID = 41  # values tried of an input that turns a ranking


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceFigure:
    """A figure of one place: its best value, 5th and 95th percentile."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedPlace:
    """A place in the comparison.

    Attributes:
        rank: from 1, by the first objective; equal places share a rank.
        figures: by name.
        beyond_first: difference to the first place in the first objective, paired: value, p5, p95.
        equal_to_first: whether that difference spans zero or is too small to act on.
        why: that difference by what makes it; sums to it.
        on_front: whether no place is better in one objective, paired, and in none worse.
        lead_years: from the order of a grid connection to its power; None where nothing is known.
    """

    place_id: str
    name: str
    zone_id: str
    rank: int
    figures: Mapping[str, PlaceFigure]
    beyond_first: PlaceFigure
    equal_to_first: bool
    why: Mapping[str, float]
    on_front: bool
    lead_years: Spread | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Flip:
    """An input at which the first place stops being the best, all others at their best value.

    Attributes:
        name: of the input, as worlds know it.
        at: its value there; ``best``: its best value; ``low`` and ``high``: its range.
        then: place that is first beyond.
    """

    name: str
    at: float
    best: float
    low: float
    high: float
    then: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteComparison:
    """Places ranked.

    Attributes:
        objectives: what they are ranked by; the first makes the order.
        left_out: reason by place that could not be computed.
        flips: where the ranking turns, the nearest first.
        without_series: whether the scenario has hours of its own, which say nothing of other places.
    """

    scenario: Scenario
    objectives: tuple[str, ...]
    places: tuple[RankedPlace, ...]
    left_out: Mapping[str, str]
    flips: tuple[Flip, ...]
    without_series: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tried:
    """A place and what came out of it."""

    parts: Parts
    best: YearOfSite
    samples: Mapping[str, Floats]

    def value(self, figure: str) -> float:
        return _value(self.best, figure)


def compare_sites(
    scenario: Scenario,
    *,
    catalog: Catalog,
    places: Sequence[str],
    objectives: Sequence[str] = ("cost",),
    on_progress: Callable[[float], None] | None = None,
) -> SiteComparison:
    """Rank places for one scenario.

    Args:
        scenario: systems, load and lives; its own place, price and build cost do not enter, unless a
            candidate of it says so.
        catalog: facts.
        places: ids; all of the catalogue where it is empty.
        objectives: keys of ``OBJECTIVES``.
        on_progress: told the share that is done.

    Raises:
        InvalidScenario: a place or objective that is not known, or no place that can be computed.
        Infeasible: no replica meets the objective.
    """
    for objective in objectives:
        if objective not in OBJECTIVES:
            problem = f"there is no {objective!r}; there are {', '.join(OBJECTIVES)}"
            raise InvalidScenario(path="objective", problem=problem)
    candidates = _candidates(scenario, catalog, places)
    without_series = scenario.series is not None
    scenario = dataclasses.replace(scenario, series=None)
    at_home = find_parts(scenario, catalog)
    tried: list[_Tried] = []
    left_out: dict[str, str] = {}
    for number, candidate in enumerate(candidates):
        try:
            parts = move_parts(at_home, candidate, scenario=scenario, catalog=catalog)
        except InvalidScenario as error:
            if candidate.place not in catalog.places.rows:
                raise
            left_out[candidate.place] = error.problem
            continue
        best = evaluate(parts, scenario, best_world())
        require_connection(best, scenario)
        tried.append(_Tried(parts=parts, best=best, samples=sample_numbers(parts, scenario)))
        if on_progress:
            on_progress((number + 1) / len(candidates))
    if not tried:
        reasons = "; ".join(f"{place}: {reason}" for place, reason in left_out.items())
        raise InvalidScenario(path="places", problem=f"none can be computed ({reasons})")
    names = tuple(objectives)
    tried.sort(key=lambda one: one.value(OBJECTIVES[names[0]]))
    return SiteComparison(
        scenario=scenario,
        objectives=names,
        places=_rank(tried, names, scenario),
        left_out=left_out,
        flips=_find_flips(tried, OBJECTIVES[names[0]], scenario),
        without_series=without_series,
    )


def _candidates(scenario: Scenario, catalog: Catalog, places: Sequence[str]) -> list[Candidate]:
    known = {candidate.place: candidate for candidate in scenario.candidates}
    wanted = list(dict.fromkeys(places)) or list(catalog.places.rows)
    return [known.get(place) or Candidate(place=place) for place in wanted]


def _rank(tried: list[_Tried], objectives: tuple[str, ...], scenario: Scenario) -> tuple[RankedPlace, ...]:
    """Places in order; a place gets the rank of the one above while it equals the first of that rank."""
    figure = OBJECTIVES[objectives[0]]
    front = _front(tried, [OBJECTIVES[name] for name in objectives])
    ranked: list[RankedPlace] = []
    leader, rank = tried[0], 1
    for number, one in enumerate(tried):
        if number and not _are_equal(one, leader, figure):
            leader, rank = one, number + 1
        beyond = one.samples[figure] - tried[0].samples[figure]
        ranked.append(
            RankedPlace(
                place_id=one.parts.place.id,
                name=one.parts.place.name,
                zone_id=one.parts.zone.id,
                rank=rank,
                figures={
                    name: _place_figure(one.value(name), one.samples[name])
                    for name in _FIGURES
                    if name in one.samples
                },
                beyond_first=_place_figure(one.value(figure) - tried[0].value(figure), beyond),
                equal_to_first=_are_equal(one, tried[0], figure),
                why=_why(one.parts, tried[0].parts, figure, scenario),
                on_front=front[number],
                lead_years=None if one.parts.lead is None else one.parts.lead.spread.get("value"),
            )
        )
    return tuple(ranked)


def _are_equal(one: _Tried, other: _Tried, figure: str) -> bool:
    difference = one.samples[figure] - other.samples[figure]
    low, high = np.quantile(difference, (0.05, 0.95))
    immaterial = float(np.abs(difference).max()) < _IMMATERIAL_RATIO * abs(other.value(figure))
    return bool(low <= 0.0 <= high) or immaterial


def _place_figure(value: float, samples: Floats) -> PlaceFigure:
    low, high = (float(limit) for limit in np.quantile(samples, (0.05, 0.95)))
    return PlaceFigure(value=value, low=min(low, value), high=max(high, value))


def _front(tried: Sequence[_Tried], figures: Sequence[str]) -> list[bool]:
    """Which places no other beats: better in one objective beyond doubt, and in none beyond doubt worse."""

    def better(one: _Tried, other: _Tried) -> list[bool]:
        return [
            one.value(figure) < other.value(figure) and not _are_equal(one, other, figure)
            for figure in figures
        ]

    kept = [
        not any(any(better(other, one)) and not any(better(one, other)) for other in tried) for one in tried
    ]
    return kept if any(kept) else [number == 0 for number in range(len(tried))]


def _why(one: Parts, first: Parts, figure: str, scenario: Scenario) -> dict[str, float]:
    """The difference to the first place by what makes it, changed one after another."""
    steps: dict[str, float] = {}
    parts, before = first, _value(evaluate(first, scenario, best_world()), figure)
    for lever in LEVERS:
        parts = _with_lever(parts, one, lever)
        after = _value(evaluate(parts, scenario, best_world()), figure)
        steps[lever] = after - before
        before = after
    return steps


def _with_lever(parts: Parts, source: Parts, lever: str) -> Parts:
    """The parts with one thing taken from another place."""
    if lever == "climate":
        return dataclasses.replace(parts, weather=source.weather, place=source.place)
    if lever == "build":
        return dataclasses.replace(parts, build_cost=source.build_cost)
    ours, theirs = parts.electricity, source.electricity
    fields = {"carbon": {"g_per_kwh"}, "water": {"l_per_kwh"}, "price": {"eur_per_kwh"}}[lever]
    zone = dataclasses.replace(
        ours.zone,
        spread={**ours.zone.spread, **{k: v for k, v in theirs.zone.spread.items() if k in fields}},
        **{field: getattr(theirs.zone, field) for field in fields},
    )
    electricity = dataclasses.replace(ours, zone=zone)
    if lever == "carbon":
        electricity = dataclasses.replace(electricity, hourly_g_per_kwh=theirs.hourly_g_per_kwh)
    if lever == "price":
        electricity = dataclasses.replace(electricity, own=theirs.own, name=theirs.name, parts=theirs.parts)
    return dataclasses.replace(parts, electricity=electricity)


def _find_flips(tried: list[_Tried], figure: str, scenario: Scenario) -> tuple[Flip, ...]:
    """Inputs that, alone and within their range, put another place first."""
    first, rivals = tried[0], tried[1:6]
    flips: dict[str, Flip] = {}
    for rival in rivals:
        asked: dict[str, Spread] = {}
        for one in (first, rival):
            world, recorded = recording_world()
            evaluate(one.parts, scenario, world)
            asked |= recorded
        if not asked:
            continue
        ours, theirs = (_numbers(one.parts, scenario, figure, swing_world(asked)) for one in (first, rival))
        ends = theirs - ours
        for number, (name, spread) in enumerate(asked.items()):
            if ends[2 * number : 2 * number + 2].min() >= 0.0:
                continue
            values = np.linspace(spread.low, spread.high, _GRID)
            ours, theirs = (
                _numbers(one.parts, scenario, figure, moved_world(name, values)) for one in (first, rival)
            )
            gap = np.broadcast_to(theirs - ours, values.shape)
            at = _nearest_zero(values, gap, best=spread.best)
            if at is None or _is_nearer(flips.get(name), at, spread.best):
                continue
            flips[name] = Flip(
                name=name,
                at=at,
                best=spread.best,
                low=spread.low,
                high=spread.high,
                then=rival.parts.place.id,
            )
    return tuple(sorted(flips.values(), key=_distance))


def _is_nearer(flip: Flip | None, at: float, best: float) -> bool:
    return flip is not None and abs(flip.at - best) <= abs(at - best)


def _distance(flip: Flip) -> float:
    """How far the input must move, over the distance from its best value to that limit."""
    limit = flip.high if flip.at >= flip.best else flip.low
    return abs(flip.at - flip.best) / (abs(limit - flip.best) or 1.0)


def _nearest_zero(values: Floats, gap: Floats, *, best: float) -> float | None:
    """Where the gap crosses zero, nearest to the best value."""
    crossings = np.flatnonzero((gap[:-1] >= 0.0) != (gap[1:] >= 0.0))
    at = [float(values[i] + (values[i + 1] - values[i]) * gap[i] / (gap[i] - gap[i + 1])) for i in crossings]
    return min(at, key=lambda value: abs(value - best), default=None)


def _numbers(parts: Parts, scenario: Scenario, figure: str, world: World) -> Floats:
    return flat(evaluate(parts, scenario, world).numbers[figure])


def _value(year: YearOfSite, figure: str) -> float:
    number: Numeric = year.numbers[figure]
    return float(flat(number)[0])


def comparison_to_json(comparison: SiteComparison) -> dict[str, object]:
    """The comparison as plain values."""
    return {
        "scenario": {
            "name": comparison.scenario.site.name,
            "fingerprint": comparison.scenario.fingerprint,
            "seed": comparison.scenario.sampling.seed,
            "n_samples": comparison.scenario.sampling.n_samples,
        },
        "objectives": list(comparison.objectives),
        "places": [dataclasses.asdict(place) for place in comparison.places],
        "without_series": comparison.without_series,
        "left_out": dict(comparison.left_out),
        "flips": [dataclasses.asdict(flip) for flip in comparison.flips],
    }
