"""How fast an engine is with some settings, and what a comparison of several found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from galerne.engines.llama_settings import Tuning


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How fast an engine is: tokens per second.

    Attributes:
        read_tokens_per_s: of a prompt.
        write_tokens_per_s: of one answer alone.
        together_tokens_per_s: read and written, with eight answers wanted at once.
        repeat_tokens_per_s: written, where the text says again what it has said.
    """

    read_tokens_per_s: float
    write_tokens_per_s: float
    together_tokens_per_s: float
    repeat_tokens_per_s: float

    def over(self, other: Pace) -> Pace:
        """Ratios, of each to the other's."""
        return Pace(**{name: value / asdict(other)[name] for name, value in asdict(self).items()})

    def best_of(self, other: Pace) -> Pace:
        """The faster of each: other programs can only slow a measurement down."""
        return Pace(**{name: max(value, asdict(other)[name]) for name, value in asdict(self).items()})

    @property
    def usual(self) -> tuple[float, float, float]:
        """What every answer has a part of."""
        return self.read_tokens_per_s, self.write_tokens_per_s, self.together_tokens_per_s

    @property
    def gain_ratio(self) -> float:
        """Of ratios, their geometric mean."""
        return math.prod(self.usual) ** (1 / len(self.usual))


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One candidate and what it gave.

    Attributes:
        others_cores: cores that other programs kept busy meanwhile.
    """

    tuning: Tuning
    pace: Pace
    others_cores: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TuningReport:
    """What was measured and what follows.

    Attributes:
        chosen: the defaults, unless something else beats them.
        noise_ratio: how far two measurements of the same settings lay apart.
        gain_ratio: geometric mean of the chosen settings' pace over the defaults'; 1 for the defaults.
        trials: in the order in which they were made, the defaults first.
        postponed: other programs were in the way: nothing is concluded.
        complete: every candidate was measured within the time allowed.
    """

    chosen: Tuning
    noise_ratio: float
    gain_ratio: float
    took_s: float
    trials: tuple[Trial, ...] = field(default_factory=tuple)
    postponed: bool = False
    complete: bool = True


def changes(tuning: Tuning) -> dict[str, Any]:
    """The settings in which it differs from the defaults."""
    plain = Tuning()
    return {
        each.name: getattr(tuning, each.name)
        for each in fields(tuning)
        if getattr(tuning, each.name) != getattr(plain, each.name)
    }
