"""``galerne usage``: the receipts summed, and the proof that they add up to the meter."""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import asdict
from typing import Any

from rich.console import Console

from galerne.chat.bill.figures import decimal, quantity, share
from galerne.cli.options import read_instant_at
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.errors import InvalidRequest
from galerne.language import Language, phrases
from galerne.ledger import GROUPINGS, Ledger, UsageReport, UsageRow, total_row
from galerne.units import from_microjoules


def usage(*, group_by: str, since: str | None, until: str | None, as_csv: bool, as_json: bool) -> None:
    """Sum the ledger.

    Raises:
        InvalidRequest: there is no such grouping, or an instant is none.
        StoreUnreachable: the ledger does not open.
    """
    if group_by not in GROUPINGS:
        raise InvalidRequest(path="--by", problem=f"one of {', '.join(GROUPINGS)}, not {group_by!r}")
    since_at = read_instant_at(since, name="--since") if since else None
    until_at = read_instant_at(until, name="--until") if until else None
    settings = read_settings(os.environ)
    ledger = Ledger.open(settings.ledger_url)
    try:
        report = ledger.usage(group_by, since_at=since_at, until_at=until_at)
    finally:
        ledger.close()
    if as_json:
        print_json(_document(report))
        return
    if as_csv:
        writer = csv.DictWriter(sys.stdout, _row_document(total_row(report)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(_row_document(row) for row in report.rows)
        return
    _print(report, make_console(), settings.language)


def _document(report: UsageReport) -> dict[str, Any]:
    return {
        "group_by": report.group_by,
        "rows": [_row_document(row) for row in (*report.rows, total_row(report))],
        "accounts_uj": {
            "answers": report.accounts.answers_uj,
            "idle": report.accounts.idle_uj,
            "loading": report.accounts.loading_uj,
            "foreign": report.accounts.foreign_uj,
            "unattributed": report.accounts.unattributed_uj,
            "meter": report.accounts.meter_uj,
        },
        "metered": asdict(report.metered),
        "open_uj": report.open_uj,
        "adds_up": report.adds_up,
    }


def _row_document(row: UsageRow) -> dict[str, Any]:
    return {
        "group": row.group,
        "n_answers": row.n_answers,
        "n_provisional": row.n_provisional,
        "prompt_tokens": row.prompt_tokens,
        "cached_tokens": row.cached_tokens,
        "new_tokens": row.new_tokens,
        "active_j": row.active_j,
        "full_j": row.full_j,
        "accelerator_j": row.accelerator_j,
        "host_j": row.host_j,
        "use_co2_g": row.impact.use_co2_g,
        "embodied_co2_g": row.impact.embodied_co2_g,
        "site_water_l": row.impact.site_water_l,
        "grid_water_l": row.impact.grid_water_l,
        "cost_eur": row.impact.cost_eur,
        "charged_eur": row.impact.charged_eur,
    }


def _print(report: UsageReport, console: Console, language: Language) -> None:
    words = phrases("galerne.cli", language)
    if not report.rows:
        console.print(words["no_answers"])
        return
    priced = any(row.impact.charged_eur != row.impact.cost_eur for row in report.rows)
    table = plain_table(
        words.get(report.group_by, report.group_by),
        words["answers"], words["tokens_in"], words["tokens_out"], words["active"], words["full"],
        words["co2e"], words["water"], words["cost"], *([words["asked"]] if priced else []),
        title=words["usage_title"], secondary=(2, 4, 7, 3, 1),
    )  # fmt: skip
    for row in report.rows:
        table.add_row(*_cells(row, language, priced=priced))
    if len(report.rows) > 1:
        table.add_section()
        table.add_row(*_cells(total_row(report), language, priced=priced), style="bold")
    console.print(table)
    _print_accounts(report, console, language)


def _cells(row: UsageRow, language: Language, *, priced: bool) -> tuple[str, ...]:
    co2_g = row.impact.use_co2_g + row.impact.embodied_co2_g
    water_l = row.impact.site_water_l + row.impact.grid_water_l
    costs = (row.impact.cost_eur, row.impact.charged_eur) if priced else (row.impact.cost_eur,)
    return (
        phrases("galerne.cli", language)["usage_nobody"] if row.group == "-" else row.group,
        *(
            decimal(count, language=language, decimals=0)
            for count in (row.n_answers, row.prompt_tokens, row.new_tokens)
        ),
        str(quantity(row.active_j, "J", language=language)),
        str(quantity(row.full_j, "J", language=language)),
        str(quantity(co2_g, "g", language=language)),
        str(quantity(water_l, "L", language=language)),
        *("–" if cost is None else str(quantity(cost, "€", language=language)) for cost in costs),
    )


def _print_accounts(report: UsageReport, console: Console, language: Language) -> None:
    words = phrases("galerne.cli", language)
    table = plain_table(words["account"], words["energy"], title=words["accounts_title"])
    joules = report.accounts.joules()
    for name, energy_j in joules.items():
        if name == "meter":
            table.add_section()
        is_told = name != "foreign" or energy_j or set(report.metered.by_method_uj) - {"modelled"}
        amount = str(quantity(energy_j, "J", language=language)) if is_told else "–"
        table.add_row(words[f"account_{name}"], amount)
    console.print(table)
    _print_metered(report, console, language)
    n_open = sum(row.n_provisional for row in report.rows)
    if not report.adds_up:
        console.print(words["does_not_add_up"], style="bold red")
    elif n_open:
        amount = str(quantity(from_microjoules(report.open_uj), "J", language=language))
        console.print(words["adds_up_but"].format(n=n_open, amount=amount), style="yellow")
    else:
        console.print(words["adds_up"], style="green")


def _print_metered(report: UsageReport, console: Console, language: Language) -> None:
    """How the energy was counted: never a figure without its method."""
    words, metered = phrases("galerne.cli", language), report.metered
    if metered.coverage_ratio is None:
        console.print(words["metered_nothing"], style="dim")
        return
    whole_uj = sum(metered.by_method_uj.values()) or 1
    methods = ", ".join(
        f"{words[f'method_{method}']} {share(energy_uj / whole_uj, language=language)}"
        for method, energy_uj in metered.by_method_uj.items()
    )
    console.print(
        words["metered"].format(
            methods=methods, coverage=share(metered.coverage_ratio, language=language, decimals=1)
        ),
        style="dim",
    )
    if set(metered.by_method_uj) == {"modelled"}:
        console.print(words["metered_no_foreign"], style="dim")
