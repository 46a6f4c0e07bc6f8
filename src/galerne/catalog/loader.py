"""Reads catalogue tables and refuses what is not beyond doubt.

TOML for few rich rows, CSV for many flat ones (last column ``source``). Unknown key, missing key, number
without a known source, low > best > high: ``InvalidFact`` naming file and row.
"""

from __future__ import annotations

import csv
import dataclasses
import io
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
    for key, row in tomllib.loads(text).items():
        known = {f.name for f in dataclasses.fields(Source)} - {"key"}
        _refuse_unknown_keys(row, known, f"{origin}#{key}")
        try:
            loaded[key] = Source(key=key, **row)
        except TypeError as error:
            raise InvalidFact(path=f"{origin}#{key}", problem=str(error)) from error
        if loaded[key].quality not in QUALITIES:
            raise InvalidFact(path=f"{origin}#{key}", problem=f"quality must be one of {sorted(QUALITIES)}")
    return loaded


def load_toml(record: type[R], text: str, *, origin: str, sources: Mapping[str, Source]) -> dict[str, R]:
    """Read a TOML table of rows into records of one type, by id."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFact(path=origin, problem=str(error)) from error
    return {
        row_id: _make_row(record, {**row, "id": row_id}, path=f"{origin}#{row_id}", sources=sources)
        for row_id, row in tables.items()
    }


def load_csv(record: type[R], text: str, *, origin: str, sources: Mapping[str, Source]) -> dict[str, R]:
    """Read a CSV table into records of one type, by id.

    The last column, ``source``, holds one key for all numbers of the row or ``field=key`` pairs separated by
    spaces. An empty cell is allowed where the field may be ``None``.
    """
    loaded: dict[str, R] = {}
    for number, cells in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        path = f"{origin}:{number}"
        if None in cells or None in cells.values():
            raise InvalidFact(path=path, problem="the row does not have as many cells as the header")
        row: dict[str, Any] = {**cells, "sources": _parse_source_cell(cells.pop("source", ""))}
        row.pop("source", None)
        made = _make_row(record, row, path=path, sources=sources, from_text=True)
        row_id = str(row["id"])
        if row_id in loaded:
            raise InvalidFact(path=path, problem=f"the id {row_id!r} is there twice")
        loaded[row_id] = made
    return loaded


def _parse_source_cell(cell: str) -> dict[str, str]:
    if "=" not in cell:
        return {"default": cell}
    return dict(pair.split("=", 1) for pair in cell.split())


def _make_row(
    record: type[R], row: dict[str, Any], *, path: str, sources: Mapping[str, Source], from_text: bool = False
) -> R:
    fields = {f.name: f for f in dataclasses.fields(record)}  # type: ignore[arg-type]
    _refuse_unknown_keys(row, set(fields), path)
    hints = typing.get_type_hints(record)
    row_sources: dict[str, str] = row.get("sources", {})
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
    _refuse_stray_sources(row_sources, set(fields), sources, path)
    values["spread"] = spread
    try:
        return record(**values)
    except TypeError as error:
        raise InvalidFact(path=path, problem=str(error)) from error


def _is_numeric(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_value(value: Any, hint: Any, *, path: str, from_text: bool) -> tuple[Any, Spread | None]:
    if isinstance(value, dict) and "best" in value:
        _refuse_unknown_keys(value, {"best", "low", "high"}, path)
        try:
            limits = Spread(best=float(value["best"]), low=float(value["low"]), high=float(value["high"]))
        except (KeyError, ValueError) as error:
            raise InvalidFact(path=path, problem=f"not a range: {error}") from error
        return _convert(value["best"], hint, path=path, from_text=from_text), limits
    return _convert(value, hint, path=path, from_text=from_text), None


def _convert(value: Any, hint: Any, *, path: str, from_text: bool) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if from_text and value == "" and type(None) in options:
        return None
    kind = next(option for option in options if option is not type(None))
    if typing.get_origin(kind) is not None:
        return {str(key): float(entry) for key, entry in value.items()}
    try:
        if from_text:
            return value == "true" if kind is bool else kind(value)
    except ValueError as error:
        raise InvalidFact(path=path, problem=str(error)) from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, kind):
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


def _refuse_unknown_keys(row: Iterable[str], known: set[str], path: str) -> None:
    unknown = sorted(set(row) - known)
    if unknown:
        raise InvalidFact(path=path, problem=f"unknown key {', '.join(unknown)}")
