"""Rows of places and what stands there: grid zones, climates, cooling plants, stages of the power chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from galerne.spread import Spread


@dataclass(frozen=True, kw_only=True, slots=True)
class ZoneFactor:
    """A grid zone's yearly factors.

    Attributes:
        g_per_kwh: life-cycle CO2e of electricity, location-based, mean of ``year``.
        l_per_kwh: water consumed by its power stations.
        eur_per_kwh: industrial price without tax; 0 < only where known.
    """

    id: str
    name: str
    iso3: str
    year: int
    g_per_kwh: float
    l_per_kwh: float
    eur_per_kwh: float | None
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class CoolingPlant:
    """A way to carry heat out of a building.

    Attributes:
        supply_c: temperature of the water or air given to the machines.
        approach_k: by how much the outside must be colder than the supply for free cooling.
        adiabatic_ratio: how far evaporation brings dry bulb towards wet bulb; 0 for a dry plant.
        fan_ratio: fan power per unit of heat at design air flow.
        pump_ratio: pump power per unit of heat.
        air_side_ratio: share of the heat that stays in room air, cooled apart.
        air_side_cop: heat moved per unit of power on that air side.
        chiller_cop: coefficient of performance of mechanical cooling at 35 C outside; 0 where there is none.
        evaporated_ratio: share of the heat that towers give away as vapour in any weather; 0 where water only
            wets the air that needs it.
        mixing_flow_ratio: air flow that the machines themselves ask for at full load, over full flow, however
            cold it is; 0 where coolers outside turn as slowly as the weather allows.
    """

    id: str
    name: str
    supply_c: float
    approach_k: float
    adiabatic_ratio: float
    fan_ratio: float
    pump_ratio: float
    air_side_ratio: float
    air_side_cop: float
    chiller_cop: float
    sources: Mapping[str, str]
    evaporated_ratio: float = 0.0
    mixing_flow_ratio: float = 0.0
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerStage:
    """One stage of a power chain: loss = fixed + linear x load + square x load^2, as ratios of its rating."""

    id: str
    name: str
    fixed_ratio: float
    linear_ratio: float
    square_ratio: float
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClimatePlace:
    """A place with hourly climate normals.

    Attributes:
        normals: file of its month-by-hour normals, below ``data/climates``.
        altitude_m: height for which the normals hold.
        build_cost_id: fact with the build cost of its market, or of the nearest one.
    """

    id: str
    name: str
    zone_id: str
    latitude: float
    longitude: float
    altitude_m: float
    normals: str
    build_cost_id: str
    sources: Mapping[str, str]
    spread: Mapping[str, Spread] = field(default_factory=dict)
