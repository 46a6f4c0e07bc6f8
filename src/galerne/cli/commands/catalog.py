"""``galerne catalog``: the facts, each with its range and its source."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import os
from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from galerne.catalog import Catalog, Row, Source, Table
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.errors import InvalidRequest, UnknownId
from galerne.language import Language, phrases

BOOKKEEPING = ("sources", "spread")


def table_names() -> tuple[str, ...]:
    """The tables of the catalogue, sources included."""
    return tuple(
        name for name, value in vars(Catalog).items() if isinstance(value, functools.cached_property)
    )


def list_rows(*, table: str, as_json: bool) -> None:
    """The tables, or the rows of one.

    Raises:
        InvalidRequest: there is no such table.
    """
    settings = read_settings(os.environ)
    catalog, console = Catalog(settings.catalog_folder), make_console()
    words = phrases("galerne.cli", settings.language)
    if table and table not in table_names():
        problem = words["no_such_table"].format(tables=", ".join(table_names()))
        raise InvalidRequest(path=table, problem=problem)
    names = [table] if table else list(table_names())
    rows = {name: _rows(catalog, name) for name in names}
    if as_json:
        print_json({name: list(found) for name, found in rows.items()})
        return
    if not table:
        listing = plain_table(words["table"], words["rows"], title=words["catalog_title"])
        for name, found in rows.items():
            listing.add_row(name, str(len(found)))
    else:
        listing = plain_table("id", "", title=table, numeric_from=9)
        for row_id, row in rows[table].items():
            listing.add_row(row_id, getattr(row, "name", getattr(row, "title", getattr(row, "filename", ""))))
    console.print(listing)


def show(*, row_id: str, as_json: bool) -> None:
    """Every fact of one row.

    Raises:
        UnknownId: no table has such a row; names the nearest.
    """
    settings = read_settings(os.environ)
    catalog = Catalog(settings.catalog_folder)
    row, is_own = _find(catalog, row_id)
    facts = {
        field.name: getattr(row, field.name)
        for field in dataclasses.fields(row)  # type: ignore[arg-type]  # every row is a dataclass
        if field.name not in BOOKKEEPING
    }
    if as_json:
        document = {**facts, "sources": dict(row.sources), "origin": "user" if is_own else "package"}
        document["spread"] = {name: dataclasses.asdict(s) for name, s in row.spread.items()}
        print_json(document)
        return
    _print_row(catalog, row, facts, settings.language)


def _print_row(catalog: Catalog, row: Row, facts: Mapping[str, Any], language: Language) -> None:
    """The facts as a table; below it the sources they name, by number."""
    words, console = phrases("galerne.cli", language), make_console()
    table = plain_table(
        words["fact"], words["value"], words["low"], words["high"], words["quality"], "", title=row.id
    )
    table.columns[4].justify = "left"
    cited: list[Source] = []
    for name, value in facts.items():
        source = catalog.source_of(row, name) if _is_number(value) else None
        if source and source not in cited:
            cited.append(source)
        mark = f"[{cited.index(source) + 1}]" if source else ""
        spread = row.spread.get(name)
        limits = (f"{spread.low:,.6g}", f"{spread.high:,.6g}") if spread else ("", "")
        table.add_row(name, _text(value), *limits, source.quality if source else "", escape(mark))
    console.print(table)
    for position, source in enumerate(cited, start=1):
        line = f"[{position}] {source.title}. {source.publisher}, {source.date}. {source.url}"
        console.print(line, markup=False, style="dim")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Mapping) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{key} {entry:g}" for key, entry in value.items())
    return f"{value:,.10g}" if _is_number(value) else str(value)


def _rows(catalog: Catalog, name: str) -> Mapping[str, Any]:
    table = getattr(catalog, name)
    return table.rows if isinstance(table, Table) else table


def _find(catalog: Catalog, row_id: str) -> tuple[Row, bool]:
    every_id: list[str] = []
    for name in table_names():
        table = getattr(catalog, name)
        if not isinstance(table, Table):
            continue
        if row_id in table.rows:
            return table.rows[row_id], row_id in table.user_ids
        every_id.extend(table.rows)
    near = difflib.get_close_matches(row_id, every_id, n=1)
    raise UnknownId(kind="catalogue row", id=row_id, nearest=near[0] if near else None)
