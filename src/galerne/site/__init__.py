"""The data centre behind the answers: from a connection and a climate to euros, grams and litres per token.

Front door: ``read_scenario`` and ``read_hourly``, ``plan_site``, then ``plan_to_json`` or ``summarise_plan``;
``compare_sites`` ranks places and ``profile_place`` shows one. The report draws and is imported apart, from
``galerne.site.report``.
"""

from galerne.site.compare import OBJECTIVES, SiteComparison, compare_sites, comparison_to_json
from galerne.site.configure import ConfigurationSearch, search_configurations, search_to_json
from galerne.site.export import plan_to_json
from galerne.site.facility import FacilityHour
from galerne.site.figures import Figure
from galerne.site.place import PlaceProfile, profile_place, profile_to_json
from galerne.site.plan import Comparison, SitePlan, plan_site
from galerne.site.reading import read_scenario
from galerne.site.scenario import Scenario
from galerne.site.schema import scenario_schema
from galerne.site.series import Hourly, read_hourly
from galerne.site.summary import SummaryLine, summarise_plan
from galerne.site.tornado import name_input

__all__ = [
    "OBJECTIVES",
    "Comparison",
    "ConfigurationSearch",
    "FacilityHour",
    "Figure",
    "Hourly",
    "PlaceProfile",
    "Scenario",
    "SiteComparison",
    "SitePlan",
    "SummaryLine",
    "compare_sites",
    "comparison_to_json",
    "name_input",
    "plan_site",
    "plan_to_json",
    "profile_place",
    "profile_to_json",
    "read_hourly",
    "read_scenario",
    "scenario_schema",
    "search_configurations",
    "search_to_json",
    "summarise_plan",
]
