"""A year of the whole building, hour by hour: IT load, losses, cooling, reused heat, water, grams, euros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from galerne.catalog import CoolingPlant, PowerStage
from galerne.site.building.climate import Calendar, Counts, Hours, Weather, worst_hours, year_sum
from galerne.site.building.cooling import CoolingPractice, cooling_load
from galerne.site.building.power_chain import chain_loss_w
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
    """What a kilowatt-hour brings with it; numbers, or arrays of samples and moments.

    Attributes:
        g_per_kwh: life cycle, the headline.
        direct_g_per_kwh: at the chimneys alone, where it is known hour by hour.
        market_g_per_kwh: by the site's own contract, where it has one.
    """

    g_per_kwh: Numeric
    l_per_kwh: Numeric
    eur_per_kwh: Numeric
    direct_g_per_kwh: Numeric | None = None
    market_g_per_kwh: Numeric | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FacilityHour:
    """The moments of a year: every array broadcasts to ``(..., moments)``.

    Attributes:
        it_w: power of systems, network and storage.
        loss_w: lost in the power chain.
        cooling_w: fans, pumps, chillers.
        auxiliary_w: lighting and offices.
        facility_w: at the site's meter; the sum of the four.
        reused_w: heat given to a network.
        water_l: evaporated on site in an hour.
        unmet_ratio: share of the heat that cooling cannot carry at its supply temperature.
        grid: what a kilowatt-hour brings with it.
        calendar: how long each moment stands for.
    """

    it_w: Hours
    loss_w: Hours
    cooling_w: Hours
    auxiliary_w: Hours
    facility_w: Hours
    reused_w: Hours
    water_l: Hours
    unmet_ratio: Hours
    grid: GridFactors
    calendar: Calendar

    @property
    def co2_g(self) -> Hours:
        """Of the electricity of an hour, life cycle."""
        return np.asarray(self.facility_w * (HOUR_S / KWH_J) * self.grid.g_per_kwh)

    @property
    def eur(self) -> Hours:
        """Price of the electricity of an hour."""
        return np.asarray(self.facility_w * (HOUR_S / KWH_J) * self.grid.eur_per_kwh)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FacilityYear:
    """A year's totals and the ratios that weigh them by energy; ratios per ISO/IEC 30134."""

    it_j: Hours
    facility_j: Hours
    loss_j: Hours
    cooling_j: Hours
    reused_j: Hours
    onsite_water_l: Hours
    grid_water_l: Hours
    co2_g: Hours
    direct_co2_g: Hours | None
    market_co2_g: Hours | None
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

    @property
    def erf_ratio(self) -> Hours:
        """ERF: heat given away over facility energy."""
        return self.reused_j / self.facility_j

    @property
    def cer_ratio(self) -> Hours:
        """CER: heat carried away over the energy that cooling takes for it."""
        return (self.it_j + self.loss_j) / self.cooling_j


