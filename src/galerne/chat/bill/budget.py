"""What a person may still use: the server's limits, else a budget they set themselves, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from galerne.chat.bill.amounts import least_sure
from galerne.chat.bill.figures import NARROW_SPACE, decimal, quantity
from galerne.chat.bill.receipt import PACKAGE, total_co2_g
from galerne.language import Language, phrases
from galerne.units import KWH_J

UNITS = ("wh", "g", "eur")
PERIODS = ("day", "month")
"""Of the UTC calendar, as those of the server's limits."""
_NEAR = 0.8
_SHAPE = re.compile(r"(wh|g|eur):(day|month):(\d{1,9}(?:\.\d{1,6})?)")
_SIGNS = {"wh": "Wh", "g": "g", "eur": "€"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftBudget:
    """What a person wants to stay under; nothing is refused beyond it.

    Attributes:
        amount: in the unit.
    """

    unit: str
    period: str
    amount: float

    @classmethod
    def read(cls, text: str) -> SoftBudget | None:
        """From ``wh:day:50``; ``None`` where that is not what it says."""
        match = _SHAPE.fullmatch(text)
        if match is None or float(match[3]) <= 0:
            return None
        return cls(unit=match[1], period=match[2], amount=float(match[3]))

    @property
    def written(self) -> str:
        """The amount alone, as it is typed."""
        return f"{self.amount:.6f}".rstrip("0").rstrip(".")

    def __str__(self) -> str:
        return f"{self.unit}:{self.period}:{self.written}"

    def begins_on(self, now_at: float) -> str:
        """The first day of the period that is running."""
        today = datetime.fromtimestamp(now_at, tz=UTC).date()
        return (today if self.period == "day" else today.replace(day=1)).isoformat()

    def renews_at(self, now_at: float) -> float:
        """When the next period begins."""
        begun = datetime.fromisoformat(self.begins_on(now_at)).replace(tzinfo=UTC)
        later = begun + timedelta(days=1 if self.period == "day" else 32)
        return (later if self.period == "day" else later.replace(day=1)).timestamp()


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetView:
    """A budget as a person reads it.

    Attributes:
        text: what was used of it.
        used_ratio: from 0; beyond 1 it is used up.
        state: ``ok``, ``near`` or ``over``.
        renews: when it opens again; empty where it does not.
        hard: the server refuses beyond it.
        method: how the use is known, its least sure part.
    """

    text: str
    used_ratio: float
    state: str
    renews: str
    hard: bool
    method: str
    method_label: str


def view_limit(limits: Sequence[Mapping[str, Any]], *, language: Language) -> BudgetView | None:
    """The limit of which least is left; ``None`` where none holds."""
    known = [limit for limit in limits if limit["limit"] > 0]
    if not known:
        return None
    least = max(known, key=lambda limit: (limit["spent"] + limit["held"]) / limit["limit"])
    return _view(
        least["spent"] + least["held"],
        least["limit"],
        unit=least["unit"],
        period=least["period"],
        renews_at=least["resets_at"],
        hard=True,
        method="derived",
        language=language,
    )


def view_soft(
    budget: SoftBudget, usage: Mapping[str, Any], *, now_at: float, language: Language
) -> BudgetView:
    """A person's own budget.

    Args:
        budget: what it is.
        usage: the API's report since the period began.
        now_at: this moment.
        language: of the reader.
    """
    counted = (usage.get("metered") or {}).get("by_method_j") or {}
    return _view(
        used(usage, budget.unit),
        budget.amount,
        unit=budget.unit,
        period=budget.period,
        renews_at=budget.renews_at(now_at),
        hard=False,
        method=least_sure(method for method, energy_j in counted.items() if energy_j) or "modelled",
        language=language,
    )


def used(usage: Mapping[str, Any], unit: str) -> float:
    """What a report of the API adds up to, in a unit of budgets, counted as the server's limits count."""
    rows = usage["rows"]
    if unit == "wh":
        return sum(float(row["energy_j"]["full"]) for row in rows) / KWH_J * 1000
    if unit == "g":
        return sum(total_co2_g(row) for row in rows)
    return sum(float(row.get("charged_eur") or row.get("cost_eur") or 0.0) for row in rows)


def opens_text(opens_at: float, *, language: Language) -> str:
    """When a limit opens again, as a day and an hour (UTC)."""
    return _instant("budget_opens", opens_at, language)


def _view(
    spent: float,
    limit: float,
    *,
    unit: str,
    period: str,
    renews_at: float | None,
    hard: bool,
    method: str,
    language: Language,
) -> BudgetView:
    say = phrases(PACKAGE, language)
    ratio = spent / limit
    words = say["budget_of"].format(
        spent=_amount(spent, unit, language), limit=_amount(limit, unit, language), period=say[f"in_{period}"]
    )
    return BudgetView(
        text=words,
        used_ratio=ratio,
        state="over" if ratio >= 1 else "near" if ratio >= _NEAR else "ok",
        renews=_instant("budget_opens" if hard else "budget_renews", renews_at, language),
        hard=hard,
        method=method,
        method_label=say.get(method, method),
    )


def _instant(phrase: str, at: float | None, language: Language) -> str:
    if at is None:
        return ""
    instant = datetime.fromtimestamp(at, tz=UTC)
    return phrases(PACKAGE, language)[phrase].format(day=f"{instant:%Y-%m-%d}", time=f"{instant:%H:%M}")


def _amount(value: float, unit: str, language: Language) -> str:
    if unit in _SIGNS:
        return str(quantity(value, _SIGNS[unit], language=language, digits=2))
    name = phrases(PACKAGE, language)[f"unit_{unit}"]
    return f"{decimal(value, language=language, decimals=0)}{NARROW_SPACE}{name}"
