"""What a year used: from the ledger's meters, or from a plan."""

from __future__ import annotations

from galerne.catalog import Catalog
from galerne.site.building.climate import read_weather
from galerne.site.eed.degree_days import cooling_degree_days
from galerne.site.eed.metered import Metered, MeteredQuantity
from galerne.site.plan import SitePlan
from galerne.site.scenario.history import History
from galerne.units import KWH_J, YEAR_S


def metered_from_ledger(history: History, *, year: int, pue_ratio: float | None) -> Metered:
    """IT energy of a year from the ledger's meters; the building's only where its PUE is declared.

    Args:
        history: of that year.
        year: calendar year.
        pue_ratio: of the place, as the owner says it; None where nothing is known.
    """
    covered_s = sum((s.ended_at - s.started_at) * s.coverage_ratio for s in history.stretches)
    it_kwh = sum(s.it_j for s in history.stretches) / KWH_J
    methods = {s.method for s in history.stretches}
    method = next((m for m in ("modelled", "derived", "measured") if m in methods), "missing")
    completeness = min(1.0, covered_s / YEAR_S)
    quantities: dict[str, MeteredQuantity] = {}
    if history.stretches:
        quantities["E_IT"] = MeteredQuantity(
            value=it_kwh, method=method, completeness_ratio=completeness, note="sum of the ledger's meters"
        )
        if pue_ratio is not None:
            note = f"E_IT × the declared PUE of {pue_ratio:g}"
            quantities["E_DC"] = MeteredQuantity(
                value=it_kwh * pue_ratio, method="derived", completeness_ratio=completeness, note=note
            )
    return Metered(year=year, basis="ledger", quantities=quantities)


def metered_from_plan(plan: SitePlan, *, year: int, catalog: Catalog) -> Metered:
    """A simulated year: what the meters of a planned site would count."""

    def kwh(name: str) -> float:
        return plan.figures[name].value / KWH_J

    it_kwh = plan.figures["mean_it_w"].value * YEAR_S / KWH_J
    cooling_kwh = plan.breakdown_w["cooling"] * YEAR_S / KWH_J
    values = {
        "P_DIT": plan.figures["rated_it_w"].value / 1e3,
        "E_DC": kwh("facility_j"),
        "E_IT": it_kwh,
        "E_COOL": cooling_kwh,
        "Q_COOL": it_kwh + plan.breakdown_w["losses"] * YEAR_S / KWH_J,
        "W_IN": plan.figures["onsite_water_l"].value / 1e3,
        "E_REUSE": kwh("reused_j") if "reused_j" in plan.figures else 0.0,
    }
    note = f"plan {plan.scenario.fingerprint}"
    return Metered(
        year=year,
        basis="simulated",
        quantities={
            symbol: MeteredQuantity(value=value, method="modelled", completeness_ratio=1.0, note=note)
            for symbol, value in values.items()
        }
        | {"CDD": degree_days(catalog, plan.place.id)},
    )


def degree_days(catalog: Catalog, place_id: str) -> MeteredQuantity:
    """Cooling degree days of a place, from its normals.

    Raises:
        UnknownId: there is no such place.
    """
    return MeteredQuantity(
        value=cooling_degree_days(read_weather(catalog.places[place_id])),
        method="modelled",
        completeness_ratio=1.0,
        note=f"normals of {place_id}, as Eurostat counts",
    )
