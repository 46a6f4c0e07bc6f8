"""What the operator says once: the file that is read, and the one with what is still missing."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from galerne.errors import InvalidScenario
from galerne.language import Language
from galerne.site.eed.indicators import IDENTITY, RATIOS, UNITS, EedReport, RegisteredMeter
from galerne.site.shown.wording import wording_in


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorForm:
    """What the operator says once.

    Attributes:
        identity: keys of ``IDENTITY``.
        declared: indicators that no meter here gives, by symbol.
        meters: the register.
        place: id of a place whose climate is the site's, for its cooling degree days; may be empty.
    """

    identity: Mapping[str, str]
    declared: Mapping[str, float]
    meters: tuple[RegisteredMeter, ...]
    place: str = ""


def read_form(text: str) -> OperatorForm:
    """Read the operator's file.

    Raises:
        InvalidScenario: not TOML, or a key that is not known or not of its type.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidScenario(path="form", problem=str(error)) from error
    _refuse(tables, {"identity", "declared", "meters", "place"}, "form")
    identity, declared = tables.get("identity", {}), tables.get("declared", {})
    place = tables.get("place", "")
    if not isinstance(place, str):
        raise InvalidScenario(path="place", problem=f"expected the id of a place, found {place!r}")
    _refuse(identity, set(IDENTITY), "identity")
    _refuse(declared, set(UNITS) - set(RATIOS), "declared")
    for name, value in identity.items():
        if not isinstance(value, str):
            raise InvalidScenario(path=f"identity.{name}", problem=f"expected text, found {value!r}")
    for name, value in declared.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            problem = f"expected a number from 0 up, found {value!r}"
            raise InvalidScenario(path=f"declared.{name}", problem=problem)
    meters = []
    for number, row in enumerate(tables.get("meters", [])):
        _refuse(row, {"id", "quantity", "place", "accuracy_class", "calibrated"}, f"meters[{number}]")
        if row.get("quantity") not in UNITS:
            problem = f"expected one of {', '.join(UNITS)}, found {row.get('quantity')!r}"
            raise InvalidScenario(path=f"meters[{number}].quantity", problem=problem)
        try:
            meters.append(RegisteredMeter(**row))
        except TypeError as error:
            raise InvalidScenario(path=f"meters[{number}]", problem=str(error)) from error
    return OperatorForm(
        identity=identity,
        declared={k: float(v) for k, v in declared.items()},
        meters=tuple(meters),
        place=place,
    )


def _refuse(table: Any, known: set[str], path: str) -> None:
    if not isinstance(table, dict):
        raise InvalidScenario(path=path, problem="expected a table")
    unknown = sorted(set(table) - known)
    if unknown:
        problem = f"unknown key; keys: {', '.join(sorted(known))}"
        raise InvalidScenario(path=f"{path}.{unknown[0]}", problem=problem)


def form_template(report: EedReport, *, language: Language) -> str:
    """A file of ``report-eed --form`` that asks for what the report could not derive; every line a comment.

    Args:
        report: what is missing.
        language: of its comments.
    """
    return "\n".join(_lines(report, language)) + "\n"


def _lines(report: EedReport, language: Language) -> Iterator[str]:
    say = wording_in(language).phrases
    asked = [key.partition(".") for key in report.to_fill]
    yield f"# {say['form_head'].format(year=report.year)}"
    if report.value("CDD") is None:
        yield f'# place = ""    # {say["form_place"]}'
    yield from ("", "[identity]")
    for section, _, key in asked:
        if section == "identity":
            yield f'# {key} = ""    # {say[f"eed_{key}"]}'
    yield from ("", "[declared]")
    for section, _, key in asked:
        if section == "declared":
            yield f"# {key} = 0.0    # {say[f'eed_{key}']}, {UNITS[key]}"
    for section, _, key in asked:
        if section == "meters":
            yield from ("", "# [[meters]]", '# id = ""', f'# quantity = "{key}"    # {say[f"eed_{key}"]}')
            yield f'# place = ""    # {say["form_meter_place"]}'
            yield from ('# accuracy_class = ""', '# calibrated = ""')
