"""What a client sees of an answer: the event and one of its settlements, in joules, grams, litres, euros."""

from __future__ import annotations

from dataclasses import dataclass

from galerne.energy import EnergySplit
from galerne.ledger.impact import Impact, Tokens, impact_of
from galerne.ledger.records import Answer, Factors, Settlement
from galerne.units import from_microjoules


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """The view of an answer at one revision. It is computed from events alone, and so never changes.

    The impact is that of the full energy: active plus the share of idle.
    """

    answer: Answer
    settlement: Settlement
    impact: Impact

    @property
    def receipt_id(self) -> str:
        """The id of the answer."""
        return self.answer.answer_id

    @property
    def revision(self) -> int:
        """Which settlement this is."""
        return self.settlement.revision

    @property
    def status(self) -> str:
        """``provisional`` while the windows are open, then ``final``."""
        return "final" if self.settlement.final else "provisional"

    @property
    def method(self) -> str:
        """``measured``, ``derived`` or ``modelled``."""
        return self.settlement.method

    @property
    def active_j(self) -> float:
        """Energy above idle."""
        return from_microjoules(self.settlement.active_uj)

    @property
    def full_j(self) -> float:
        """Active energy and the share of idle."""
        return from_microjoules(self.settlement.total_uj)

    @property
    def accelerator_j(self) -> float | None:
        """What of the full energy the accelerators drew; None where the meter could not tell."""
        known_uj = self.settlement.accelerator_uj
        return None if known_uj is None else from_microjoules(known_uj)

    @property
    def host_j(self) -> float | None:
        """What of it processors, memory and board drew; None where the meter could not tell."""
        known_uj = self.settlement.accelerator_uj
        return None if known_uj is None else from_microjoules(self.settlement.total_uj - known_uj)

    @property
    def interval_ratio(self) -> tuple[float, float]:
        """Low and high of the energy, as multiples of it."""
        return self.answer.factors.interval_ratio

    @property
    def factors(self) -> Factors:
        """What was frozen with the answer."""
        return self.answer.factors

    @property
    def price_eur(self) -> float | None:
        """What the operator asks for it; None where no price is set for the model."""
        return self.impact.charged_eur if self.factors.price else None

    def sources(self) -> dict[str, str]:
        """Source key by figure."""
        return self.answer.factors.sources()


def energy_split(total_uj: int, accelerator_uj: int | None = None) -> EnergySplit:
    """Energy inside the machine's plug, all of it the host's where the parts are not known."""
    part_uj = accelerator_uj or 0
    return EnergySplit(accelerator_j=from_microjoules(part_uj), host_j=from_microjoules(total_uj - part_uj))


def receipt_of(answer: Answer, settlement: Settlement) -> Receipt:
    """Compose the view of an answer and one of its settlements."""
    usage = answer.usage
    impact = impact_of(
        energy_split(settlement.total_uj, settlement.accelerator_uj),
        device_s=settlement.device_s,
        factors=answer.factors,
        tokens=Tokens(
            prompt_tokens=usage.prompt_tokens, cached_tokens=usage.cached_tokens, new_tokens=usage.new_tokens
        ),
    )
    return Receipt(answer=answer, settlement=settlement, impact=impact)
