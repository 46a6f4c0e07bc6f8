"""What is frozen with every answer: the place, its electricity, the machine, and how sure the meter is."""

from __future__ import annotations

from galerne.catalog import Catalog, Machine
from galerne.cli.foundation import Foundation
from galerne.grid import GridSignal
from galerne.ledger import Factors, GridFactors, MachineFactors
from galerne.machine.meter import IDLE_SOURCE, IdlePower, IdleTracker, Meter


class FactorsOfNow:
    """Gives the factors of this moment; answers under one reading of the grid share them.

    Args:
        foundation: knows the place and its electricity.
        machine: that the energy is used by.
        meter: that it is read from.
        idle: what is taken for its power at rest.
    """

    def __init__(self, foundation: Foundation, machine: Machine, meter: Meter, idle: IdleTracker) -> None:
        self._foundation = foundation
        self._machine = machine
        self._interval_ratio = _interval_ratio(foundation.catalog, machine, meter)
        self._idle = idle
        self._latest: tuple[GridSignal, IdlePower, Factors] | None = None

    def __call__(self) -> Factors:
        """Place, electricity and machine as they are."""
        grid, idle = self._foundation.grid(), self._idle.power
        if self._latest is None or self._latest[0] is not grid or self._latest[1] != idle:
            self._latest = grid, idle, self._freeze(grid, idle)
        return self._latest[2]

    def _freeze(self, grid: GridSignal, idle: IdlePower) -> Factors:
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
                idle_w=idle.total_w,
                idle_method=idle.method,
                idle_source=_idle_source(self._machine, idle),
            ),
            interval_ratio=self._interval_ratio,
        )


def _idle_source(machine: Machine, idle: IdlePower) -> str:
    if idle.method != "modelled":
        return IDLE_SOURCE
    row, field = (
        (machine.accelerators[0], "idle_w") if machine.accelerators else (machine.host, "idle_core_w")
    )
    return row.sources.get(field, row.sources.get("default", ""))


def _interval_ratio(catalog: Catalog, machine: Machine, meter: Meter) -> tuple[float, float]:
    """How far the energy may be off: the host row's own range where it is modelled, else the meter's."""
    if meter.method == "modelled":
        spread = machine.host.spread.get("busy_core_w")
        return spread.relative if spread else (0.5, 2.0)
    return catalog.facts["component-meter-error"].spread["value"].relative
