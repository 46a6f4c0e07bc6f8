"""Signals of the electricity that cannot be had."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class GridError(GalerneError):
    """The electricity signal cannot be had."""


@failure
class NoSignal(GridError):
    """No carbon, water or price figure for this zone."""

    advice = "Set GALERNE_ZONE to a zone that `galerne catalog list zones` shows."
    sentence = "No {what} is known for the zone {zone!r}"
    zone: str
    what: str
    nearest: str | None = None
