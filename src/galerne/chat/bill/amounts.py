"""What several answers cost together: sums of what their receipts say, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from galerne.chat.bill.receipt import total_co2_g, total_water_l

METHODS = ("measured", "derived", "modelled")
"""From the surest to the least sure; a sum is as sure as its least sure part."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """The sum of some receipts.

    Attributes:
        n_receipts: how many are in it.
        energy_j: full energy, the share of idle included.
        low_j: what the energy is at least, if every interval errs to the same side.
        high_j: what it is at most, likewise.
        cost_eur: ``None`` where one of the receipts has no price.
        method: of the least sure of them; empty without any.
    """

    n_receipts: int
    energy_j: float
    low_j: float
    high_j: float
    co2e_g: float
    water_l: float
    cost_eur: float | None
    method: str


def bill_of(receipts: Iterable[Mapping[str, Any]]) -> Bill:
    """Add receipts of the API up."""
    entries = list(receipts)
    energies_j = [float(entry["energy_j"]["full"]) for entry in entries]
    bounds = [entry.get("interval_ratio") or (1.0, 1.0) for entry in entries]
    costs_eur = [entry.get("cost_eur") for entry in entries]
    known_eur = [cost_eur for cost_eur in costs_eur if cost_eur is not None]
    return Bill(
        n_receipts=len(entries),
        energy_j=sum(energies_j),
        low_j=sum(energy_j * low for energy_j, (low, _) in zip(energies_j, bounds, strict=True)),
        high_j=sum(energy_j * high for energy_j, (_, high) in zip(energies_j, bounds, strict=True)),
        co2e_g=sum(total_co2_g(entry) for entry in entries),
        water_l=sum(total_water_l(entry) for entry in entries),
        cost_eur=sum(known_eur) if len(known_eur) == len(entries) else None,
        method=least_sure(str(entry.get("method", "modelled")) for entry in entries),
    )


def least_sure(methods: Iterable[str]) -> str:
    """The method that a sum of such figures may claim."""
    return max(methods, key=lambda method: METHODS.index(method) if method in METHODS else 9, default="")
