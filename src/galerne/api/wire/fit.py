"""What fits on this machine, as clients see it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from galerne.perf import Fit


class FitBody(BaseModel):
    """A model in a format on this machine, alone; times and energy are modelled."""

    model_id: str
    model_name: str
    purpose: str = Field(description="`general`, or what it was trained for.")
    n_active_parameters: float = Field(description="Weights a token passes through.")
    format_id: str
    fits: bool
    context_tokens: int
    weights_bytes: float
    kv_bytes_per_token: float
    needed_bytes: float
    headroom_bytes: float = Field(description="What stays free; negative where it does not fit.")
    prompt_tokens: int
    first_token_s: float
    tokens_per_s: float
    j_per_token: float
    error_ratio: float = Field(description="Typical relative error of the times.")
    method: str = "modelled"


class FitList(BaseModel):
    """What fits on this machine and what does not."""

    machine: str
    data: list[FitBody]


def fit_body(fit: Fit) -> FitBody:
    """A row for the wire."""
    plan = fit.plan
    return FitBody(
        model_id=plan.model.id,
        model_name=plan.model.name,
        purpose=plan.model.purpose,
        n_active_parameters=plan.model.n_active_parameters,
        format_id=plan.format.id,
        fits=fit.fits,
        context_tokens=plan.context_tokens,
        weights_bytes=fit.weights_bytes,
        kv_bytes_per_token=fit.kv_bytes_per_token,
        needed_bytes=fit.needed_bytes,
        headroom_bytes=fit.headroom_bytes,
        prompt_tokens=fit.prompt_tokens,
        first_token_s=fit.first_token_s,
        tokens_per_s=fit.tokens_per_s,
        j_per_token=fit.j_per_token,
        error_ratio=fit.error_ratio,
    )
