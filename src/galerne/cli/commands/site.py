"""``galerne site``: from a scenario to euros, grams and litres per million tokens; which place; what size."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from galerne.catalog import Catalog
from galerne.cli.commands.site_tables import (
    comparison_lines,
    comparison_table,
    configurations_table,
    deciding_sources,
    figures_table,
    growth_table,
    place_table,
    swing_table,
)
from galerne.cli.screen import make_console, print_json
from galerne.cli.settings import read_settings
from galerne.errors import InvalidScenario
from galerne.language import Language, phrases
from galerne.site import (
    Scenario,
    SitePlan,
    compare_sites,
    comparison_to_json,
    hours_to_csv,
    locate_fault,
    plan_site,
    plan_to_json,
    profile_place,
    profile_to_json,
    read_hourly,
    read_scenario,
    scenario_schema,
    search_configurations,
    search_to_json,
)
from galerne.site.scenario.edits import edit_scenario, read_changes
from galerne.site.scenario.records import SAMPLES
from galerne.site.shown.worded import warn_of, word_growth
from galerne.site.shown.wording import wording_in
from galerne.site.worked import catalog_for, find_scenario


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A scenario as a command names it.

    Attributes:
        scenario: a file, or the name of a worked case.
        changes: such as ``site.place=lyon``.
        n_samples: instead of its own; 0 keeps those.
    """

    scenario: Path
    changes: tuple[str, ...] = ()
    n_samples: int = 0

    def read(self) -> tuple[Scenario, Path]:
        """The scenario, and the folder that its series are in.

        Raises:
            InvalidScenario: the file cannot be read, or says something impossible.
        """
        path = find_scenario(self.scenario)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidScenario(path=str(path), problem=str(error)) from error
        scenario = read_scenario(edit_scenario(text, read_changes(self.changes)) if self.changes else text)
        if self.n_samples:
            if not SAMPLES.low <= self.n_samples <= SAMPLES.high:
                problem = f"{self.n_samples} is not between {SAMPLES.low:g} and {SAMPLES.high:g}"
                raise InvalidScenario(path="--samples", problem=problem)
            sampling = replace(scenario.sampling, n_samples=self.n_samples)
            scenario = replace(scenario, sampling=sampling)
        return scenario, path.parent

    @contextlib.contextmanager
    def located(self) -> Iterator[None]:
        """Tell of each fault of the scenario, whenever it is found, in which row of which file it is."""
        try:
            yield
        except InvalidScenario as error:
            if error.path in {change.partition("=")[0].strip() for change in self.changes}:
                raise InvalidScenario(path=f"--set {error.path}", problem=error.problem) from None
            path = find_scenario(self.scenario)
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                raise error from None
            raise locate_fault(error, text, file=path.name) from None


def plan(wish: Wish, *, report: Path | None, as_json: bool) -> None:
    """Plan a site and print it; write the report where asked.

    Raises:
        InvalidScenario: the file cannot be read, or says something impossible.
        Infeasible: no plan meets the objective.
    """
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    site_plan = _plan(wish, report)
    if as_json:
        print_json(plan_to_json(site_plan))
        return
    console = make_console()
    print_plan(site_plan, console, settings.language)
    if report is not None:
        console.print(words["report_written"].format(path=report), markup=False)


def report(wish: Wish, *, out: Path | None) -> None:
    """Plan a site and write its report; by default beside where one is, under the scenario's name.

    Raises:
        InvalidScenario: the file cannot be read, says something impossible, or the report cannot be written.
        Infeasible: no plan meets the objective.
    """
    path = out or Path(f"{wish.scenario.stem}.html")
    _plan(wish, path)
    words = phrases("galerne.cli", read_settings(os.environ).language)
    make_console().print(words["report_written"].format(path=path), markup=False)


def _plan(wish: Wish, report: Path | None) -> SitePlan:
    """The plan, its report written where one is asked for."""
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    if report is not None:
        _require_writable(report)
    with wish.located(), show_progress(words["planning"]) as on_progress:
        wanted, folder = wish.read()
        hourly = read_hourly(wanted.series, folder=folder)
        catalog = catalog_for(wanted, Catalog(settings.catalog_folder))
        made = plan_site(wanted, catalog=catalog, hourly=hourly, on_progress=on_progress)
    if report is not None:
        with show_progress(words["drawing"]) as on_progress:
            _write_report(made, report, settings.language, on_progress)
    return made


