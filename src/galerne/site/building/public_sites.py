"""What answers how much a site whose design is public takes over its IT, from climate and plant alone."""

from __future__ import annotations

import dataclasses
from typing import Any

from galerne.catalog import Catalog, CoolingPlant
from galerne.perf.checks import Inputs
from galerne.site.building.climate import read_weather
from galerne.site.building.cooling import CoolingPractice
from galerne.site.building.facility import FacilityYear, GridFactors, Plant, facility_hours, sum_year

_NO_GRID = GridFactors(g_per_kwh=0.0, l_per_kwh=0.0, eur_per_kwh=0.0)


def site_pue_ratio(catalog: Catalog, inputs: Inputs) -> float:
    """PUE over a year of normals."""
    return float(_year(catalog, inputs).pue_ratio.item())


def site_water_l_per_kwh(catalog: Catalog, inputs: Inputs) -> float:
    """WUE over a year of normals."""
    return float(_year(catalog, inputs).onsite_water_l_per_kwh.item())


def _year(catalog: Catalog, inputs: Inputs) -> FacilityYear:
    """A flat year of a site; what its operator does not publish is the same for every site."""
    facts = catalog.facts
    load_ratio = float(inputs.get("load_ratio", facts["unpublished-load-ratio"].value))
    hours = facility_hours(
        load_ratio,
        rated_it_w=1.0,
        plant=Plant(
            stages=tuple(catalog.power_stages[name] for name in inputs["power_stages"]),
            installed_ratio=float(inputs.get("installed_ratio", facts["unpublished-installed-ratio"].value)),
            cooling=_cooling(catalog, inputs),
            practice=CoolingPractice(
                fan_turndown_ratio=facts["fan-turndown-ratio"].value,
                air_rise_k=facts["cooler-air-rise"].value,
                chiller_slope_per_k=facts["chiller-cop-slope"].value,
                chiller_lift_k=facts["chiller-lift"].value,
                cycles_of_concentration=facts["cycles-of-concentration"].value,
                vaporisation_j_per_l=facts["vaporisation-heat"].value,
            ),
            auxiliary_ratio=facts["site-auxiliary-ratio"].value,
        ),
        weather=read_weather(catalog.places[inputs["place"]]),
        grid=_NO_GRID,
    )
    return sum_year(hours, grid=_NO_GRID)


def _cooling(catalog: Catalog, inputs: Inputs) -> CoolingPlant:
    """The kind of plant, with what is published of this one instead of the kind's."""
    published: dict[str, Any] = {
        field: float(inputs[field])
        for field in ("supply_c", "adiabatic_ratio", "chiller_cop")
        if field in inputs
    }
    return dataclasses.replace(catalog.cooling_plants[inputs["cooling_plant"]], **published)
