"""What matters most: each uncertain input moved from its low to its high limit, all others at their best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from galerne.catalog import Fact, Row
from galerne.site.evaluate import evaluate
from galerne.site.scenario.parts import Parts
from galerne.site.scenario.records import Scenario
from galerne.site.shown.wording import Wording
from galerne.site.worlds import flat, recording_world, swing_world
from galerne.spread import Spread
from galerne.units import Numeric

_COUNTS_RATIO = 0.3  # of the widest swing: what moves a figure less does not decide it


@dataclass(frozen=True, kw_only=True, slots=True)
class Swing:
    """What one input does to a million written tokens.

    Attributes:
        name: of the input: kind of row, row and field.
        unit: of the input; ``1`` for a ratio.
        source: key of what gives it its limits.
        low: 5th percentile of the input; best: its best value; high: its 95th percentile.
        low_eur: euros per million written tokens at its low limit; ``high_eur``: at its high one.
        low_co2_g: grams per million written tokens at its low limit; ``high_co2_g``: at its high one.
    """

    name: str
    unit: str
    source: str
    low: float
    best: float
    high: float
    low_eur: float
    high_eur: float
    low_co2_g: float
    high_co2_g: float

    @property
    def swing_eur(self) -> float:
        """Width in euros."""
        return abs(self.high_eur - self.low_eur)

    @property
    def swing_co2_g(self) -> float:
        """Width in grams."""
        return abs(self.high_co2_g - self.low_co2_g)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """Every figure with each uncertain input alone at its low, then at its high limit.

    Attributes:
        asked: limits of the inputs, by name.
        numbers: figures by name: two values for each input, in order.
        best: figures by name with every input at its best value.
    """

    asked: Mapping[str, Spread]
    numbers: Mapping[str, Numeric]
    best: Mapping[str, Numeric]


def move_inputs(parts: Parts, scenario: Scenario) -> Moved:
    """Move each uncertain input of a plan alone."""
    world, asked = recording_world()
    best = evaluate(parts, scenario, world).numbers
    numbers = evaluate(parts, scenario, swing_world(asked)).numbers if asked else {}
    return Moved(asked=asked, numbers=numbers, best=best)


def find_swings(moved: Moved, parts: Parts) -> tuple[Swing, ...]:
    """Every uncertain input of a plan, the widest in euros first."""
    if not moved.asked:
        return ()
    eur, co2_g = (flat(moved.numbers[name]) for name in ("output_eur", "output_co2_g"))
    swings = (
        Swing(
            name=name,
            unit=unit_of_input(name, parts),
            source=source_of_input(name, parts),
            low=spread.low,
            best=spread.best,
            high=spread.high,
            low_eur=float(eur[2 * number]),
            high_eur=float(eur[2 * number + 1]),
            low_co2_g=float(co2_g[2 * number]),
            high_co2_g=float(co2_g[2 * number + 1]),
        )
        for number, (name, spread) in enumerate(moved.asked.items())
    )
    return tuple(sorted(swings, key=lambda swing: swing.swing_eur, reverse=True))


def find_deciding(moved: Moved, parts: Parts) -> dict[str, tuple[str, ...]]:
    """By figure, the sources of the inputs that move it most: one, or two where the second counts too."""
    keys = [source_of_input(name, parts) for name in moved.asked]
    deciding: dict[str, tuple[str, ...]] = {}
    for figure, values in moved.numbers.items():
        ends = flat(values)
        if ends.size != 2 * len(keys):
            continue
        widths = np.abs(ends[1::2] - ends[::2])
        order = np.argsort(widths)[::-1]
        counted = [keys[n] for n in order if widths[n] > _COUNTS_RATIO * widths[order[0]]]
        deciding[figure] = tuple(dict.fromkeys(counted))[:2]
    return deciding


def source_of_input(name: str, parts: Parts) -> str:
    """Key of the source that gives an uncertain input its limits."""
    kind, _, rest = name.partition("@")[0].partition(".")
    if kind in ("Money", "Load", "Phase", "Contract"):
        return "scenario"
    if kind == "Scenario":
        return parts.capacity.plan.calibration.sources["default"]
    row_id, _, field = rest.rpartition(".")
    rows: tuple[Row, ...] = (
        *parts.facts.values(), parts.system, parts.accelerator, parts.zone, parts.cooling, *parts.stages
    )  # fmt: skip
    row = next(row for row in rows if row.id == row_id and type(row).__name__ == kind)
    return row.sources.get(field) or row.sources["default"]


_UNITS = (
    ("_eur_per_kwh", "EUR/kWh"),
    ("_g_per_kwh", "g/kWh"),
    ("_l_per_kwh", "L/kWh"),
    ("_usd", "USD"),
    ("_years", "years"),
    ("_w", "W"),
    ("_g", "g"),
    ("_c", "°C"),
    ("_k", "K"),
)
"""Units by the ending of a name; what ends otherwise is a ratio or a count."""


def unit_of_input(name: str, parts: Parts) -> str:
    """Unit of an uncertain input, by the name that worlds know it by."""
    kind, _, rest = name.partition("@")[0].partition(".")
    if kind == "Fact":
        return parts.build_cost.unit if rest.startswith(parts.build_cost.id) else _fact(parts, rest).unit
    field = f"_{rest.rpartition('.')[2]}"
    return next((unit for ending, unit in _UNITS if field.endswith(ending)), "1")


def _fact(parts: Parts, rest: str) -> Fact:
    return parts.facts[rest.removesuffix(".value")]


def name_input(name: str, wording: Wording, names: Mapping[str, str] | None = None) -> str:
    """An uncertain input as a person reads it.

    Args:
        name: that worlds know it by.
        wording: of the reader.
        names: of rows, by their ids, where they have no phrase of their own.
    """
    say = wording.phrases
    bare, _, scope = name.partition("@")
    kind, _, rest = bare.partition(".")
    if kind in ("Money", "Load", "Phase", "Contract", "Scenario"):
        text = say.get(f"input_{'' if kind == 'Scenario' else kind.lower() + '_'}{rest}", rest)
    else:
        row_id, _, field = rest.rpartition(".")
        text = _name_row(kind, row_id, field, say, names or {})
    return f"{text} ({_scope(scope, say)})" if scope else text


def _scope(scope: str, say: Mapping[str, str]) -> str:
    """What an input is drawn apart for: a market, a zone, a place or a step, as a person calls it."""
    if scope.startswith("build-cost-"):
        return say["scope_market"].format(name=scope.removeprefix("build-cost-").replace("-", " ").title())
    return scope


def _name_row(kind: str, row_id: str, field: str, say: Mapping[str, str], names: Mapping[str, str]) -> str:
    row = row_id.replace("-", "_")
    if kind == "Fact":
        if row_id.startswith("connection-lead-"):
            row = "connection_lead"
        return say.get(f"fact_{row}") or row_id
    if kind == "CoolingPlant":
        return say.get(f"plant_{field}") or f"{row_id}: {field}"
    named = say.get(f"row_{row}") or names.get(row_id, row_id)
    return f"{named}{say['colon']} {say.get(f'field_{field}', field)}"
