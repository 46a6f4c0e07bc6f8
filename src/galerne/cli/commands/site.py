"""``galerne site plan``: from a scenario to euros, grams and litres per million tokens."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console

from galerne.catalog import Catalog
from galerne.chat.figures import number, quantity
from galerne.cli.screen import make_console, method_label, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.errors import InvalidScenario
from galerne.language import Language, phrases
from galerne.site import SitePlan, plan_site, plan_to_json, read_scenario, render_report
from galerne.site.figures import FIGURES, SECTIONS, Figure

PREFIXED_UNITS = frozenset({"W", "J", "g", "L", "B"})


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
    console = make_console()
    with Console(stderr=True).status(words["planning"]):
        site_plan = plan_site(read_scenario(text), catalog=Catalog(settings.catalog_folder))
    if report is not None:
        report.write_text(render_report(site_plan, language=settings.language), encoding="utf-8")
    if as_json:
        print_json(plan_to_json(site_plan))
        return
    _print(site_plan, console, settings.language)
    if report is not None:
        console.print(words["report_written"].format(path=report), markup=False)


def _print(site_plan: SitePlan, console: Console, language: Language) -> None:
    words, labels = phrases("galerne.cli", language), phrases("galerne.site", language)
    title = words["site_title"].format(name=site_plan.scenario.site.name)
    table = plain_table(
        words["figure"], words["value"], words["range"], words["method"], words["source"], title=title
    )
    table.columns[3].justify = table.columns[4].justify = "left"
    for section in SECTIONS:
        for figure in (f for f in site_plan.figures.values() if FIGURES[f.name].section == section):
            table.add_row(
                labels.get(f"figure_{figure.name}", figure.name),
                _written(figure.value, figure.unit, language),
                _range(figure, language),
                method_label(figure.method, language),
                _sources(figure),
            )
        table.add_section()
    console.print(table)
    _print_comparisons(site_plan, console, language)


def _range(figure: Figure, language: Language) -> str:
    if figure.low == figure.high:
        return ""
    return f"{_written(figure.low, figure.unit, language)} – {_written(figure.high, figure.unit, language)}"


def _written(value: float, unit: str, language: Language) -> str:
    if unit in PREFIXED_UNITS:
        return str(quantity(value, unit, language=language))
    return f"{number(value, language=language)} {unit if unit != '1' else ''}".strip()


def _sources(figure: Figure) -> str:
    """The first sources by key; `--json` and the report have them all."""
    shown = figure.sources[:2]
    more = len(figure.sources) - len(shown)
    return ", ".join(shown) + (f" +{more}" if more else "")


def _print_comparisons(site_plan: SitePlan, console: Console, language: Language) -> None:
    if not site_plan.comparisons:
        return
    words, labels = phrases("galerne.cli", language), phrases("galerne.site", language)
    table = plain_table(
        words["figure"], words["ours"], words["reported"], words["ratio"], words["source"],
        title=words["reported_title"],
    )  # fmt: skip
    for row in site_plan.comparisons:
        unit = site_plan.figures[row.figure].unit
        table.add_row(
            labels.get(f"figure_{row.figure}", row.figure),
            _written(row.ours, unit, language),
            _written(row.reported, unit, language),
            number(row.ratio, language=language, digits=2),
            row.source,
        )
    console.print(table)
