"""The engines as clients see them: which models are loaded, how busy they are, what they draw."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, Field

from galerne.fleet import Presence, ResidentView


class LoadingBody(BaseModel):
    """How far a load has come."""

    elapsed_s: float
    progress_ratio: float = Field(description="Memory taken of memory needed; 0 while it waits for room.")
    retry_after_s: float


class EngineBody(BaseModel):
    """One model of this server and its life in memory."""

    node_id: str
    model_id: str
    model_name: str
    engine: str
    presence: Presence
    state: str
    pinned: bool
    n_active: int
    n_waiting: int
    n_slots: int
    context_tokens: int
    needed_bytes: int = Field(description="Memory it needs, by the shared model.")
    resident_bytes: int = Field(description="Memory its process holds now.")
    tokens_per_s: float = Field(description="Of the last second, all answers together.")
    expected_tokens_per_s: float = Field(description="Of one answer alone, by the shared model.")
    power_w: float | None = Field(description="Its part of the power above idle, by CPU time.")
    power_method: str
    unload_in_s: float | None = Field(description="When it leaves unless it is used; null where it stays.")
    load_s: float | None
    loading: LoadingBody | None
    problem: str | None = Field(description="Code of the failure of its last load.")
    settings: dict[str, str]


class EngineList(BaseModel):
    """Every model of this server, loaded or not."""

    object: Literal["list"] = "list"
    data: list[EngineBody]


class EngineOrder(BaseModel):
    """How a model is to be loaded."""

    pinned: bool | None = Field(default=None, description="Keep it loaded whatever happens, or no longer.")
    load_anyway: bool = Field(default=False, description="Load it even if it does not fit.")
    wait_s: float | None = Field(
        default=None, ge=0, le=86_400, description="How long to wait for it; null for the server's patience."
    )


def engine_body(view: ResidentView) -> EngineBody:
    """A row for the wire."""
    return EngineBody.model_validate(asdict(view))
