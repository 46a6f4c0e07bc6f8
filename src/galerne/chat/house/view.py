"""The operator's page in words and geometry, from what our API says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.bill.figures import decimal, quantity, rate
from galerne.chat.bill.receipt import period_of, total_co2_g, total_water_l
from galerne.chat.house.charts import BarChart, Slice, bar_chart, whole_bar
from galerne.language import Language, phrases

PACKAGE = "galerne.chat.house"
ACCOUNTS = ("answers", "idle", "loading", "foreign", "unattributed")
MOST_DAYS = 62


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageLine:
    """One row of a table: a name and its amounts, written."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorView:
    """Everything on the operator's page.

    Attributes:
        totals: label and amount of the stretch of time shown.
        charts: title and bars.
        accounts: where the metered joules went.
        tables: title and rows, by key, model and day.
        grid: label and amount of the electricity now.
        grid_period: what time its figures hold for.
        missing: what was asked for live and cannot be had.
        lines: who waits, by node.
        prices: a million tokens by model.
        adds_up: whether the accounts do.
    """

    totals: tuple[tuple[str, str], ...]
    charts: tuple[tuple[str, BarChart], ...]
    accounts: tuple[Slice, ...]
    tables: tuple[tuple[str, tuple[UsageLine, ...]], ...]
    columns: tuple[str, ...]
    grid: tuple[tuple[str, str], ...]
    grid_period: str
    missing: str
    lines: tuple[UsageLine, ...]
    prices: tuple[UsageLine, ...]
    adds_up: bool


def view_operator(
    usage: Mapping[str, Mapping[str, Any]],
    chain: Mapping[str, Any],
    queue: Mapping[str, Any],
    prices: Mapping[str, Any],
    *,
    language: Language,
) -> OperatorView:
    """Put the answers of the API into words.

    Args:
        usage: reports by ``total``, ``day``, ``model`` and ``key``.
        chain: of now.
        queue: the lines.
        prices: what a million tokens costs.
        language: of the reader.
    """
    writer = _Writer(language=language, say=phrases(PACKAGE, language))
    grid = chain["grid"]
    days = usage["day"]["rows"][-MOST_DAYS:]
    return OperatorView(
        totals=writer.totals(usage["total"]["rows"]),
        charts=(
            writer.chart("energy_by_day", days, lambda row: row["energy_j"]["full"], "J"),
            writer.chart("tokens_by_day", days, _tokens, "tok"),
            writer.chart("money_by_day", days, _charged_eur, "€"),
        ),
        accounts=whole_bar(
            [
                (name, value, writer.say[f"account_{name}"], writer.amount(value, "J"))
                for name in ACCOUNTS
                if (value := float(usage["total"]["accounts_j"].get(name) or 0.0)) > 0
            ]
        ),
        tables=tuple(
            (writer.say[f"by_{name}"], tuple(map(writer.line, rows)))
            for name, rows in (
                ("key", usage["key"]["rows"]),
                ("model", usage["model"]["rows"]),
                ("day", days[::-1]),
            )
        ),
        columns=tuple(writer.say[f"column_{name}"] for name in COLUMNS),
        grid=writer.grid(grid),
        grid_period=period_of(grid, language=language),
        missing=str(grid.get("missing") or ""),
        lines=tuple(map(writer.queue_line, queue["data"])),
        prices=tuple(map(writer.price_line, prices["data"])),
        adds_up=bool(usage["total"]["adds_up"]),
    )


def view_usage(row: Mapping[str, Any], *, language: Language) -> tuple[tuple[str, str], ...]:
    """What a group used, as labels and amounts."""
    return _Writer(language=language, say=phrases(PACKAGE, language)).totals([row])


COLUMNS = ("answers", "read", "written", "energy", "co2", "water", "money")


def _tokens(row: Mapping[str, Any]) -> float:
    return float(row["prompt_tokens"] + row["completion_tokens"])


def _charged_eur(row: Mapping[str, Any]) -> float:
    charged = row.get("charged_eur")
    return float(row.get("cost_eur") or 0.0 if charged is None else charged)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    language: Language
    say: Mapping[str, str]

    def amount(self, value: float, unit: str) -> str:
        if unit == "tok":
            return decimal(value, language=self.language, decimals=0)
        return str(quantity(value, unit, language=self.language))

    def line(self, row: Mapping[str, Any]) -> UsageLine:
        named = row["group"] if row["group"] not in ("", "-", "–") else self.say["no_key"]
        return UsageLine(name=str(named), cells=self._cells(row))

    def _cells(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        return (
            self.amount(row["n_answers"], "tok"),
            self.amount(row["prompt_tokens"], "tok"),
            self.amount(row["completion_tokens"], "tok"),
            self.amount(row["energy_j"]["full"], "J"),
            self.amount(total_co2_g(row), "g"),
            self.amount(total_water_l(row), "L"),
            self.amount(_charged_eur(row), "€"),
        )

    def totals(self, rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
        if not rows:
            return ()
        labels = (self.say[f"column_{name}"] for name in COLUMNS)
        return tuple(zip(labels, self._cells(rows[0]), strict=True))

    def chart(
        self, name: str, days: Sequence[Mapping[str, Any]], value: Any, unit: str
    ) -> tuple[str, BarChart]:
        entries = [(str(row["group"]), value(row), self.amount(value(row), unit)) for row in days]
        most = max((amount for _, amount, _ in entries), default=0.0)
        return self.say[name], bar_chart(entries, top=self.amount(most, unit))

    def grid(self, grid: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        rows = (
            ("lifecycle", "g_per_kwh", "g/kWh"),
            ("direct", "direct_g_per_kwh", "g/kWh"),
            ("market", "market_g_per_kwh", "g/kWh"),
            ("water", "l_per_kwh", "L/kWh"),
            ("price", "eur_per_kwh", "€/kWh"),
        )
        return tuple(
            (self.say[f"grid_{label}"], str(rate(grid[field], unit, language=self.language)))
            for label, field, unit in rows
            if grid.get(field) is not None
        )

    def queue_line(self, line: Mapping[str, Any]) -> UsageLine:
        wait = str(quantity(line["first_token_s"], "s", language=self.language, digits=2))
        cells = (f"{line['n_active']}/{line['n_slots']}", str(line["n_waiting"]), wait)
        return UsageLine(name=str(line["model"]), cells=cells)

    def price_line(self, row: Mapping[str, Any]) -> UsageLine:
        names = ("input_eur_per_million", "cached_eur_per_million", "output_eur_per_million")
        cells = (*(self.amount(row[name], "€") for name in names), self.say[f"price_{row['kind']}"])
        return UsageLine(name=str(row["model"]), cells=cells)
