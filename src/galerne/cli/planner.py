"""The planner of data centres, as the API asks it: from the text of a scenario to plain data.

Its part takes a moment to import, so each method imports what it needs when it is first asked.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from galerne.api import SiteWish
from galerne.catalog import Catalog
from galerne.language import Language

if TYPE_CHECKING:
    from galerne.site import Scenario, SitePlan

_PLANS_KEPT = 64


class Planner:
    """The planner over a catalogue; it remembers its last plans, for a page asks for some of them again."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._plans: OrderedDict[tuple[str, int, bool], SitePlan] = OrderedDict()
        self._lock = threading.Lock()
        self._choices: dict[Language, Mapping[str, Any]] = {}

    def plan(self, wish: SiteWish) -> Mapping[str, Any]:
        """A plan; in words too where the wish names a language."""
        from galerne.site import plan_to_json
        from galerne.site.shown.worded import word_plan

        made = self._plan(wish)
        words = {} if wish.language is None else {"words": word_plan(made, language=wish.language)}
        return {**plan_to_json(made), **words}

    def report(self, wish: SiteWish) -> str:
        """The report of a plan, one HTML page."""
        from galerne.site.shown.report import render_report

        return render_report(self._plan(wish), language=wish.language or Language.ENGLISH)

    def edit(self, wish: SiteWish) -> str:
        """The scenario with its changes, once it has been found to be one."""
        from galerne.site import read_scenario

        text = _text(wish)
        read_scenario(text)
        return text

    def compare(self, wish: SiteWish, places: Sequence[str], objectives: Sequence[str]) -> Mapping[str, Any]:
        """Places ranked."""
        from galerne.site import compare_sites, comparison_to_json
        from galerne.site.shown.ranked_words import word_comparison

        scenario = _scenario(wish)
        made = compare_sites(
            scenario,
            catalog=self._for(scenario),
            places=places,
            objectives=objectives,
            on_progress=wish.on_progress,
        )
        words = {} if wish.language is None else {"words": word_comparison(made, language=wish.language)}
        return {**comparison_to_json(made), **words}

    def configure(self, wish: SiteWish, n_accelerators: int) -> Mapping[str, Any]:
        """The best ways to run the scenario's model."""
        from galerne.site import search_configurations, search_to_json

        scenario = _scenario(wish)
        return search_to_json(
            search_configurations(scenario, catalog=self._for(scenario), n_accelerators=n_accelerators)
        )

    def show(self, place: str) -> Mapping[str, Any]:
        """What is known of a place."""
        from galerne.site import profile_place, profile_to_json

        return profile_to_json(profile_place(self._catalog, place))

    def choices(self, language: Language) -> Mapping[str, Any]:
        """Ids and names of what a scenario may name, with what a chooser must see beside them."""
        from galerne.site.shown.worded import word_rows

        if language in self._choices:
            return self._choices[language]
        catalog = self._catalog
        lists = {
            "places": word_rows(catalog.places.rows, language=language),
            "zones": word_rows(catalog.zones.rows, language=language),
            "systems": word_rows(catalog.systems.rows, language=language),
            "models": word_rows(catalog.models.rows, language=language),
            "weight_formats": word_rows(catalog.formats.rows, language=language),
            "cooling_plants": word_rows(catalog.cooling_plants.rows, language=language),
            "power_stages": word_rows(catalog.power_stages.rows, language=language),
        }
        for entry in lists["places"]:
            entry["zone"] = catalog.places[entry["id"]].zone_id
        self._choices[language] = lists
        return lists

    def cases(self) -> Mapping[str, Any]:
        """The worked cases."""
        return self._cases

    @functools.cached_property
    def _cases(self) -> Mapping[str, Any]:
        from galerne.site import read_scenario
        from galerne.site.worked import worked_cases

        return {
            "data": [
                {"id": name, "name": read_scenario(text).site.name, "scenario": text}
                for name, text in worked_cases().items()
            ]
        }

    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of scenarios."""
        from galerne.site import scenario_schema

        return scenario_schema()

    def _plan(self, wish: SiteWish) -> SitePlan:
        from galerne.site import plan_site

        scenario = _scenario(wish)
        key = scenario.fingerprint, scenario.sampling.n_samples, wish.quick
        with self._lock:
            if key in self._plans:
                self._plans.move_to_end(key)
                return self._plans[key]
        made = plan_site(
            scenario, catalog=self._for(scenario), quick=wish.quick, on_progress=wish.on_progress
        )
        with self._lock:
            self._plans[key] = made
            while len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        return made

    def _for(self, scenario: Scenario) -> Catalog:
        from galerne.site.worked import catalog_for

        return catalog_for(scenario, self._catalog)


def _text(wish: SiteWish) -> str:
    from galerne.site.scenario.edits import edit_scenario, read_changes, scenario_of_json

    text = scenario_of_json(wish.text) if wish.is_json else wish.text
    return edit_scenario(text, read_changes(wish.changes)) if wish.changes else text


def _scenario(wish: SiteWish) -> Scenario:
    from galerne.site import read_scenario

    scenario = read_scenario(_text(wish))
    if wish.n_samples is None:
        return scenario
    sampling = dataclasses.replace(scenario.sampling, n_samples=wish.n_samples)
    return dataclasses.replace(scenario, sampling=sampling)
