"""What is frozen with every answer: the place, its electricity, the machine, and how sure the meter is."""

from __future__ import annotations

from galerne.catalog import Catalog, Machine
from galerne.cli.foundation import Foundation
from galerne.grid import GridSignal
from galerne.ledger import Factors, GridFactors, MachineFactors
from galerne.machine.meter import Meter


class FactorsOfNow:
    """Gives the factors of this moment; answers under one reading of the grid share them.

    Args:
        foundation: knows the place and its electricity.
        machine: that the energy is used by.
        meter: that it is read from.
    """

    def __init__(self, foundation: Foundation, machine: Machine, meter: Meter) -> None:
        self._foundation = foundation
        self._machine = machine
        self._interval_ratio = _interval_ratio(foundation.catalog, machine, meter)
        self._latest: tuple[GridSignal, Factors] | None = None

    def __call__(self) -> Factors:
        """Place, electricity and machine as they are."""
        grid = self._foundation.grid()
        if self._latest is None or self._latest[0] is not grid:
            self._latest = grid, self._freeze(grid)
        return self._latest[1]

    def _freeze(self, grid: GridSignal) -> Factors:
        host = self._machine.host
        return Factors(
            place=self._foundation.settings.place,
            facility=self._foundation.facility(),
            grid=GridFactors(
                zone=grid.zone,
                g_per_kwh=grid.g_per_kwh,
                l_per_kwh=grid.l_per_kwh,
                eur_per_kwh=grid.eur_per_kwh,
                basis=grid.basis,
                kind=grid.kind,
                year=grid.year,
                sources=grid.sources,
                as_of_at=grid.as_of_at,
                direct_g_per_kwh=grid.direct_g_per_kwh,
                market_g_per_kwh=grid.market_g_per_kwh,
                price_kind=grid.price_kind,
            ),
            machine=MachineFactors(
                embodied_g=self._machine.embodied_g,
                life_years=host.life_years,
                source=host.sources.get("embodied_core_g", host.sources.get("default", "")),
            ),
            interval_ratio=self._interval_ratio,
        )


def _interval_ratio(catalog: Catalog, machine: Machine, meter: Meter) -> tuple[float, float]:
    """How far the energy may be off: the host row's own range where it is modelled, else the meter's."""
    if meter.method == "modelled":
        spread = machine.host.spread.get("busy_core_w")
        return spread.relative if spread else (0.5, 2.0)
    return catalog.facts["component-meter-error"].spread["value"].relative
