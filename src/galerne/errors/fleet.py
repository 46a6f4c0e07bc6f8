"""Requests that no node takes."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class FleetError(GalerneError):
    """No node can serve."""


@failure
class ModelLoading(FleetError):
    """The model is being loaded, and the client does not want to wait longer."""

    advice = "Ask again after Retry-After, or say how long you will wait: `Prefer: wait=600`."
    sentence = (
        "The model {model!r} is being loaded ({progress_ratio:.0%} after {elapsed_s:.0f} s); "
        "retry in {retry_after_s:.0f} s"
    )
    model: str
    elapsed_s: float
    progress_ratio: float
    retry_after_s: float


@failure
class NoNode(FleetError):
    """No node can take this request; says why for each."""

    advice = "Start a model with `galerne serve`, or wait until a node is ready."
    rejected: dict[str, str]

    def __str__(self) -> str:
        reasons = "; ".join(f"{node}: {reason}" for node, reason in self.rejected.items())
        return f"No node can take this request ({reasons or 'there is none'})"
