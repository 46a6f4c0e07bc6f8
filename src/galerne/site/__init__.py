"""The data centre behind the answers: from a connection and a climate to euros, grams and litres per token.

Front door: ``read_scenario`` and ``read_hourly``, ``plan_site``, then ``plan_to_json`` or ``summarise_plan``;
``compare_sites`` ranks places and ``profile_place`` shows one. The report draws and is imported apart, from
``galerne.site.shown.report``. ``read_history`` and ``load_profile`` make a scenario of this installation's
own ledger; ``make_report`` is the operator's yearly report.

``scenario`` is what is asked, ``capacity`` what systems carry, ``building`` the year around them, ``shown``
what readers see, ``eed`` the operator's report; the plan that joins them is here.
"""

from galerne.site.building.facility import FacilityHour
from galerne.site.capacity.configure import (
    Configuration,
    ConfigurationSearch,
    search_configurations,
    search_to_json,
)
from galerne.site.compare import OBJECTIVES, SiteComparison, compare_sites, comparison_to_json
from galerne.site.eed import (
    EedReport,
    Metered,
    eed_to_csv,
    eed_to_json,
    form_template,
    make_report,
    metered_from_ledger,
    metered_from_plan,
    read_form,
    read_metered,
    render_eed,
)
from galerne.site.figures import Figure
from galerne.site.place import PlaceProfile, profile_place, profile_to_json
from galerne.site.plan import Comparison, SitePlan, plan_site
from galerne.site.scenario.history import read_history, year_limits
from galerne.site.scenario.profile import LoadProfile, load_profile, profile_scenario, thin_parts, word_thin
from galerne.site.scenario.reading import locate_fault, read_scenario
from galerne.site.scenario.records import Scenario
from galerne.site.scenario.schema import scenario_schema
from galerne.site.scenario.series import Hourly, read_hourly
from galerne.site.shown.export import plan_to_json
from galerne.site.shown.hours import hours_to_csv
from galerne.site.shown.summary import SummaryLine, plan_notices, summarise_plan
from galerne.site.tornado import name_input

__all__ = [
    "OBJECTIVES",
    "Comparison",
    "Configuration",
    "ConfigurationSearch",
    "EedReport",
    "FacilityHour",
    "Figure",
    "Hourly",
    "LoadProfile",
    "Metered",
    "PlaceProfile",
    "Scenario",
    "SiteComparison",
    "SitePlan",
    "SummaryLine",
    "compare_sites",
    "comparison_to_json",
    "eed_to_csv",
    "eed_to_json",
    "form_template",
    "hours_to_csv",
    "load_profile",
    "locate_fault",
    "make_report",
    "metered_from_ledger",
    "metered_from_plan",
    "name_input",
    "plan_notices",
    "plan_site",
    "plan_to_json",
    "profile_place",
    "profile_scenario",
    "profile_to_json",
    "read_form",
    "read_history",
    "read_hourly",
    "read_metered",
    "read_scenario",
    "render_eed",
    "scenario_schema",
    "search_configurations",
    "search_to_json",
    "summarise_plan",
    "thin_parts",
    "word_thin",
    "year_limits",
]
