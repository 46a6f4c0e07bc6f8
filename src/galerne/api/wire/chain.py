"""The chain at one moment, as clients see it: grid, place, machine, engine, last answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from pydantic import BaseModel, Field

from galerne.api.wire.receipt import SourceBody, SourcedReceiptBody, source_body, sourced_receipt_body
from galerne.catalog import Source
from galerne.fleet import ChainView


class ChainGrid(BaseModel):
    """Where the electricity comes from."""

    zone: str
    zone_name: str
    g_per_kwh: float = Field(description="CO2e over the life cycle of the power stations.")
    direct_g_per_kwh: float | None = Field(description="Of what burns at this hour, where it is known.")
    market_g_per_kwh: float | None = Field(None, description="Of the operator's contract, beside.")
    l_per_kwh: float
    eur_per_kwh: float
    price_kind: str = "industrial"
    as_of_at: float | None = Field(None, description="Instant that a live figure holds for.")
    missing: str = Field("", description="What was asked for live and cannot be had now, and why.")
    kind: str
    basis: str
    year: int
    method: str
    sources: dict[str, SourceBody]


class ChainPlace(BaseModel):
    """What the building adds."""

    name: str
    pue_ratio: float
    onsite_water_l_per_kwh: float
    method: str
    sources: dict[str, SourceBody]


class ChainMachine(BaseModel):
    """What the computer draws."""

    name: str
    n_cores: int
    memory_bytes: int
    power_w: float
    idle_w: float
    history_w: list[float] = Field(description="Mean power of the last windows, oldest first.")
    method: str
    sources: dict[str, SourceBody]


class ChainEngine(BaseModel):
    """What the engine makes of it."""

    kind: str
    state: str
    model_id: str
    n_active: int
    n_slots: int
    n_waiting: int = Field(description="Requests that wait for the engine.")
    tokens_per_s: float
    expected_tokens_per_s: float
    history_tokens_per_s: list[float]
    method: str


class ChainBody(BaseModel):
    """From the megawatt to the message, now."""

    at: float
    grid: ChainGrid
    place: ChainPlace
    machine: ChainMachine
    engine: ChainEngine
    accounts_j: dict[str, float]
    answer: SourcedReceiptBody | None = Field(description="The last one; null before the first.")


def chain_body(chain: ChainView, sources: Mapping[str, Source]) -> ChainBody:
    """The chain for the wire."""
    return ChainBody(
        at=chain.at,
        grid=ChainGrid(**{**asdict(chain.grid), "sources": _written(chain.grid.sources, sources)}),
        place=ChainPlace(**{**asdict(chain.place), "sources": _written(chain.place.sources, sources)}),
        machine=ChainMachine(
            **{**asdict(chain.machine), "sources": _written(chain.machine.sources, sources)}
        ),
        engine=ChainEngine(**asdict(chain.engine)),
        accounts_j=dict(chain.accounts_j),
        answer=sourced_receipt_body(chain.answer, sources) if chain.answer else None,
    )


def _written(keys: Mapping[str, str], sources: Mapping[str, Source]) -> dict[str, SourceBody]:
    return {name: source_body(key, sources) for name, key in keys.items()}
