"""What matters most: each uncertain input moved from its low to its high limit, all others at their best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from galerne.site.evaluate import evaluate
from galerne.site.parts import Parts
from galerne.site.scenario import Scenario
from galerne.site.wording import Wording
from galerne.site.worlds import flat, recording_world, swing_world


@dataclass(frozen=True, kw_only=True, slots=True)
class Swing:
    """What one input does to a million written tokens.

    Attributes:
        name: of the input: kind of row, row and field.
        low: 5th percentile of the input; best: its best value; high: its 95th percentile.
        low_eur: euros per million written tokens at its low limit; ``high_eur``: at its high one.
        low_co2_g: grams per million written tokens at its low limit; ``high_co2_g``: at its high one.
    """

    name: str
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


def find_swings(parts: Parts, scenario: Scenario) -> tuple[Swing, ...]:
    """Every uncertain input of a plan, the widest in euros first."""
    world, asked = recording_world()
    evaluate(parts, scenario, world)
    if not asked:
        return ()
    numbers = evaluate(parts, scenario, swing_world(asked)).numbers
    eur, co2_g = (flat(numbers[name]) for name in ("output_eur", "output_co2_g"))
    swings = (
        Swing(
            name=name,
            low=spread.low,
            best=spread.best,
            high=spread.high,
            low_eur=float(eur[2 * number]),
            high_eur=float(eur[2 * number + 1]),
            low_co2_g=float(co2_g[2 * number]),
            high_co2_g=float(co2_g[2 * number + 1]),
        )
        for number, (name, spread) in enumerate(asked.items())
    )
    return tuple(sorted(swings, key=lambda swing: swing.swing_eur, reverse=True))


def name_input(name: str, wording: Wording) -> str:
    """An uncertain input as a person reads it, by the name that worlds know it by."""
    say = wording.phrases
    bare, _, scope = name.partition("@")
    kind, _, rest = bare.partition(".")
    if kind in ("Money", "Load", "Scenario"):
        text = say.get(f"input_{'' if kind == 'Scenario' else kind.lower() + '_'}{rest}", rest)
    else:
        row_id, _, field = rest.rpartition(".")
        text = _name_row(kind, row_id, field, say)
    return f"{text} ({scope})" if scope else text


def _name_row(kind: str, row_id: str, field: str, say: Mapping[str, str]) -> str:
    row = row_id.replace("-", "_")
    if kind == "Fact":
        return say.get(f"fact_{row}") or row_id
    if kind == "CoolingPlant":
        return say.get(f"plant_{field}") or f"{row_id}: {field}"
    named = say.get(f"row_{row}") or row_id
    return f"{named}{say['colon']} {say.get(f'field_{field}', field)}"
