"""What tests of the ledger share: a meter that counts as told, factors, a bench that holds an accountant."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from galerne.clock import ManualClock
from galerne.energy import FacilityFactors
from galerne.generation import FinishReason, Usage
from galerne.ledger import (
    Accountant,
    AnswerFacts,
    Events,
    Factors,
    GridFactors,
    Ledger,
    MachineFactors,
    Receipt,
)
from galerne.machine.meter import IdleTracker, MeterReading, ProcessorTime
from galerne.machine.meter.records import Part
from galerne.perf import StepWeights
from galerne.storage import sqlite_url

WEIGHTS = StepWeights(fixed_j=3.0, per_sequence_j=1.0, per_prompt_token_j=0.25, per_context_token_j=0.0)
FACTORS = Factors(
    place="home",
    facility=FacilityFactors(pue_ratio=1.2, onsite_water_l_per_kwh=0.5, source="test-place"),
    grid=GridFactors(
        zone="FR",
        g_per_kwh=36.0,
        l_per_kwh=3.6,
        eur_per_kwh=0.18,
        basis="lifecycle",
        kind="annual",
        year=2025,
        sources={"default": "test-grid", "eur_per_kwh": "test-price"},
    ),
    machine=MachineFactors(embodied_g=200_000.0, life_years=5.0, source="test-machine"),
    interval_ratio=(0.5, 2.0),
)


@dataclass
class FakeMeter:
    """A meter whose counter moves when told."""

    clock: ManualClock
    counter_j: float = 1000.0
    gap_s: float = 0.0
    method: str = "measured"
    name: str = "fake"
    covers: str = "machine"
    part: Part = "host"
    accelerator_j: float | None = None

    def count(self, energy_j: float) -> None:
        self.counter_j += energy_j

    def read(self) -> tuple[MeterReading, ...]:
        counters: list[tuple[Part, float]] = [(self.part, self.counter_j)]
        if self.accelerator_j is not None:
            counters.append(("accelerator", self.accelerator_j))
        return tuple(
            MeterReading(
                at=self.clock.now_at(),
                domain="machine" if part == self.part else part,
                counter_j=counter_j,
                method=self.method,
                gap_s=self.gap_s,
                part=part,
            )
            for part, counter_j in counters
        )

    def close(self) -> None:
        pass


def make_usage(*, prompt_tokens: int = 10, cached_tokens: int = 0, new_tokens: int = 5) -> Usage:
    return Usage(
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        new_tokens=new_tokens,
        queued_s=0.0,
        prefill_s=0.25,
        decode_s=0.5,
    )


def make_facts(request_id: str, reason: FinishReason = FinishReason.STOP, **usage: int) -> AnswerFacts:
    return AnswerFacts(request_id=request_id, usage=make_usage(**usage), finish_reason=reason)


@dataclass
class Bench:
    """An accountant over a fake meter and a real ledger in a file."""

    path: Path
    idle_w: float = 4.0
    accelerator_idle_w: float = 0.0
    has_accelerator: bool = False
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.meter = FakeMeter(clock=self.clock, accelerator_j=0.0 if self.has_accelerator else None)
        self.busy_s = self.own_s = 0.0
        self.accelerator_busy_s = self.accelerator_own_s = 0.0
        self.idle = IdleTracker(host_w=self.idle_w, accelerator_w=self.accelerator_idle_w)
        self.ledger = Ledger.open(sqlite_url(self.path))
        self.start()

    def start(self) -> None:
        self.accountant = Accountant(
            node_id="here",
            meter=self.meter,
            idle=self.idle,
            clock=self.clock,
            ledger=self.ledger,
            factors=lambda: FACTORS,
            processor=lambda: ProcessorTime(busy_s=self.busy_s, own_s=self.own_s),
            accelerators=lambda: ProcessorTime(busy_s=self.accelerator_busy_s, own_s=self.accelerator_own_s),
        )

    def work(self, duration_s: float, *, active_j: float = 0.0, accelerator_j: float = 0.0) -> None:
        """Time passes; machine and accelerator draw their idle power and something above it."""
        self.clock.advance(duration_s)
        self.meter.count(self.idle_w * duration_s + active_j)
        if self.meter.accelerator_j is not None:
            self.meter.accelerator_j += self.accelerator_idle_w * duration_s + accelerator_j

    def compute(self, own_s: float, *, others_s: float = 0.0) -> None:
        """Our engines use the processor, and so do other programs."""
        self.own_s += own_s
        self.busy_s += own_s + others_s

    def compute_on_accelerators(self, own_s: float, *, others_s: float = 0.0) -> None:
        """Our engines use the accelerators, and so do other programs."""
        self.accelerator_own_s += own_s
        self.accelerator_busy_s += own_s + others_s

    def begin(self, request_id: str, *, model_id: str = "mini", weights: StepWeights = WEIGHTS) -> str:
        return self.accountant.begin(request_id, model_id, weights)

    def finish(self, request_id: str, reason: FinishReason = FinishReason.STOP, **usage: int) -> Receipt:
        return self.accountant.finish(make_facts(request_id, reason, **usage)).result(timeout=10)

    def final(self, receipt: Receipt) -> Receipt:
        """The receipt at its latest revision, once everything submitted is written."""
        self.settle_writes()
        return self.ledger.receipt(receipt.receipt_id)

    def settle_writes(self) -> None:
        self.accountant._writer.submit(Events(), None).result(timeout=10)

    def close(self) -> None:
        self.accountant.close()
        self.ledger.close()
