"""Requests that no node takes."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class FleetError(GalerneError):
    """No node can serve."""


@failure
class NoNode(FleetError):
    """No node can take this request; says why for each."""

    advice = "Start a model with `galerne serve`, or wait until a node is ready."
    rejected: dict[str, str]

    def __str__(self) -> str:
        reasons = "; ".join(f"{node}: {reason}" for node, reason in self.rejected.items())
        return f"No node can take this request ({reasons or 'there is none'})"
