"""``galerne site``: from a scenario to euros, grams and litres per million tokens; which place; what size."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from galerne.catalog import Catalog
from galerne.cli.commands.site_tables import (
    comparison_lines,
    comparison_table,
    configurations_table,
    place_table,
    swing_table,
)
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.errors import InvalidScenario
from galerne.language import Language, phrases
from galerne.site import (
    Scenario,
    SitePlan,
    compare_sites,
    comparison_to_json,
    plan_notices,
    plan_site,
    plan_to_json,
    profile_place,
    profile_to_json,
    read_hourly,
    read_scenario,
    scenario_schema,
    search_configurations,
    search_to_json,
    summarise_plan,
)
from galerne.site.wording import wording_in


def plan(*, scenario: Path, report: Path | None, as_json: bool) -> None:
    """Plan a site and print it; write the report where asked.

    Raises:
        InvalidScenario: the file cannot be read, or says something impossible.
        Infeasible: no plan meets the objective.
    """
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    wanted = _read(scenario)
    hourly = read_hourly(wanted.series, folder=scenario.parent)
    with _progress(words["planning"]) as on_progress:
        site_plan = plan_site(
            wanted, catalog=Catalog(settings.catalog_folder), hourly=hourly, on_progress=on_progress
        )
        if report is not None:
            _write_report(site_plan, report, settings.language)
    if as_json:
        print_json(plan_to_json(site_plan))
        return
    console = make_console()
    _print(site_plan, console, settings.language)
    if report is not None:
        console.print(words["report_written"].format(path=report), markup=False)


def compare(*, scenario: Path, places: str, objectives: tuple[str, ...], as_json: bool) -> None:
    """Rank places and print them.

    Raises:
        InvalidScenario: the file cannot be read, or a place or objective is not known.
        Infeasible: no plan meets the objective.
    """
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    wanted = [] if places == "all" else [place.strip() for place in places.split(",") if place.strip()]
    with _progress(words["comparing"]) as on_progress:
        comparison = compare_sites(
            _read(scenario),
            catalog=Catalog(settings.catalog_folder),
            places=wanted,
            objectives=objectives,
            on_progress=on_progress,
        )
    if as_json:
        print_json(comparison_to_json(comparison))
        return
    console = make_console()
    console.print(comparison_table(comparison, language=settings.language))
    for line in comparison_lines(comparison, language=settings.language):
        console.print(line, style="dim", markup=False)


def show(*, place: str, as_json: bool) -> None:
    """Print a place, or the places there are.

    Raises:
        UnknownId: there is no such place.
    """
    settings = read_settings(os.environ)
    catalog = Catalog(settings.catalog_folder)
    if not place:
        from galerne.cli.commands.catalog import list_rows

        list_rows(table="places", as_json=as_json)
        return
    profile = profile_place(catalog, place)
    if as_json:
        print_json(profile_to_json(profile))
        return
    console = make_console()
    console.print(place_table(profile, language=settings.language))
    keys = ", ".join(dict.fromkeys(source.key for source in profile.sources.values()))
    words = phrases("galerne.cli", settings.language)
    console.print(words["site_sources"].format(keys=keys), style="dim", markup=False)


def configs(*, scenario: Path, n_accelerators: int, as_json: bool) -> None:
    """Print the best configurations.

    Raises:
        InvalidScenario: the file cannot be read, or says something impossible.
        Infeasible: no layout fits or is fast enough.
    """
    settings = read_settings(os.environ)
    search = search_configurations(
        _read(scenario), catalog=Catalog(settings.catalog_folder), n_accelerators=n_accelerators
    )
    if as_json:
        print_json(search_to_json(search))
        return
    console = make_console()
    console.print(configurations_table(search, language=settings.language))
    words = phrases("galerne.cli", settings.language)
    error = wording_in(settings.language).percent(search.error_ratio)
    console.print(words["configs_tried"].format(n=search.n_tried, error=error), style="dim", markup=False)


def schema() -> None:
    """Print the schema of scenario files."""
    print_json(scenario_schema())


def _read(path: Path) -> Scenario:
    try:
        return read_scenario(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidScenario(path=str(path), problem=str(error)) from error


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on the error stream for as long as the block lasts; nothing in a pipe."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


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
    for notice in plan_notices(site_plan, language=language):
        console.print(notice, style="yellow", markup=False)
    console.print(swing_table(site_plan, language=language))
    keys = ", ".join(site_plan.sources)
    console.print(words["site_sources"].format(keys=keys), style="dim", markup=False)
