"""Reads catalogue tables and refuses what is not beyond doubt.

TOML for few rich rows, CSV for many flat ones (last column ``source``). Unknown key, missing key, number
without a known source, low > best > high: ``InvalidFact`` naming file and row.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from galerne.catalog.records import Source
from galerne.errors import InvalidFact
from galerne.spread import Spread

R = TypeVar("R")
QUALITIES = frozenset({"measured", "published", "derived", "estimated"})
_BOOKKEEPING = frozenset({"sources", "spread"})


def load_sources(text: str, *, origin: str) -> dict[str, Source]:
    """Read ``sources.toml``: one table per source key."""
    loaded: dict[str, Source] = {}
    known = {f.name for f in dataclasses.fields(Source)} - {"key"}
    for key, row in _read_tables(text, origin=origin).items():
        _refuse_unknown_keys(row, known, f"{origin}#{key}")
        _refuse_missing_keys(Source, {**row, "key": key}, f"{origin}#{key}")
        texts = {name: _scalar(value, str, path=f"{origin}#{key}.{name}") for name, value in row.items()}
        loaded[key] = Source(key=key, **texts)
        if loaded[key].quality not in QUALITIES:
            raise InvalidFact(path=f"{origin}#{key}", problem=f"quality must be one of {sorted(QUALITIES)}")
    return loaded


def load_toml(record: type[R], text: str, *, origin: str, sources: Mapping[str, Source]) -> dict[str, R]:
    """Read a TOML table of rows into records of one type, by id."""
    loaded: dict[str, R] = {}
    for row_id, row in _read_tables(text, origin=origin).items():
        path = f"{origin}#{row_id}"
        if "id" in row:
            raise InvalidFact(path=path, problem="the id is the name of the table")
        loaded[row_id] = _make_row(record, {**row, "id": row_id}, path=path, sources=sources)
    return loaded


def _read_tables(text: str, *, origin: str) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFact(path=origin, problem=str(error)) from error
    for key, row in tables.items():
        if not isinstance(row, dict):
            raise InvalidFact(path=f"{origin}#{key}", problem="expected a table of its own")
    return tables


def load_csv(record: type[R], text: str, *, origin: str, sources: Mapping[str, Source]) -> dict[str, R]:
    """Read a CSV table into records of one type, by id.

    The last column, ``source``, holds one key for all numbers of the row or ``field=key`` pairs separated by
    spaces. An empty cell is allowed where the field may be ``None``.
    """
    loaded: dict[str, R] = {}
    reader = csv.DictReader(io.StringIO(text))
    for cells in reader:
        path = f"{origin}:{reader.line_num}"
        if None in cells or None in cells.values():
            raise InvalidFact(path=path, problem="the row does not have as many cells as the header")
        named = _parse_source_cell(cells.pop("source", ""), path=f"{path}.source")
        row: dict[str, Any] = {**cells, "sources": named}
        made = _make_row(record, row, path=path, sources=sources, from_text=True)
        row_id = str(row["id"])
        if row_id in loaded:
            raise InvalidFact(path=path, problem=f"the id {row_id!r} is there twice")
        loaded[row_id] = made
    return loaded


def _parse_source_cell(cell: str, *, path: str) -> dict[str, str]:
    if "=" not in cell:
        return {"default": cell} if cell else {}
    named: dict[str, str] = {}
    for pair in cell.split():
        field, separator, key = pair.partition("=")
        if not separator or field in named:
            raise InvalidFact(path=path, problem=f"expected one field=key for each field, found {pair!r}")
        named[field] = key
    return named


def _make_row(
    record: type[R], row: dict[str, Any], *, path: str, sources: Mapping[str, Source], from_text: bool = False
) -> R:
    hints = typing.get_type_hints(record)
    _refuse_unknown_keys(row, set(hints) - {"spread"}, path)
    _refuse_missing_keys(record, {"sources": {}, **row}, path)
    row_sources: dict[str, str] = row.get("sources", {})
    if not isinstance(row_sources, dict):
        raise InvalidFact(path=f"{path}.sources", problem="expected source keys by field")
    values: dict[str, Any] = {"sources": row_sources}
    spread: dict[str, Spread] = {}
    for name, value in row.items():
        if name in _BOOKKEEPING:
            continue
        best, limits = _read_value(value, hints[name], path=f"{path}.{name}", from_text=from_text)
        values[name] = best
        if limits is not None:
            spread[name] = limits
        if _is_numeric(best):
            _require_source(name, row_sources, sources, path)
    _refuse_stray_sources(row_sources, set(hints) - _BOOKKEEPING, sources, path)
    return record(**{**values, "spread": spread})


def _is_numeric(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_value(value: Any, hint: Any, *, path: str, from_text: bool) -> tuple[Any, Spread | None]:
    if isinstance(value, dict) and "best" in value:
        _refuse_unknown_keys(value, {"best", "low", "high"}, path)
        try:
            limits = Spread(best=float(value["best"]), low=float(value["low"]), high=float(value["high"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidFact(path=path, problem=f"not a range: {error}") from error
        return _convert(value["best"], hint, path=path, from_text=from_text), limits
    return _convert(value, hint, path=path, from_text=from_text), None


def _convert(value: Any, hint: Any, *, path: str, from_text: bool) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if from_text and value == "" and type(None) in options:
        return None
    kind = next(option for option in options if option is not type(None))
    if typing.get_origin(kind) is not None:
        if not isinstance(value, dict):
            raise InvalidFact(path=path, problem=f"expected numbers by name, found {value!r}")
        return {name: _scalar(entry, float, path=f"{path}.{name}") for name, entry in value.items()}
    return _scalar(_from_text(value, kind, path=path) if from_text else value, kind, path=path)


def _from_text(text: str, kind: type, *, path: str) -> Any:
    if kind is bool:
        return {"true": True, "false": False}.get(text, text)
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidFact(path=path, problem=f"expected {kind.__name__}, found {text!r}") from error


def _scalar(value: Any, kind: type, *, path: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not math.isfinite(value):
        raise InvalidFact(path=path, problem=f"{value} is not a quantity")
    if number and kind is float:
        return float(value)
    if number and kind is int and float(value).is_integer():
        return int(value)
    if kind in {int, float} or not isinstance(value, kind):
        raise InvalidFact(path=path, problem=f"expected {kind.__name__}, found {value!r}")
    return value


def _require_source(
    name: str, row_sources: Mapping[str, str], sources: Mapping[str, Source], path: str
) -> None:
    key = row_sources.get(name, row_sources.get("default"))
    if not key:
        raise InvalidFact(path=f"{path}.{name}", problem="a number without a source does not load")
    if key not in sources:
        raise InvalidFact(path=f"{path}.{name}", problem=f"the source {key!r} is not in sources.toml")


def _refuse_stray_sources(
    row_sources: Mapping[str, str], known: set[str], sources: Mapping[str, Source], path: str
) -> None:
    _refuse_unknown_keys(row_sources, known | {"default"}, f"{path}.sources")
    for name, key in row_sources.items():
        if key not in sources:
            raise InvalidFact(path=f"{path}.sources.{name}", problem=f"the source {key!r} is not known")


def _refuse_missing_keys(record: type[Any], row: Mapping[str, Any], path: str) -> None:
    unset = dataclasses.MISSING
    needed = [f.name for f in dataclasses.fields(record) if f.default is unset and f.default_factory is unset]
    missing = [name for name in needed if name not in row]
    if missing:
        raise InvalidFact(path=path, problem=f"missing key {', '.join(missing)}")


def _refuse_unknown_keys(row: Iterable[str], known: set[str], path: str) -> None:
    unknown = sorted(set(row) - known)
    if unknown:
        raise InvalidFact(path=path, problem=f"unknown key {', '.join(unknown)}")