def compare(wish: Wish, *, places: str, objectives: tuple[str, ...], as_json: bool) -> None:
    """Rank places and print them.

    Raises:
        InvalidScenario: the file cannot be read, or a place or objective is not known.
        Infeasible: no plan meets the objective.
    """
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    wanted = [] if places == "all" else [place.strip() for place in places.split(",") if place.strip()]
    with wish.located(), show_progress(words["comparing"]) as on_progress:
        scenario, _ = wish.read()
        comparison = compare_sites(
            scenario,
            catalog=catalog_for(scenario, Catalog(settings.catalog_folder)),
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


def configs(wish: Wish, *, n_accelerators: int, as_json: bool) -> None:
    """Print the best configurations.

    Raises:
        InvalidScenario: the file cannot be read, or says something impossible.
        Infeasible: no layout fits or is fast enough.
    """
    settings = read_settings(os.environ)
    with wish.located():
        scenario, _ = wish.read()
        catalog = catalog_for(scenario, Catalog(settings.catalog_folder))
        search = search_configurations(scenario, catalog=catalog, n_accelerators=n_accelerators)
    if as_json:
        print_json(search_to_json(search))
        return
    console = make_console()
    console.print(configurations_table(search, language=settings.language))
    words = phrases("galerne.cli", settings.language)
    error = wording_in(settings.language).percent(search.error_ratio)
    console.print(words["configs_tried"].format(n=search.n_tried, error=error), style="dim", markup=False)


def hours(*, place: str, year: int, out: Path | None) -> None:
    """Print a year of hours of a place, or write it.

    Raises:
        UnknownId: there is no such place.
        InvalidScenario: the file cannot be written.
    """
    settings = read_settings(os.environ)
    text = hours_to_csv(Catalog(settings.catalog_folder), place, year=year)
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidScenario(path=str(out), problem=f"the hours cannot be written: {error}") from error
    words = phrases("galerne.cli", settings.language)
    make_console().print(words["hours_written"].format(path=out), markup=False)


def schema() -> None:
    """Print the schema of scenario files."""
    print_json(scenario_schema())


@contextlib.contextmanager
def show_progress(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on the error stream for as long as the block lasts; nothing in a pipe."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _require_writable(path: Path) -> None:
    """Refuse before minutes are spent on what could not be kept; what is there is not touched."""
    is_new = not path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        raise InvalidScenario(path=str(path), problem=f"the report cannot be written: {error}") from error


def _write_report(
    site_plan: SitePlan, path: Path, language: Language, on_progress: Callable[[float], None]
) -> None:
    from galerne.site.shown.report import render_report  # draws: loaded only when a report is asked for

    try:
        path.write_text(
            render_report(site_plan, language=language, on_progress=on_progress), encoding="utf-8"
        )
    except OSError as error:
        raise InvalidScenario(path=str(path), problem=f"the report cannot be written: {error}") from error


def print_plan(site_plan: SitePlan, console: Console, language: Language) -> None:
    """Every figure with its range, label and deciding sources; what matters most; what to watch."""
    words, wording = phrases("galerne.cli", language), wording_in(language)
    keys = deciding_sources(site_plan)
    console.print(figures_table(site_plan, keys, language=language))
    console.print(swing_table(site_plan, language=language))
    growth = word_growth(site_plan, wording)
    if growth["rows"]:
        console.print(growth_table(site_plan, language=language))
        for note in growth["notes"]:
            console.print(note, style="dim", markup=False)
    for text in warn_of(site_plan, wording):
        console.print(f"! {text}", style="bold yellow", markup=False)
    console.print(wording.phrases["method_note"], style="dim", markup=False)
    console.print(words["site_deciding"], style="dim", markup=False)
    for number, key in enumerate(keys, start=1):
        source = site_plan.sources[key]
        console.print(
            f"[{number}] {source.title}. {source.publisher}, {source.date}", style="dim", markup=False
        )
    console.print(words["site_more"], style="dim", markup=False)
