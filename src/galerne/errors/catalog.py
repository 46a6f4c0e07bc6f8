"""Faults in the tables of facts."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class CatalogError(GalerneError):
    """A fault in the tables of facts."""


@failure
class InvalidFact(CatalogError):
    """A catalogue row that must not load."""

    advice = "Correct the row named here; every number needs a known source."
    sentence = "{path}: {problem}"
    path: str
    problem: str


@failure
class UnknownId(CatalogError):
    """No catalogue row of that name."""

    advice = "`galerne catalog list` shows every known id."
    sentence = "There is no {kind} {id!r}"
    kind: str
    id: str
    nearest: str | None = None
