"""Why there is no such plan, in the reader's language and the page's units.

The API tells a failure to programs, in English and SI units. Here its sentence is taken apart again; one that
is not known is shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from galerne.chat.bill.figures import decimal, duration, quantity
from galerne.chat.planner.levers import LEVERS, Lever
from galerne.language import Language

_PATH = r"(?P<path>[a-z]\w*\.\w+)(?: \S+)?: "
_NUMBER = r"(?P<{}>-?[\d.]+(?:e[+-]?\d+)?|-?inf|nan)"
_INFEASIBLE = re.compile(
    rf"The plan fails on (?:(?P<share>[\d.]+)th percentile of )?(?P<what>.+?): "
    rf"needed {_NUMBER.format('needed')} (?P<unit>\S+), available {_NUMBER.format('available')}"
)
_PROBLEMS = {
    "between": re.compile(
        rf"{_PATH}{_NUMBER.format('value')} is not between "
        rf"{_NUMBER.format('low')} and {_NUMBER.format('high')}"
    ),
    "number": re.compile(
        rf"{_PATH}expected a (?:whole )?number(?: or \{{.*?\}})?, found (?P<found>'.*?'|[^ ]+)"
    ),
    "busiest": re.compile(rf"{_PATH}the busiest hour would carry {_NUMBER.format('value')} of full load"),
    "price": re.compile(rf"{_PATH}no price is known for the zone (?P<zone>\S+); give one here"),
    "tokens": re.compile(
        rf"{_PATH}{_NUMBER.format('value')} tokens of prompt and answer exceed the "
        rf"{_NUMBER.format('limit')} of (?P<model>\S+)"
    ),
}
_CONSTRAINTS = {
    r"contracted power of one system": "power_of_one",
    r"contracted power of (?P<n>\d+) systems": "power",
    r"accelerator memory of one system": "memory",
    r"time per output token": "interval",
    r"time to first token at the wanted time per output token": "first_at_pace",
    r"time to first token": "first",
}


def word_refusal(message: str, say: Mapping[str, str], language: Language) -> str:
    """The sentence of a refusal as a person reads it; empty where it is none that is known.

    Args:
        message: of the API.
        say: words of the page.
        language: of the reader.
    """
    if match := _INFEASIBLE.match(message):
        return _infeasible(match, say, language)
    for name, pattern in _PROBLEMS.items():
        if match := pattern.match(message):
            return _problem(name, match, say, language)
    return ""


def _infeasible(match: re.Match[str], say: Mapping[str, str], language: Language) -> str:
    for pattern, name in _CONSTRAINTS.items():
        if what := re.fullmatch(pattern, match["what"]):
            needed, available = (
                _written(float(match[end]), match["unit"], language) for end in ("needed", "available")
            )
            facts = {**what.groupdict(), "needed": needed, "available": available}
            sentence = say[f"refusal_{name}"].format(**facts)
            if match["share"] is None:
                return sentence
            share = _plain(float(match["share"]), language)
            return f"{sentence} {say['refusal_percentile'].format(share=share)}"
    return ""


def _problem(name: str, match: re.Match[str], say: Mapping[str, str], language: Language) -> str:
    lever = next((lever for lever in LEVERS if lever.path == match["path"]), None)
    facts = {key: text for key, text in match.groupdict().items() if key != "path" and text}
    for key in ("value", "low", "high", "limit"):
        if key in facts:
            facts[key] = _shown(float(facts[key]), lever if name == "between" else None, say, language)
    if name == "between" and lever is not None and lever.scale == 0:
        facts["low"], facts["high"] = facts["high"], facts["low"]
    called = say.get(f"lever_{match['path'].replace('.', '_')}", match["path"])
    return say[f"refusal_{name}"].format(name=called, **facts)


def _shown(value: float, lever: Lever | None, say: Mapping[str, str], language: Language) -> str:
    """A number of the scenario as the page shows it."""
    if lever is None:
        return _plain(value, language)
    shown = lever.shown(value) if value or lever.scale else None
    text = "∞" if shown is None else _plain(shown, language)
    return f"{text} {say[lever.unit]}" if lever.unit else text


def _plain(value: float, language: Language) -> str:
    """A number with no more decimals than it needs."""
    text = f"{value:.4g}"
    decimals = 0 if "e" in text else len(text.partition(".")[2])
    return decimal(value, language=language, decimals=decimals)


def _written(value: float, unit: str, language: Language) -> str:
    if unit == "s":
        return str(duration(value, language=language))
    return str(quantity(value, {"bytes": "B"}.get(unit, unit), language=language))
