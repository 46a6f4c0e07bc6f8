"""How the heat leaves: coolers first, evaporation where it is needed, chillers for the rest.

A dry cooler's capacity follows the difference between supply and outside temperature; its fans turn as slowly
as the heat allows and their power is the cube of the flow. A plant that can evaporate wets its air just
enough to carry the heat. What stays goes to chillers where there are any, and is reported where not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galerne.catalog import CoolingPlant
from galerne.site.building.climate import Hours, Weather
from galerne.units import Numeric

CHILLER_RATED_C = 35.0
AIR_SIDE_RATED_C = 20.0
"""Outside temperatures at which the catalogue's two coefficients of performance hold."""
_COP_LIMITS = (0.4, 2.0)  # how far a COP may leave its rated value
_SMALLEST_K = 0.1  # below this difference nothing flows


@dataclass(frozen=True, kw_only=True, slots=True)
class CoolingPractice:
    """Figures common to all plants; numbers, or arrays of samples.

    Attributes:
        fan_turndown_ratio: lowest air flow, over full flow.
        air_rise_k: warming of the air through a cooler at full flow.
        chiller_slope_per_k: fall of the air side's COP per kelvin, over its rated COP.
        chiller_lift_k: what condenser and evaporator add to the lift of a chiller.
        cycles_of_concentration: how often water is used before it is drained; a count.
        vaporisation_j_per_l: heat that a litre takes away.
    """

    fan_turndown_ratio: Numeric
    air_rise_k: Numeric
    chiller_slope_per_k: Numeric
    chiller_lift_k: Numeric
    cycles_of_concentration: Numeric
    vaporisation_j_per_l: Numeric


@dataclass(frozen=True, kw_only=True, slots=True)
class CoolingLoad:
    """What cooling takes at each hour.

    Attributes:
        cooling_w: fans, pumps, chillers and the air side.
        water_l_per_s: water evaporated and drained.
        unmet_ratio: share of the heat that this plant cannot carry at its supply temperature.
    """

    cooling_w: Hours
    water_l_per_s: Hours
    unmet_ratio: Hours


def fan_flow_ratio(
    plant: CoolingPlant, outside_c: Numeric, *, load_ratio: Numeric, turndown_ratio: Numeric
) -> Numeric:
    """Air flow that carries the heat, over full flow.

        flow = load · max(approach / (supply − outside), mixing), between turn-down and 1

    Sources: galerne-cooling-estimate
    """
    gap_k = np.maximum(plant.supply_c - outside_c, _SMALLEST_K)
    per_load = np.maximum(plant.approach_k / gap_k, plant.mixing_flow_ratio)
    return np.clip(load_ratio * per_load, turndown_ratio, 1.0)


def intake_c(plant: CoolingPlant, weather: Weather, *, load_ratio: Numeric) -> Numeric:
    """Temperature of the air that enters the coolers, wetted only as far as the heat asks.

        wetted = T_db − ε · (T_db − T_wb);  intake = max(wetted, supply − load · approach) where T_db is above

    Sources: galerne-cooling-estimate
    """
    wetted_c = weather.dry_bulb_c - plant.adiabatic_ratio * (weather.dry_bulb_c - weather.wet_bulb_c)
    enough_c = plant.supply_c - load_ratio * plant.approach_k
    return np.minimum(weather.dry_bulb_c, np.maximum(wetted_c, enough_c))


def cop_ratio(outside_c: Numeric, *, rated_c: float, slope_per_k: Numeric) -> Numeric:
    """Coefficient of performance at an outside temperature, over the one it is rated at.

        COP / COP_rated = 1 − slope · (T − T_rated)

    Valid for: outside temperatures from 5 to 45 °C; held outside them.
    Sources: dc-rl-cooling
    """
    return np.clip(1.0 - slope_per_k * (outside_c - rated_c), *_COP_LIMITS)


