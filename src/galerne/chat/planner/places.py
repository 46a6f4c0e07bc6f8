"""Places beside each other as the page shows them: rows with their figures as text and as bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from galerne.chat.planner.view import Band

_FIGURES = {
    "cost": "output_eur",
    "carbon": "output_co2_g",
    "water": "output_water_l",
    "energy": "output_j_per_token",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceNumber:
    """A place's figure: as text with its range, and as a band of a line from 0 to 100."""

    value: str
    span: str
    band: Band


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceRow:
    """A place of the comparison."""

    id: str
    rank: int
    name: str
    numbers: tuple[PlaceNumber, ...]
    beyond: str
    because: str
    on_front: bool
    lead: str
    served: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacesView:
    """Places in order, and what to know beside them.

    Attributes:
        wishes: what they are compared by, by name; the first makes the order.
        served: whether a connection in steps makes places differ in what is served.
    """

    title: str
    wishes: Mapping[str, str]
    columns: Mapping[str, str]
    rows: tuple[PlaceRow, ...]
    served: bool
    notes: tuple[str, ...]
    flips_title: str
    flips: tuple[str, ...]
    left_out: tuple[str, ...]
    n_samples: int


def view_places(compared: Mapping[str, Any]) -> PlacesView:
    """The view of a comparison, as the API gives it, in words too."""
    words, wished = compared["words"], compared["objectives"]
    most = {
        wish: max((place["figures"][_FIGURES[wish]]["high"] for place in compared["places"]), default=0.0)
        or 1.0
        for wish in wished
    }
    rows = [
        PlaceRow(
            id=place["place_id"],
            rank=place["rank"],
            name=told["name"],
            numbers=tuple(
                _number(place["figures"][_FIGURES[wish]], told["figures"][wish], most[wish])
                for wish in wished
            ),
            beyond=told["beyond"],
            because=told["because"],
            on_front=place["on_front"],
            lead=told["lead"],
            served=told["served"],
        )
        for place, told in zip(compared["places"], words["places"], strict=True)
    ]
    return PlacesView(
        title=words["title"],
        wishes={wish: words["objectives"][wish] for wish in wished},
        columns=words["columns"],
        rows=tuple(rows),
        served=any(row.served for row in rows),
        notes=tuple(words["notes"]),
        flips_title=words["flips_title"],
        flips=tuple(words["flips"]),
        left_out=tuple(words["left_out"]),
        n_samples=compared["scenario"]["n_samples"],
    )


def _number(figure: Mapping[str, float], words: Mapping[str, str], most: float) -> PlaceNumber:
    low, at, high = (max(0.0, 100.0 * figure[end] / most) for end in ("low", "value", "high"))
    return PlaceNumber(value=words["value"], span=words["span"], band=Band(low=low, at=at, high=high))
