"""The operator's report for a reader, a program and a spreadsheet."""

from __future__ import annotations

import csv
import dataclasses
import io
from importlib import resources
from typing import Any

import jinja2

from galerne import __version__
from galerne.language import Language
from galerne.site.eed.indicators import EedReport
from galerne.site.shown.wording import wording_in


def eed_to_json(report: EedReport) -> dict[str, Any]:
    """The report as plain values."""
    return {"galerne": __version__, **dataclasses.asdict(report)}


def eed_to_csv(report: EedReport) -> str:
    """One line per indicator."""
    out = io.StringIO()
    names = ["symbol", "value", "unit", "method", "completeness_ratio", "note"]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(indicator) for indicator in report.indicators)
    return out.getvalue()


def render_eed(report: EedReport, *, language: Language) -> str:
    """The report as one HTML page that stands alone and prints.

    Args:
        report: of a year.
        language: of the reader.
    """
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    folder = resources.files("galerne.site")
    text = folder.joinpath("eed", "eed.html.j2").read_text(encoding="utf-8")
    style = folder.joinpath("shown", "report.html.j2").read_text(encoding="utf-8")
    wording = wording_in(language)
    return environment.from_string(text).render(
        report=report,
        say=wording.phrases,
        wording=wording,
        style=style.partition("<style>")[2].partition("</style>")[0],
        version=__version__,
    )
