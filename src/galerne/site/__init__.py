"""The data centre behind the answers: from a connection and a climate to euros, grams and litres per token.

Front door: ``read_scenario``, ``plan_site``, then ``plan_to_json`` or ``summarise_plan``. The report draws
and is imported apart, from ``galerne.site.report``.
"""

from galerne.site.export import plan_to_json
from galerne.site.facility import FacilityHour
from galerne.site.figures import Figure
from galerne.site.plan import Comparison, SitePlan, plan_site
from galerne.site.reading import read_scenario
from galerne.site.scenario import Scenario
from galerne.site.summary import SummaryLine, summarise_plan

__all__ = [
    "Comparison",
    "FacilityHour",
    "Figure",
    "Scenario",
    "SitePlan",
    "SummaryLine",
    "plan_site",
    "plan_to_json",
    "read_scenario",
    "summarise_plan",
]
