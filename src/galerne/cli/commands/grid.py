"""``galerne grid``: what a kilowatt-hour carries here now."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from galerne.catalog import Catalog
from galerne.chat.bill.figures import duration, rate
from galerne.cli.electricity import PACKAGED, make_live, make_source, make_spot, with_live
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.clock import SystemClock
from galerne.errors import InvalidSetting
from galerne.grid import GridSignal, find_zone
from galerne.language import Language, phrases


def grid(*, refresh: bool, as_json: bool) -> None:
    """Show the signal; ask the live source first where that is wanted.

    Raises:
        InvalidSetting: no live source is named, and one should be asked.
        NoSignal: the zone is not known, or not to the source.
    """
    settings, clock = read_settings(os.environ), SystemClock()
    catalog = Catalog(settings.catalog_folder)
    live, spot = None, make_spot(settings, catalog, clock)
    if spot is not None and refresh:
        spot.refresh()
    if settings.grid_source not in PACKAGED:
        zone = find_zone(catalog, settings.zone).id
        live = make_live(settings, make_source(settings, catalog, zone, clock=clock), zone=zone, clock=clock)
        if refresh:
            live.refresh()
    elif refresh and spot is None:
        problem = phrases("galerne.cli", settings.language)["grid_not_asked"]
        raise InvalidSetting(name="GALERNE_GRID", problem=problem)
    signal = with_live(settings, catalog, clock, live=live, spot=spot).now()
    if as_json:
        print_json(_document(signal, catalog))
        return
    if spot is not None and spot.problem:
        signal = dataclasses.replace(signal, missing=f"{signal.missing}; {spot.problem}")
    _print(signal, catalog, settings.language)


def _document(signal: GridSignal, catalog: Catalog) -> dict[str, Any]:
    document = dataclasses.asdict(signal)
    document["sources"] = {name: _title(key, catalog) for name, key in signal.sources.items()}
    return document


def _title(key: str, catalog: Catalog) -> str:
    source = catalog.sources.get(key)
    return f"{key}: {source.title}" if source else key


def _print(signal: GridSignal, catalog: Catalog, language: Language) -> None:
    words, console = phrases("galerne.cli", language), make_console()
    title = words["grid_title"].format(zone=catalog.zones[signal.zone].name)
    table = plain_table("", "", words["grid_kind"], words["grid_source"], title=title, secondary=())
    for column in (2, 3):
        table.columns[column].justify, table.columns[column].no_wrap = "left", False
    age_s = signal.at - signal.as_of_at if signal.as_of_at is not None else 0.0
    age = str(duration(max(age_s, 0.0), language=language))
    kind = words[f"grid_kind_{signal.kind}"].format(year=signal.year, age=age)
    price_kind = words[f"grid_price_{signal.price_kind}"]
    water_kind = words["grid_kind_annual"].format(year=catalog.sources[signal.sources["l_per_kwh"]].date)
    rows = (
        ("lifecycle", "g_per_kwh", "g/kWh", kind),
        (
            "direct",
            "direct_g_per_kwh",
            "g/kWh",
            kind if signal.kind == "live" else words["grid_kind_profile"],
        ),
        ("market", "market_g_per_kwh", "g/kWh", words["grid_kind_market"]),
        ("water", "l_per_kwh", "L/kWh", water_kind),
        ("price", "eur_per_kwh", "€/kWh", price_kind),
    )
    for label, field, unit, said in rows:
        value = getattr(signal, field)
        if value is None:
            continue
        key = signal.sources[field]
        amount = str(rate(value, unit, language=language))
        table.add_row(words[f"grid_{label}"], amount, said.format(year=signal.year), key)
    console.print(table)
    if signal.missing:
        console.print(words["grid_missing"].format(what=signal.missing), style="yellow", markup=False)
