"""The operator's yearly report: the energy-efficiency indicators of Delegated Regulation (EU) 2024/1364.

Front door: ``read_form`` and one of ``read_metered``, ``metered_from_ledger`` and ``metered_from_plan``, then
``make_report``, then ``eed_to_json``, ``eed_to_csv`` or ``render_eed``; ``form_template`` asks for the rest.
"""

from galerne.site.eed.form import form_template, read_form
from galerne.site.eed.indicators import EedReport
from galerne.site.eed.metered import Metered, read_metered
from galerne.site.eed.page import eed_to_csv, eed_to_json, render_eed
from galerne.site.eed.report import make_report
from galerne.site.eed.sources import metered_from_ledger, metered_from_plan

__all__ = [
    "EedReport",
    "Metered",
    "eed_to_csv",
    "eed_to_json",
    "form_template",
    "make_report",
    "metered_from_ledger",
    "metered_from_plan",
    "read_form",
    "read_metered",
    "render_eed",
]
