"""``galerne site plan``: from a scenario to euros, grams and litres per million tokens."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path

from rich.console import Console

from galerne.catalog import Catalog
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.errors import InvalidScenario
from galerne.language import Language, phrases
from galerne.site import SitePlan, plan_site, plan_to_json, read_scenario, summarise_plan


def plan(*, scenario: Path, report: Path | None, as_json: bool) -> None:
    """Plan a site and print it; write the report where asked.

    Raises:
        InvalidScenario: the file cannot be read, or says something impossible.
        Infeasible: no plan meets the objective.
    """
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    try:
        text = scenario.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidScenario(path=str(scenario), problem=str(error)) from error
    with Console(stderr=True).status(words["planning"]):
        site_plan = plan_site(read_scenario(text), catalog=Catalog(settings.catalog_folder))
        if report is not None:
            _write_report(site_plan, report, settings.language)
    if as_json:
        print_json(plan_to_json(site_plan))
        return
    console = make_console()
    _print(site_plan, console, settings.language)
    if report is not None:
        console.print(words["report_written"].format(path=report), markup=False)


def _write_report(site_plan: SitePlan, path: Path, language: Language) -> None:
    from galerne.site.report import render_report  # draws: loaded only when a report is asked for

    try:
        path.write_text(render_report(site_plan, language=language), encoding="utf-8")
    except OSError as error:
        raise InvalidScenario(path=str(path), problem=f"the report cannot be written: {error}") from error


def _print(site_plan: SitePlan, console: Console, language: Language) -> None:
    words = phrases("galerne.cli", language)
    title = words["site_title"].format(name=site_plan.scenario.site.name)
    table = plain_table(
        words["figure"], words["value"], words["range"], words["method"], words["published"], title=title
    )
    table.columns[3].justify = "left"
    for section, lines in groupby(
        summarise_plan(site_plan, language=language), key=lambda line: line.section
    ):
        table.add_section()
        table.add_row(section, style="bold")
        for line in lines:
            table.add_row(f"  {line.name}", line.value, line.span, line.method, line.published)
    console.print(table)
    keys = ", ".join(site_plan.sources)
    console.print(words["site_sources"].format(keys=keys), style="dim", markup=False)
