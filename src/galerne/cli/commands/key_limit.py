"""``galerne key limit``: how much a key, a person, a project or a model may use."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from galerne.cli.commands.key import opened_ledger
from galerne.cli.options import written_date
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.clock import SystemClock
from galerne.errors import InvalidRequest
from galerne.language import Language, phrases
from galerne.ledger import PARTS, Ledger, Limit, Period, Standing, Unit, parts_of

MOST_PARTS = 2**62
"""What the database's whole numbers hold, with room to add."""
NONE = "none"
KINDS = ("key", "user", "project", "model")
"""Who may have limits."""


def limit(subjects: Mapping[str, str | None], amounts: Mapping[str, str], *, as_json: bool) -> None:
    """Set or remove limits, then show those of the subject; of all where none is named.

    Args:
        subjects: ``key``, ``user``, ``project`` and ``model`` to the one that is named.
        amounts: such as ``tokens_per_day`` to ``100000`` or ``none``.
        as_json: for a program.

    Raises:
        InvalidRequest: no subject or several, or an amount that is no number.
        UnknownKey: there is no such key.
    """
    settings, now_at = read_settings(os.environ), SystemClock().now_at()
    named = {kind: name for kind, name in subjects.items() if name}
    named = _as_shown(named)
    if len(named) > 1 or (amounts and not named):
        raise InvalidRequest(path="KEY", problem="name one key, or one of --user, --project and --model")
    changes = {_unit_and_period(name): _parts(name, text) for name, text in amounts.items()}
    with opened_ledger(settings) as ledger:
        subject = _subject(ledger, named)
        for (unit, period), parts in changes.items():
            if parts is None:
                ledger.quotas.clear_limit(str(subject), unit, period)
            else:
                changed = Limit(subject=str(subject), unit=unit, period=period, amount=parts)
                ledger.quotas.set_limit(changed)
        standings = ledger.quotas.standings(None if subject is None else [subject], at=now_at)
        names = {f"key:{key.key_id}": f"key:{key.name}" for key in ledger.keys.all()}
    if as_json:
        print_json({"limits": [_document(standing) for standing in standings]})
        return
    _print(standings, names, settings.language)


def _as_shown(named: dict[str, str]) -> dict[str, str]:
    """A subject may be named as the table shows it: ``project:wind`` is ``--project wind``."""
    kind, colon, name = named.get("key", "").partition(":")
    if not colon or kind not in KINDS or (kind != "key" and kind in named):
        return named
    return {**{other: value for other, value in named.items() if other != "key"}, kind: name}


def _subject(ledger: Ledger, named: Mapping[str, str]) -> str | None:
    for kind, name in named.items():
        return f"key:{ledger.keys.find(name).key_id}" if kind == "key" else f"{kind}:{name}"
    return None


def _unit_and_period(name: str) -> tuple[Unit, Period]:
    unit, _, period = name.replace("_per_", "_").rpartition("_")
    return Unit(unit), Period(period)


def _parts(name: str, text: str) -> int | None:
    """An amount in smallest parts; None to remove the limit."""
    option, (unit, _) = "--" + name.replace("_", "-"), _unit_and_period(name)
    if text.strip().lower() == NONE:
        return None
    try:
        amount = float(text)
    except ValueError:
        raise InvalidRequest(path=option, problem=f"{text!r} is not a number, nor `none`") from None
    if not 0.0 <= amount < math.inf or amount * PARTS[unit] > MOST_PARTS:
        raise InvalidRequest(path=option, problem=f"{text} is no amount that can be used up")
    if PARTS[unit] == 1 and amount != int(amount):
        raise InvalidRequest(path=option, problem=f"{unit.value} are whole, and {text} is not")
    return parts_of(unit, amount)


def _document(standing: Standing) -> dict[str, Any]:
    limit, scale = standing.limit, PARTS[standing.limit.unit]
    return {
        "subject": limit.subject,
        "unit": limit.unit.value,
        "period": limit.period.value,
        "limit": limit.in_units,
        "spent": standing.spent / scale,
        "held": standing.held / scale,
        "remaining": standing.remaining,
        "resets_at": standing.resets_at,
    }


def _print(standings: list[Standing], names: Mapping[str, str], language: Language) -> None:
    words, console = phrases("galerne.cli", language), make_console()
    if not standings:
        console.print(words["limit_none"])
        return
    columns = ("subject", "limit", "spent", "held", "remaining", "resets")
    table = plain_table(*(words[f"limit_{column}"] for column in columns))
    for standing in standings:
        limit, scale = standing.limit, PARTS[standing.limit.unit]
        span = words[f"limit_{limit.period.value}"]
        table.add_row(
            names.get(limit.subject, limit.subject),
            f"{limit.in_units:.7g} {words[f'limit_{limit.unit.value}']} {span}",
            f"{standing.spent / scale:.7g}",
            f"{standing.held / scale:.7g}",
            f"{standing.remaining:.7g}",
            written_date(standing.resets_at),
        )
    console.print(table)
