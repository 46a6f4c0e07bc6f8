"""What the ledger holds: events that are never changed, and the factors frozen with them.

Energy is in whole microjoules wherever it must add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from galerne.energy import FacilityFactors
from galerne.generation import FinishReason, Usage
from galerne.units import from_microjoules


@dataclass(frozen=True, kw_only=True, slots=True)
class GridFactors:
    """The electricity of one moment, as an answer keeps it.

    Attributes:
        eur_per_kwh: None where no price is known.
        basis: ``lifecycle`` or ``direct``.
        kind: ``annual``, ``profile`` or ``live``.
        year: of the figures.
        sources: source key by field name; ``default`` for the others.
        as_of_at: instant that a live figure holds for.
        direct_g_per_kwh: of what burns, beside; None where it is not known.
        market_g_per_kwh: of the user's contract, beside; None without one.
        price_kind: ``industrial``, ``fixed``, ``time-of-use`` or ``day-ahead``; None in older answers.
    """

    zone: str
    g_per_kwh: float
    l_per_kwh: float
    eur_per_kwh: float | None
    basis: str
    kind: str
    year: int
    sources: Mapping[str, str] = field(default_factory=dict)
    as_of_at: float | None = None
    direct_g_per_kwh: float | None = None
    market_g_per_kwh: float | None = None
    price_kind: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineFactors:
    """The machine that answered: its manufacture, and its power at rest.

    Attributes:
        embodied_g: CO2e of the whole machine, or of our slice of it.
        life_years: over which it is spread.
        source: source key of both.
        idle_w: what was taken for its power at rest; None in older answers, likewise the next two.
        idle_method: ``measured`` on this machine, ``modelled`` after the catalogue, ``derived`` from both.
        idle_source: source key of it.
    """

    embodied_g: float
    life_years: float
    source: str
    idle_w: float | None = None
    idle_method: str | None = None
    idle_source: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceFactors:
    """What the operator asks for a model.

        fixed:      price = tokens read * input + tokens cached * cached + tokens written * output
        cost-plus:  price = (electricity + machine time * hardware) * (1 + margin)

    Attributes:
        kind: ``fixed`` or ``cost-plus``.
        source: the operator's words.
        hardware_eur_per_s: the machine's price over the seconds it is used in its life.
        margin_ratio: added on top of the cost.
    """

    kind: str
    source: str
    input_eur_per_token: float = 0.0
    cached_eur_per_token: float = 0.0
    output_eur_per_token: float = 0.0
    hardware_eur_per_s: float = 0.0
    margin_ratio: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Factors:
    """Everything that turns joules into grams, litres and euros, at one moment.

    Attributes:
        place: name of the place whose facility factors these are.
        interval_ratio: low and high of the energy, as multiples of it.
        price: what the operator asks for the model; None where only the electricity counts.
    """

    place: str
    facility: FacilityFactors
    grid: GridFactors
    machine: MachineFactors
    interval_ratio: tuple[float, float]
    price: PriceFactors | None = None

    def sources(self) -> dict[str, str]:
        """Source key by field, for every figure here."""
        grid = self.grid.sources
        default = grid.get("default", "")
        beside = {
            name: grid.get(name, default)
            for name in ("direct_g_per_kwh", "market_g_per_kwh")
            if getattr(self.grid, name) is not None
        }
        return {
            **beside,
            "g_per_kwh": grid.get("g_per_kwh", default),
            "l_per_kwh": grid.get("l_per_kwh", default),
            "eur_per_kwh": grid.get("eur_per_kwh", default),
            "pue_ratio": self.facility.source,
            "onsite_water_l_per_kwh": self.facility.source,
            **({"idle_w": self.machine.idle_source} if self.machine.idle_source else {}),
            "embodied_g": self.machine.source,
            "life_years": self.machine.source,
            **({"price_eur": self.price.source} if self.price else {}),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerFacts:
    """What whoever served an answer knows of it at its end, however it ended.

    Attributes:
        key_id: of the client's key; None on loopback without one.
    """

    request_id: str
    usage: Usage
    finish_reason: FinishReason
    key_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer was given: an event, never changed.

    Attributes:
        answer_id: also the id of its receipt.
        at: when it ended.
    """

    answer_id: str
    request_id: str
    key_id: str | None
    node_id: str
    model_id: str
    usage: Usage
    finish_reason: FinishReason
    at: float
    factors: Factors


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """An answer's energy was determined: an event. A later revision adds to the history, erasing nothing.

    Attributes:
        revision: 1 is provisional; the final one is the last.
        started_at: beginning of the windows it was shared from.
        ended_at: their end.
        active_uj: energy above idle.
        idle_uj: share of the idle energy.
        device_s: machine time.
        method: ``measured``, ``derived`` or ``modelled``; the weakest of its windows.
        coverage_ratio: time the meter really covered; the least of its windows.
        final: whether its windows are closed.
        at: when it was determined.
        accelerator_uj: what of both the accelerators drew, the host the rest; None where the meter could not
            tell in one of its windows.
    """

    answer_id: str
    revision: int
    started_at: float
    ended_at: float
    active_uj: int
    idle_uj: int
    device_s: float
    method: str
    coverage_ratio: float
    final: bool
    at: float
    accelerator_uj: int | None = None

    @property
    def total_uj(self) -> int:
        """Active energy and the share of idle."""
        return self.active_uj + self.idle_uj


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountEntry:
    """Where the metered energy of a stretch of time went: an event. Its sum is exact.

        meter = answers + idle + loading + foreign + unattributed

    Attributes:
        meter_uj: what the meter counted.
        answers_uj: given to answers.
        idle_uj: idle energy while no answer was there.
        loading_uj: energy above idle while a model was loading.
        foreign_uj: the rest of the computer's.
        unattributed_uj: what nobody is known to have caused.
        open_uj: of all given to answers so far, what is not yet in a final settlement.
    """

    entry_id: str
    node_id: str
    started_at: float
    ended_at: float
    meter_uj: int
    answers_uj: int
    idle_uj: int
    loading_uj: int
    foreign_uj: int
    unattributed_uj: int
    open_uj: int
    method: str
    coverage_ratio: float

    def __post_init__(self) -> None:
        parts = self.answers_uj + self.idle_uj + self.loading_uj + self.foreign_uj + self.unattributed_uj
        if parts != self.meter_uj:
            raise ValueError(f"the parts, {parts} uJ, are not the meter's {self.meter_uj} uJ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Accounts:
    """Where metered energy went, over any stretch of time."""

    answers_uj: int = 0
    idle_uj: int = 0
    loading_uj: int = 0
    foreign_uj: int = 0
    unattributed_uj: int = 0
    meter_uj: int = 0

    def __add__(self, other: Accounts) -> Accounts:
        """Both together."""
        return Accounts(
            answers_uj=self.answers_uj + other.answers_uj,
            idle_uj=self.idle_uj + other.idle_uj,
            loading_uj=self.loading_uj + other.loading_uj,
            foreign_uj=self.foreign_uj + other.foreign_uj,
            unattributed_uj=self.unattributed_uj + other.unattributed_uj,
            meter_uj=self.meter_uj + other.meter_uj,
        )

    @property
    def adds_up(self) -> bool:
        """Whether the parts are what the meter counted, to the microjoule."""
        parts = self.answers_uj + self.idle_uj + self.loading_uj + self.foreign_uj + self.unattributed_uj
        return parts == self.meter_uj

    def joules(self) -> dict[str, float]:
        """The accounts in joules, by name."""
        return {
            "answers": from_microjoules(self.answers_uj),
            "idle": from_microjoules(self.idle_uj),
            "loading": from_microjoules(self.loading_uj),
            "foreign": from_microjoules(self.foreign_uj),
            "unattributed": from_microjoules(self.unattributed_uj),
            "meter": from_microjoules(self.meter_uj),
        }