def facility_hours(
    it_w: Numeric,
    *,
    rated_it_w: Numeric,
    plant: Plant,
    weather: Weather,
    grid: GridFactors,
    heat_demand_w: Numeric = 0.0,
    cell: Counts | None = None,
) -> FacilityHour:
    """A year of a site from its IT load.

        facility = IT + losses + cooling + auxiliary

    Args:
        it_w: IT power, shape broadcasting to ``(..., moments)``.
        rated_it_w: IT power for which chain and cooling were bought.
        plant: what stands around the IT.
        weather: of the place.
        grid: what a kilowatt-hour brings with it.
        heat_demand_w: heat that a network takes, as far as there is any.
        cell: where the load repeats, the place in ``it_w`` of each moment; the chain is then reckoned once
            for each place.

    Valid for: chain losses that are warmed rooms' heat too; cooling fed from outside the chain.
    Sources: iso-30134-2-pue, iso-30134-6-erf, iso-30134-9-wue
    """
    it_w = np.atleast_1d(np.asarray(it_w, dtype=np.float64))
    rating_w = rated_it_w * plant.installed_ratio
    loss_w = np.asarray(chain_loss_w(plant.stages, it_w, rating_w=rating_w))
    rated_loss_w = chain_loss_w(plant.stages, rated_it_w, rating_w=rating_w)
    if cell is not None:
        it_w, loss_w = np.take(it_w, cell, axis=-1), np.take(loss_w, cell, axis=-1)
    heat_w = it_w + loss_w
    reused_w = np.minimum(heat_demand_w, heat_w * (1.0 - plant.cooling.air_side_ratio))
    cooling = cooling_load(
        plant.cooling,
        heat_w,
        rated_heat_w=rated_it_w + rated_loss_w,
        weather=weather,
        practice=plant.practice,
        reused_w=reused_w if np.any(heat_demand_w) else 0.0,
    )
    auxiliary_w = np.atleast_1d(np.asarray(plant.auxiliary_ratio * rated_it_w))
    return FacilityHour(
        it_w=it_w,
        loss_w=loss_w,
        cooling_w=np.asarray(cooling.cooling_w),
        auxiliary_w=auxiliary_w,
        facility_w=np.asarray(heat_w + (cooling.cooling_w + auxiliary_w)),
        reused_w=np.asarray(reused_w if np.any(heat_demand_w) else 0.0),
        water_l=np.asarray(cooling.water_l_per_s * HOUR_S),
        unmet_ratio=np.asarray(cooling.unmet_ratio),
        grid=grid,
        calendar=weather.calendar,
    )


def sum_year(hours: FacilityHour, *, grid: GridFactors) -> FacilityYear:
    """Totals of a year of 8,760 hours."""
    calendar = hours.calendar

    def total(per_hour: Numeric) -> Hours:
        return year_sum(per_hour, calendar)

    facility_j = total(hours.facility_w) * HOUR_S

    def of_electricity(factor: Numeric) -> Hours:
        """What the year's electricity brings: hour by hour where the factor moves, at once where not."""
        if np.size(factor) > 1 and np.shape(factor)[-1] > 1:
            return total(hours.facility_w * factor) * (HOUR_S / KWH_J)
        return np.asarray(facility_j / KWH_J * factor)

    it_j = total(hours.it_w) * HOUR_S
    return FacilityYear(
        it_j=it_j,
        facility_j=facility_j,
        loss_j=total(hours.loss_w) * HOUR_S,
        cooling_j=total(hours.cooling_w) * HOUR_S,
        reused_j=total(hours.reused_w) * HOUR_S,
        onsite_water_l=total(hours.water_l),
        grid_water_l=of_electricity(grid.l_per_kwh),
        co2_g=of_electricity(grid.g_per_kwh),
        direct_co2_g=None if grid.direct_g_per_kwh is None else of_electricity(grid.direct_g_per_kwh),
        market_co2_g=None if grid.market_g_per_kwh is None else of_electricity(grid.market_g_per_kwh),
        energy_eur=of_electricity(grid.eur_per_kwh),
        unmet_ratio=total(hours.unmet_ratio * hours.it_w) * HOUR_S / it_j
        if np.any(hours.unmet_ratio)
        else 0.0 * it_j,
    )


def peak_ratio(plant: Plant, weather: Weather) -> Hours:
    """Facility power over IT power with all IT at its rating in the worst of the hottest and dampest hours.

    Returns:
        Shape ``(..., 1)``.
    """
    loss_ratio = chain_loss_w(plant.stages, 1.0, rating_w=plant.installed_ratio)
    cooling = cooling_load(
        plant.cooling,
        1.0 + loss_ratio,
        rated_heat_w=1.0 + loss_ratio,
        weather=worst_hours(weather),
        practice=plant.practice,
    )
    total = np.asarray(1.0 + loss_ratio + cooling.cooling_w + plant.auxiliary_ratio)
    return np.asarray(total.max(axis=-1, keepdims=True))
