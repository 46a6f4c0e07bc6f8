"""Energy by measuring boundary, and what a place and its grid make of it.

    accelerator + host + overhead = IT          (inside the server's plug)
    IT x PUE = facility                         (at the site's meter)

Every formula takes an ``EnergySplit`` and so cannot mix boundaries. Site water is counted on IT energy and
grid water on facility energy: ISO/IEC 30134-9 defines WUE per unit of IT energy.
"""

from __future__ import annotations

from dataclasses import dataclass

from galerne.units import KWH_J, Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class EnergySplit:
    """Energy of one thing, by part of the machine, in joules.

    Attributes:
        accelerator_j: GPUs.
        host_j: processors, memory and board.
        overhead_j: fans, power supplies and network inside the server boundary.
    """

    accelerator_j: Numeric = 0.0
    host_j: Numeric = 0.0
    overhead_j: Numeric = 0.0

    @property
    def it_j(self) -> Numeric:
        """Energy at the server's plug."""
        return self.accelerator_j + self.host_j + self.overhead_j


@dataclass(frozen=True, kw_only=True, slots=True)
class FacilityFactors:
    """What the place adds to IT energy.

    Attributes:
        pue_ratio: power usage effectiveness, facility over IT; 1 where nothing is added.
        onsite_water_l_per_kwh: WUE, litres evaporated on site per kWh of IT energy.
        source: key of the source of both.
    """

    pue_ratio: Numeric = 1.0
    onsite_water_l_per_kwh: Numeric = 0.0
    source: str = "galerne-home"


def facility_j(split: EnergySplit, factors: FacilityFactors) -> Numeric:
    """Energy at the site's meter.

        facility = IT · PUE

    Sources: iso-30134-2-pue
    """
    return split.it_j * factors.pue_ratio


def use_co2_g(split: EnergySplit, factors: FacilityFactors, *, g_per_kwh: Numeric) -> Numeric:
    """Grams of CO2e of the electricity used.

        use = facility / 3.6e6 · intensity

    Sources: ghg-protocol-scope2
    """
    return facility_j(split, factors) / KWH_J * g_per_kwh


def site_water_l(split: EnergySplit, factors: FacilityFactors) -> Numeric:
    """Litres evaporated by the site's own cooling.

        site water = IT / 3.6e6 · WUE

    Sources: iso-30134-9-wue
    """
    return split.it_j / KWH_J * factors.onsite_water_l_per_kwh


def grid_water_l(split: EnergySplit, factors: FacilityFactors, *, l_per_kwh: Numeric) -> Numeric:
    """Litres consumed by the power stations behind the electricity.

        grid water = facility / 3.6e6 · EWIF

    Sources: wri-ewif-2020
    """
    return facility_j(split, factors) / KWH_J * l_per_kwh


def electricity_eur(split: EnergySplit, factors: FacilityFactors, *, eur_per_kwh: Numeric) -> Numeric:
    """Euros of the electricity used.

    cost = facility / 3.6e6 · price
    """
    return facility_j(split, factors) / KWH_J * eur_per_kwh
