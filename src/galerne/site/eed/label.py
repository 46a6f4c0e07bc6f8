"""A preview of the European label of data centres: classes of energy and water, and the way to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from galerne.catalog import Catalog

CLASSES = ("a", "b", "c", "d", "f")
"""Classes with an upper limit that is known; beyond D and up to the limit of F it is E or F, and G above."""
BETWEEN = "E–F"
"""The limit between these two has not been seen."""
LAST = "G"


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelClass:
    """One indicator on the label.

    Attributes:
        symbol: ``PUE`` or ``WUE``.
        value: of the year.
        letter: its class.
        to_next: by how much it must fall for a better class; None in the best one.
        note: what the value was made from.
    """

    symbol: str
    value: float
    letter: str
    to_next: float | None
    note: str


def label_class(limits: Mapping[str, float], *, symbol: str, value: float, note: str) -> LabelClass:
    """The class of a value.

    Args:
        limits: upper limit of each class of ``CLASSES``.
        symbol: of the indicator.
        value: of the year.
        note: what it was made from.

    Sources: eu-label-2026
    """
    inside = next((name for name in CLASSES if value <= limits[name]), None)
    better = CLASSES if inside is None else CLASSES[: CLASSES.index(inside)]
    letter = LAST if inside is None else {"f": BETWEEN}.get(inside, inside.upper())
    return LabelClass(
        symbol=symbol,
        value=value,
        letter=letter,
        to_next=value - limits[better[-1]] if better else None,
        note=note,
    )


def label_limits(catalog: Catalog) -> dict[str, dict[str, float]]:
    """Upper limit of each class, by symbol."""
    return {
        symbol: {name: catalog.facts[f"eu-label-{symbol.lower()}-{name}"].value for name in CLASSES}
        for symbol in ("PUE", "WUE")
    }
