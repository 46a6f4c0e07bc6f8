"""The planner of data centres, as the API asks it: from the text of a scenario to plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from galerne.api import SitePlanner
from galerne.catalog import Catalog


def make_planner(catalog: Catalog) -> SitePlanner:
    """The planner over a catalogue; its part is imported when it is first asked, for it takes a moment."""

    def plan(text: str) -> Mapping[str, Any]:
        from galerne.site import plan_site, plan_to_json, read_scenario

        return plan_to_json(plan_site(read_scenario(text), catalog=catalog))

    def compare(text: str, places: Sequence[str], objectives: Sequence[str]) -> Mapping[str, Any]:
        from galerne.site import compare_sites, comparison_to_json, read_scenario

        scenario = read_scenario(text)
        return comparison_to_json(
            compare_sites(scenario, catalog=catalog, places=places, objectives=objectives)
        )

    def configure(text: str, n_accelerators: int) -> Mapping[str, Any]:
        from galerne.site import read_scenario, search_configurations, search_to_json

        return search_to_json(
            search_configurations(read_scenario(text), catalog=catalog, n_accelerators=n_accelerators)
        )

    def schema() -> Mapping[str, Any]:
        from galerne.site import scenario_schema

        return scenario_schema()

    return SitePlanner(plan=plan, compare=compare, configure=configure, schema=schema)
