"""What a live source says of one zone, and the arithmetic from a mix of fuels to grams."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from galerne.catalog import Catalog
from galerne.errors import NoSignal

FUELS = ("coal", "gas", "oil", "nuclear", "hydro", "wind", "solar", "biomass", "geothermal")
MOST_G_PER_KWH = 3000.0
"""No power station emits as much: beyond, an answer is not believed."""
MOST_UNKNOWN_RATIO = 0.1
"""Share of a mix that may be of no known fuel; what it emits is then the mean of the rest."""
AHEAD_S = 3600.0
"""How far into the future an instant may lie: the clocks of others differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridReading:
    """The electricity of a zone at one moment, as a source has it.

    Attributes:
        as_of_at: the instant it holds for, as the source says.
        g_per_kwh: CO2e over the life cycle, location-based.
        direct_g_per_kwh: of what burns, where the source says it.
        source: source key of both.
    """

    zone: str
    as_of_at: float
    g_per_kwh: float
    direct_g_per_kwh: float | None
    source: str


class GridSource(Protocol):
    """Asks one public service. Its addresses are fixed; it goes out only when ``read`` is called."""

    @property
    def name(self) -> str:
        """By which the user asks for it."""
        ...

    @property
    def fresh_s(self) -> float:
        """How long after its instant a reading still stands for now."""
        ...

    def serves(self, zone: str) -> bool:
        """Whether it knows this zone."""
        ...

    def read(self, zone: str, *, at: float) -> GridReading:
        """Ask for the electricity of a zone now.

        Raises:
            NoSignal: the service cannot be reached, does not answer in time, or says what cannot be.
        """
        ...


def mix_g_per_kwh(amounts: Mapping[str, float], factors_g_per_kwh: Mapping[str, float]) -> float:
    """Life-cycle grams of a kilowatt-hour of a mix.

        g = sum(amount_f * factor_f) / sum(amount_f)

    Args:
        amounts: power or share by fuel; negative ones (a plant's own consumption) count as nothing.
        factors_g_per_kwh: by the same names; an amount without a factor is left out.

    Raises:
        ValueError: nothing is produced, or more than a tenth is of no known fuel.
    """
    produced = {name: amount for name, amount in amounts.items() if amount > 0}
    known = sum(amount for name, amount in produced.items() if name in factors_g_per_kwh)
    if not known or known < (1 - MOST_UNKNOWN_RATIO) * sum(produced.values()):
        raise ValueError("too little of the mix is of a known fuel")
    grams = sum(amount * factors_g_per_kwh.get(name, 0.0) for name, amount in produced.items())
    return grams / known


def fuel_factors(catalog: Catalog) -> dict[str, float]:
    """Life-cycle grams per kilowatt-hour by fuel.

    Sources: unece-lca-2022, incer-acv-pv, ipcc-ar5-lca
    """
    return {fuel: catalog.facts[f"lifecycle-{fuel}"].value for fuel in FUELS}


def believed(reading: GridReading, *, at: float) -> GridReading:
    """A reading that can be true.

    Raises:
        NoSignal: an intensity that no grid has, or an instant that is still to come.
    """
    figures = [reading.g_per_kwh, reading.direct_g_per_kwh or 0.0]
    possible = all(math.isfinite(figure) and 0 <= figure <= MOST_G_PER_KWH for figure in figures)
    if not possible or not reading.as_of_at <= at + AHEAD_S:
        raise NoSignal(zone=reading.zone, what="carbon figure", why=f"{reading.source} says what cannot be")
    return reading