def chiller_cop(plant: CoolingPlant, sink_c: Numeric, *, lift_k: Numeric) -> Numeric:
    """Coefficient of performance of a plant's chillers against the temperature that takes their heat.

        COP / COP_rated = (35 − supply + lift) / (sink − supply + lift): a constant share of Carnot's

    Sources: galerne-chiller-estimate
    """
    rated_k = CHILLER_RATED_C - plant.supply_c + lift_k
    sink_k = np.maximum(sink_c - plant.supply_c + lift_k, _SMALLEST_K)
    return plant.chiller_cop * np.clip(rated_k / sink_k, *_COP_LIMITS)


def cooling_load(
    plant: CoolingPlant,
    heat_w: Numeric,
    *,
    rated_heat_w: Numeric,
    weather: Weather,
    practice: CoolingPractice,
    reused_w: Numeric = 0.0,
) -> CoolingLoad:
    """Power and water that a plant takes to carry a heat load.

        fans = f · Q_rated · flow³,  free = Q_rated · (supply − intake) / approach
        chiller = rest / COP(sink),  air side = share · Q / COP_air(T)
        water = Q_air · (T_db − intake) / rise / L · C / (C − 1);  of towers: share · Q / L · C / (C − 1)

    Args:
        plant: the way to cool.
        heat_w: heat to carry.
        rated_heat_w: heat for which the coolers were bought.
        weather: dry and wet bulb; results broadcast against it.
        practice: figures common to all plants.
        reused_w: heat that leaves warm, through a heat network instead of the coolers.

    Sources: dc-rl-cooling, galerne-cooling-estimate, galerne-chiller-estimate, galerne-tower-estimate,
        water-vaporisation
    """
    liquid_w = heat_w * (1.0 - plant.air_side_ratio) - reused_w
    rated_w = rated_heat_w * (1.0 - plant.air_side_ratio)
    load_ratio = liquid_w / rated_w
    is_dry, has_chiller = _is_zero(plant.adiabatic_ratio), not _is_zero(plant.chiller_cop)
    air_c = weather.dry_bulb_c if is_dry else intake_c(plant, weather, load_ratio=load_ratio)
    flow_ratio = fan_flow_ratio(
        plant, air_c, load_ratio=load_ratio, turndown_ratio=practice.fan_turndown_ratio
    )
    free_w = np.minimum(liquid_w, rated_w / plant.approach_k * np.maximum(plant.supply_c - air_c, 0.0))
    rest_w = liquid_w - free_w
    cooling_w = plant.fan_ratio * rated_w * (flow_ratio * flow_ratio * flow_ratio) + plant.pump_ratio * heat_w
    if not _is_zero(plant.air_side_ratio):
        air_cop = cop_ratio(
            weather.dry_bulb_c, rated_c=AIR_SIDE_RATED_C, slope_per_k=practice.chiller_slope_per_k
        )
        cooling_w = cooling_w + heat_w * (plant.air_side_ratio / plant.air_side_cop) / air_cop
    if has_chiller:
        # towers cool the condensers too; elsewhere they stand in the dry air
        sink_c = weather.dry_bulb_c if _is_zero(plant.evaporated_ratio) else weather.wet_bulb_c
        cooling_w = cooling_w + rest_w / chiller_cop(plant, sink_c, lift_k=practice.chiller_lift_k)
    water_l_per_s: Numeric = 0.0
    if not is_dry:
        wetted_w = (
            rated_w * flow_ratio * (weather.dry_bulb_c - air_c) / practice.air_rise_k
            if _is_zero(plant.evaporated_ratio)
            else plant.evaporated_ratio * liquid_w
        )
        drained = practice.cycles_of_concentration / (practice.cycles_of_concentration - 1.0)
        water_l_per_s = wetted_w * (drained / practice.vaporisation_j_per_l)
    return CoolingLoad(
        cooling_w=np.asarray(cooling_w),
        water_l_per_s=np.asarray(water_l_per_s),
        unmet_ratio=np.asarray(0.0 if has_chiller else rest_w / heat_w),
    )


def _is_zero(value: Numeric) -> bool:
    return not np.any(np.asarray(value))
