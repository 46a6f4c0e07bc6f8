"""The planner page, apart from how it is drawn: its levers, and a plan as it shows it."""

from galerne.chat.planner.levers import CHOICES, GROUPS, LEVERS, SIZES, Lever, changes_of, fields_of, query_of
from galerne.chat.planner.places import PlacesView, view_places
from galerne.chat.planner.view import DAY_HEIGHT, DAY_WIDTH, PlanView, view_plan

__all__ = [
    "CHOICES",
    "DAY_HEIGHT",
    "DAY_WIDTH",
    "GROUPS",
    "LEVERS",
    "SIZES",
    "Lever",
    "PlacesView",
    "PlanView",
    "changes_of",
    "fields_of",
    "query_of",
    "view_places",
    "view_plan",
]
