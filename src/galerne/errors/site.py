"""Plans that cannot be made."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class SiteError(GalerneError):
    """A site cannot be planned."""


@failure
class InvalidScenario(SiteError):
    """The scenario file says something impossible."""

    advice = "Compare with examples/essonne.toml; each key is explained there."
    sentence = "{path}: {problem}"
    path: str
    problem: str


@failure
class Infeasible(SiteError):
    """No plan meets the objective; names the binding constraint."""

    advice = "Relax the constraint named here, or give the site more of it."
    sentence = "The plan fails on {binding_constraint}: needed {needed:.4g} {unit}, available {available:.4g}"
    binding_constraint: str
    needed: float
    available: float
    unit: str
