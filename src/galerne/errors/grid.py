"""Signals of the electricity that cannot be had."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class GridError(GalerneError):
    """The electricity signal cannot be had."""


@failure
class NoSignal(GridError):
    """No carbon, water or price figure for this zone.

    Attributes:
        why: what went wrong where it was asked for; empty where nobody has one.
    """

    advice = "Set GALERNE_ZONE to a zone that `galerne catalog list zones` shows."
    zone: str
    what: str
    nearest: str | None = None
    why: str = ""

    def __str__(self) -> str:
        """What is missing, and why where that is known."""
        sentence = f"No {self.what} is known for the zone {self.zone!r}"
        return f"{sentence}: {self.why}" if self.why else sentence


@failure
class InvalidTariff(GridError):
    """A file of prices that cannot be read."""

    advice = "docs/how-to/live-grid-and-tariffs.md and prices-per-model.md show what such a file may say."
    sentence = "{path}: {problem}"
    path: str
    problem: str
