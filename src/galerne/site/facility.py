"""A year of the whole building, month by hour: IT load, losses, cooling, water, grams and euros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from galerne.catalog import CoolingPlant, PowerStage
from galerne.site.climate import Hours, Weather, day_mean, year_sum
from galerne.site.cooling import CoolingPractice, cooling_load
from galerne.site.power_chain import chain_loss_w
from galerne.units import HOUR_S, KWH_J, Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class Plant:
    """What stands around the IT; rows of numbers, or of arrays of samples.

    Attributes:
        stages: power chain from the rack towards the grid.
        installed_ratio: power of each stage over the IT it feeds; above 1 where there are spares.
        auxiliary_ratio: lighting and offices, over rated IT.
    """

    stages: Sequence[PowerStage]
    installed_ratio: Numeric
    cooling: CoolingPlant
    practice: CoolingPractice
    auxiliary_ratio: Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class GridFactors:
    """What a kilowatt-hour brings with it; numbers, or arrays of samples."""

    g_per_kwh: Numeric
    l_per_kwh: Numeric
    eur_per_kwh: Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class FacilityHour:
    """Hours of the mean day of each month: every array broadcasts to ``(..., 12, 24, 1)``.

    Attributes:
        it_w: power of systems, network and storage.
        loss_w: lost in the power chain.
        cooling_w: fans, pumps, chillers.
        auxiliary_w: lighting and offices.
        facility_w: at the site's meter; the sum of the four.
        water_l: evaporated on site in the hour.
        co2_g: of the electricity of the hour.
        eur: price of the electricity of the hour.
        unmet_ratio: share of the heat that cooling cannot carry at its supply temperature.
    """

    it_w: Hours
    loss_w: Hours
    cooling_w: Hours
    auxiliary_w: Hours
    facility_w: Hours
    water_l: Hours
    co2_g: Hours
    eur: Hours
    unmet_ratio: Hours


@dataclass(frozen=True, kw_only=True, slots=True)
class FacilityYear:
    """A year's totals and the ratios that weigh them by energy; ratios per ISO/IEC 30134."""

    it_j: Hours
    facility_j: Hours
    onsite_water_l: Hours
    grid_water_l: Hours
    co2_g: Hours
    energy_eur: Hours
    unmet_ratio: Hours

    @property
    def pue_ratio(self) -> Hours:
        """Facility energy over IT energy."""
        return self.facility_j / self.it_j

    @property
    def onsite_water_l_per_kwh(self) -> Hours:
        """WUE: litres evaporated on site per kWh of IT energy."""
        return self.onsite_water_l / self.it_j * KWH_J

    @property
    def cue_g_per_kwh(self) -> Hours:
        """CUE: grams of CO2e of the electricity per kWh of IT energy."""
        return self.co2_g / self.it_j * KWH_J


def facility_hours(
    it_w: Numeric, *, rated_it_w: Numeric, plant: Plant, weather: Weather, grid: GridFactors
) -> FacilityHour:
    """A year of a site from its IT load.

        facility = IT + losses + cooling + auxiliary

    Args:
        it_w: IT power, shape broadcasting to ``(..., 12, 24, 1)``.
        rated_it_w: IT power for which chain and cooling were bought.
        plant: what stands around the IT.
        weather: of the place.
        grid: what a kilowatt-hour brings with it.

    Valid for: chain losses that are warmed rooms' heat too; cooling fed from outside the chain.
    Sources: iso-30134-2-pue, iso-30134-9-wue
    """
    rating_w = rated_it_w * plant.installed_ratio
    loss_w = chain_loss_w(plant.stages, it_w, rating_w=rating_w)
    rated_loss_w = chain_loss_w(plant.stages, rated_it_w, rating_w=rating_w)
    cooling = cooling_load(
        plant.cooling,
        it_w + loss_w,
        rated_heat_w=rated_it_w + rated_loss_w,
        weather=weather,
        practice=plant.practice,
    )
    auxiliary_w = plant.auxiliary_ratio * rated_it_w
    facility_w = day_mean(it_w + loss_w + cooling.cooling_w + auxiliary_w)
    facility_j = facility_w * HOUR_S
    return FacilityHour(
        it_w=day_mean(it_w),
        loss_w=day_mean(loss_w),
        cooling_w=day_mean(cooling.cooling_w),
        auxiliary_w=day_mean(auxiliary_w),
        facility_w=facility_w,
        water_l=day_mean(cooling.water_l_per_s) * HOUR_S,
        co2_g=facility_j / KWH_J * grid.g_per_kwh,
        eur=facility_j / KWH_J * grid.eur_per_kwh,
        unmet_ratio=day_mean(cooling.unmet_ratio),
    )


def sum_year(hours: FacilityHour, *, grid: GridFactors) -> FacilityYear:
    """Totals of a year of 8,760 hours."""
    facility_j = year_sum(hours.facility_w) * HOUR_S
    it_j = year_sum(hours.it_w) * HOUR_S
    return FacilityYear(
        it_j=it_j,
        facility_j=facility_j,
        onsite_water_l=year_sum(hours.water_l),
        grid_water_l=facility_j / KWH_J * grid.l_per_kwh,
        co2_g=year_sum(hours.co2_g),
        energy_eur=year_sum(hours.eur),
        unmet_ratio=year_sum(hours.unmet_ratio * hours.it_w) * HOUR_S / it_j,
    )


def peak_ratio(plant: Plant, weather: Weather) -> Hours:
    """Facility power over IT power with all IT at its rating in the hottest hour.

    Returns:
        Shape ``(..., 1, 1, 1)``.
    """
    loss_ratio = chain_loss_w(plant.stages, 1.0, rating_w=plant.installed_ratio)
    cooling = cooling_load(
        plant.cooling,
        1.0 + loss_ratio,
        rated_heat_w=1.0 + loss_ratio,
        weather=weather,
        practice=plant.practice,
    )
    total = np.asarray(1.0 + loss_ratio + cooling.cooling_w + plant.auxiliary_ratio)
    return np.asarray(total.max(axis=(-3, -2, -1), keepdims=True))
