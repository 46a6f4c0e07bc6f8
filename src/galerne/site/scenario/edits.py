"""A scenario with a few values changed, its comments and everything else as they were."""

from __future__ import annotations

import copy
import functools
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from galerne.errors import InvalidScenario

Value: TypeAlias = str | float | int | Mapping[str, float] | None

_HEADER = re.compile(r"^\s*\[{1,2}\s*([\w-]+)\s*\]{1,2}\s*(#.*)?$")


def edit_scenario(text: str, changes: Mapping[str, Value]) -> str:
    """The text of a scenario in which some keys have other values.

    Args:
        text: of a scenario.
        changes: value by path such as ``site.place``; ``None`` takes the key away, and a path without a dot
            a whole section.

    Raises:
        InvalidScenario: not TOML, or written so that a key cannot be changed in place.
    """
    wanted = copy.deepcopy(_tables(text))
    lines = text.splitlines()
    for path, value in changes.items():
        section, _, key = path.partition(".")
        if not key:
            if value is not None:
                raise InvalidScenario(path=path, problem="name a key, as in site.place")
            wanted.pop(section, None)
            lines = _without_section(lines, section)
            continue
        _change(wanted.setdefault(section, {}), key, value)
        lines = _with_value(lines, section, key, value)
    edited = "\n".join(lines) + "\n"
    wanted = {name: table for name, table in wanted.items() if table}
    names = ", ".join(changes)
    try:
        in_place = tomllib.loads(edited) == wanted
    except tomllib.TOMLDecodeError:
        in_place = False
    if not in_place:
        raise InvalidScenario(path=names, problem="cannot be changed in place: write one key on one line")
    return edited


def scenario_of_json(text: str) -> str:
    """A scenario in JSON, as its schema describes it, as the TOML that is read; ``null`` is left out.

    Raises:
        InvalidScenario: not JSON, or not sections of keys.
    """
    try:
        tables = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidScenario(path="scenario", problem=f"not JSON: {error}") from None
    if not isinstance(tables, dict):
        raise InvalidScenario(path="scenario", problem="expected an object of sections")
    lines: list[str] = []
    for name, value in tables.items():
        rows = value if isinstance(value, list) else [value]
        if not re.fullmatch(r"[A-Za-z_]+", name) or not all(isinstance(row, dict) for row in rows):
            raise InvalidScenario(path=name[:40], problem="expected a section: an object, or a list of them")
        header = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
        for row in rows:
            said = [(key, entry) for key, entry in row.items() if entry is not None]
            lines += [header, *(f"{_written_key(key)} = {_written(entry)}" for key, entry in said), ""]
    return "\n".join(lines)


def read_changes(assignments: Iterable[str]) -> dict[str, Value]:
    """Changes from texts such as ``site.place=lyon`` or ``workload.load_ratio=0.4``; an empty value removes.

    Raises:
        InvalidScenario: there is no ``=``, or no path before it; or the number is none.
    """
    changes: dict[str, Value] = {}
    for assignment in assignments:
        path, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", path):
            raise InvalidScenario(path=assignment, problem="expected section.key=value")
        changes[path] = value = _read_value(text)
        numbers = value.values() if isinstance(value, Mapping) else (value,)
        if any(isinstance(number, float) and math.isnan(number) for number in numbers):
            raise InvalidScenario(path=path, problem="nan is no number")
    return changes


def _read_value(text: str) -> Value:
    if not text:
        return None
    try:
        value: Value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value


@functools.lru_cache(maxsize=8)
def _tables(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidScenario(path="scenario", problem=str(error)) from error


def _change(table: Any, key: str, value: Value) -> None:
    if not isinstance(table, dict):
        raise InvalidScenario(path=key, problem="its section is not a table")
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _section(lines: list[str], section: str) -> tuple[int, int] | None:
    """Where a section's keys are: after its header, up to the next header or the blank before it."""
    headers = [(n, match.group(1)) for n, line in enumerate(lines) if (match := _HEADER.match(line))]
    for number, (start, name) in enumerate(headers):
        if name == section:
            end = headers[number + 1][0] if number + 1 < len(headers) else len(lines)
            while end > start + 1 and _is_apart(lines[end - 1]):
                end -= 1
            return start + 1, end
    return None


def _is_apart(line: str) -> bool:
    """Whether a line at the end of a section belongs to what follows."""
    return not line.strip() or line.lstrip().startswith("#")


def _without_section(lines: list[str], section: str) -> list[str]:
    while (place := _section(lines, section)) is not None:
        lines = [*lines[: place[0] - 1], *lines[place[1] :]]
    return lines


def _with_value(lines: list[str], section: str, key: str, value: Value) -> list[str]:
    place = _section(lines, section)
    if place is None:
        return lines if value is None else [*lines, "", f"[{section}]", f"{key} = {_written(value)}"]
    start, end = place
    for number in range(start, end):
        if re.match(rf"\s*{re.escape(key)}\s*=", lines[number]):
            kept = [] if value is None else [f"{key} = {_written(value)}"]
            return [*lines[:number], *kept, *lines[number + 1 :]]
    return lines if value is None else [*lines[:end], f"{key} = {_written(value)}", *lines[end:]]


def _written_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_written(number)}" for name, number in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(entry) for entry in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else repr(value)
