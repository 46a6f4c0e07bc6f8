"""``galerne site report-eed`` and ``from-ledger``: what this installation tells its operator."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from galerne.catalog import Catalog
from galerne.cli.commands.site import Wish, show_progress
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.clock import SystemClock
from galerne.errors import InvalidRequest, InvalidScenario
from galerne.language import phrases
from galerne.ledger import Ledger
from galerne.site import (
    EedReport,
    Metered,
    eed_to_csv,
    eed_to_json,
    form_template,
    load_profile,
    make_report,
    metered_from_ledger,
    metered_from_plan,
    plan_site,
    profile_scenario,
    read_form,
    read_history,
    read_hourly,
    read_metered,
    render_eed,
    word_thin,
    year_limits,
)
from galerne.site.shown.wording import wording_in
from galerne.site.worked import catalog_for


def from_ledger(*, place: str, system: str, model: str, weight_format: str, n_users: float) -> None:
    """Print a scenario of the ledger's load.

    Raises:
        InvalidScenario: the ledger has too few answers.
        UnknownId: the catalogue does not know one of the names.
    """
    settings = read_settings(os.environ)
    catalog = Catalog(settings.catalog_folder)
    chosen = (
        catalog.places[place].zone_id,
        catalog.systems[system].id,
        catalog.models[model].id,
        catalog.formats[weight_format].id,
    )
    ledger = _open_ledger(settings)
    try:
        profile = load_profile(read_history(ledger), standard_offset_s=_offset_s())
    finally:
        ledger.close()
    text = profile_scenario(
        profile,
        place=place,
        zone=chosen[0],
        system=chosen[1],
        model=chosen[2],
        weight_format=chosen[3],
        n_users=n_users,
    )
    print(text, end="")
    warn = Console(stderr=True, highlight=False)
    for sentence in word_thin(profile, language=settings.language):
        warn.print(f"! {sentence}", style="bold yellow", markup=False)


def report_eed(
    *, file: Path | None, year: int, form: Path | None, from_ledger: bool, out: Path | None, as_json: bool
) -> None:
    """Print the indicators of a year; write them where asked.

    Raises:
        InvalidRequest: neither a file nor the ledger is named, or both.
        InvalidScenario: a file cannot be read or says something impossible.
    """
    if from_ledger == (file is not None):
        raise InvalidRequest(path="site report-eed", problem="give a file, or --from-ledger")
    settings = read_settings(os.environ)
    catalog = Catalog(settings.catalog_folder)
    year = year or datetime.fromtimestamp(SystemClock().now_at(), tz=UTC).year
    zone = settings.zone
    if file is None:
        metered = _from_ledger(settings, year)
    elif file.suffix.lower() == ".csv":
        metered = read_metered(file, year=year)
    else:
        wish = Wish(scenario=file)
        planning = phrases("galerne.cli", settings.language)["planning"]
        with wish.located(), show_progress(planning) as on_progress:
            scenario, folder = wish.read()
            zone = scenario.site.zone
            hourly = read_hourly(scenario.series, folder=folder)
            plan = plan_site(
                scenario, catalog=catalog_for(scenario, catalog), hourly=hourly, on_progress=on_progress
            )
        metered = metered_from_plan(plan, year=year, catalog=catalog)
    is_new = form is not None and not form.exists()
    answers = read_form(_text(form) if form and not is_new else "")
    report = make_report(metered, answers, grid_g_per_kwh=catalog.zones[zone].g_per_kwh, catalog=catalog)
    if form is not None and is_new:
        _write_text(form, form_template(report, language=settings.language))
    if out is not None:
        _write(report, out, settings)
    if as_json:
        print_json(eed_to_json(report))
        return
    _print(report, settings, out)
    if is_new:
        words = phrases("galerne.cli", settings.language)
        make_console().print(words["form_written"].format(path=form), markup=False)


def _from_ledger(settings: Settings, year: int) -> Metered:
    since_at, until_at = year_limits(year)
    ledger = _open_ledger(settings)
    try:
        history = read_history(ledger, since_at=since_at, until_at=until_at)
    finally:
        ledger.close()
    said = settings.place_source == "user-place"
    return metered_from_ledger(history, year=year, pue_ratio=settings.pue_ratio if said else None)


def _open_ledger(settings: Settings) -> Ledger:
    if settings.ledger is None and not settings.ledger_path.is_file():
        raise InvalidScenario(path=str(settings.ledger_path), problem="there is no ledger here yet")
    return Ledger.open(settings.ledger_url)


def _offset_s() -> float:
    """Local standard time ahead of UTC, as this computer has it in January."""
    january = datetime(datetime.now(tz=UTC).year, 1, 1, tzinfo=UTC).astimezone()
    offset = january.utcoffset()
    return offset.total_seconds() if offset else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidScenario(path=str(path), problem=str(error)) from error


def _write(report: EedReport, out: Path, settings: Settings) -> None:
    texts = {
        ".html": render_eed(report, language=settings.language),
        ".json": json.dumps(eed_to_json(report), ensure_ascii=False, indent=2),
        ".csv": eed_to_csv(report),
    }
    for suffix, text in texts.items():
        _write_text(out.with_name(out.name + suffix), text)


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidScenario(path=str(path), problem=f"cannot be written: {error}") from error


def _print(report: EedReport, settings: Settings, out: Path | None) -> None:
    words, wording = phrases("galerne.cli", settings.language), wording_in(settings.language)
    say = wording.phrases
    columns = ("eed_symbol", "column_what", "column_value", "column_method", "eed_completeness")
    title = f"{say['eed_title'].format(year=report.year)}. {say[f'eed_basis_{report.basis}']}"
    table = plain_table(*(say[name] for name in columns), title=title)
    for column in (1, 3):
        table.columns[column].justify = "left"
    for row in report.indicators:
        if row.value is None:
            continue
        unit = "" if row.unit == "1" else f" {row.unit}"
        table.add_row(
            row.symbol,
            say[f"eed_{row.symbol}"],
            f"{wording.number(row.value, digits=4)}{unit}",
            say[f"method_{row.method}"],
            wording.percent(row.completeness_ratio),
        )
    console = make_console()
    console.print(table)
    for shown in report.label:
        way = (
            ""
            if shown.to_next is None
            else say["eed_label_next"].format(by=wording.number(shown.to_next, digits=2))
        )
        console.print(say["eed_label"].format(symbol=shown.symbol, letter=shown.letter) + way, markup=False)
    if report.to_fill:
        missing = f"{say['eed_to_fill']}{say['colon']} {', '.join(report.to_fill)}"
        console.print(missing, style="dim", markup=False)
    if out is not None:
        console.print(words["report_written"].format(path=f"{out}.html"), markup=False)
