"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from galerne.chat.bill.figures import NARROW_SPACE, decimal, number, quantity
from galerne.language import Language, phrases
from galerne.machine import MachineReport
from galerne.perf import Advice, Fit

PIPE_WIDTH = 110
"""Columns of a table in a pipe, where no terminal says how many there are."""
METHOD_STYLES = {"measured": "green", "published": "cyan", "derived": "cyan"}


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, ensure_ascii=False, indent=2))


def print_json_line(document: Any) -> None:
    """One JSON object on a line of its own, for a program that reads while the command runs."""
    print(json.dumps(document, ensure_ascii=False), flush=True)


class HouseTable(Table):
    """A table that leaves out its less important columns where the terminal is too narrow for them.

    A number is never cut and a label never squeezed out: better a column less.
    """

    secondary: tuple[int, ...] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render what fits."""
        table = copy.copy(self)
        dropped: set[int] = set()
        for position in self.secondary:
            if _natural_width(table, console, options) + SPARE_WIDTH <= options.max_width:
                break
            dropped.add(position)
            kept = [column for n, column in enumerate(self.columns) if n not in dropped]
            # Numbered anew: Rich takes the padding of a column from its number.
            table.columns = [replace(column, _index=n) for n, column in enumerate(kept)]
        yield from Table.__rich_console__(table, console, options)


def _natural_width(table: Table, console: Console, options: ConsoleOptions) -> int:
    """Width at which no number wraps; labels may, down to a readable width."""
    wide = options.update(max_width=1000)
    labels = table.columns[0]
    longest = max((cell_len(str(cell)) for cell in labels.cells), default=0)
    return Table.__rich_measure__(table, console, wide).maximum - max(0, longest - WRAPPED_LABEL_WIDTH)


LABEL_WIDTH = 14
"""Characters a label keeps on the narrowest terminal."""
SPARE_WIDTH = 2
WRAPPED_LABEL_WIDTH = 28
"""Labels wrap to this before a column is left out."""


def plain_table(
    *columns: str, title: str | None = None, numeric_from: int = 1, secondary: Sequence[int] | None = None
) -> HouseTable:
    """A table in the house style: rules only where they help; numbers right-aligned.

    Args:
        columns: their headings.
        title: above the table.
        numeric_from: the first column that holds numbers.
        secondary: columns to leave out where it is narrow, the least important first; by default from the
            right, all but the first two.
    """
    table = HouseTable(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    table.secondary = tuple(secondary if secondary is not None else range(len(columns) - 1, 1, -1))
    table.min_width = len(title) if title else None  # a narrow table does not break its title
    for position, column in enumerate(columns):
        table.add_column(
            column,
            justify="right" if position >= numeric_from else "left",
            no_wrap=position > 0,
            min_width=LABEL_WIDTH if position == 0 else None,
            overflow="fold",
        )
    return table


def method_label(method: str, language: Language) -> Text:
    """How a number was had, in one word."""
    words = phrases("galerne.cli", language)
    return Text(words.get(f"method_{method}", method), style=METHOD_STYLES.get(method, "yellow"))


def machine_table(report: MachineReport, *, language: Language) -> Table:
    """This machine, each line with how it was had."""
    words, labels = phrases("galerne.cli", language), phrases("galerne.machine", language)
    table = Table(box=box.SIMPLE_HEAD, title=words["machine"], title_justify="left", title_style="bold")
    table.pad_edge = False
    for column in ("", "", words["method"]):
        table.add_column(column)
    for row in report.rows:
        value = row.value if isinstance(row.value, str) else str(_measured(row.value, row.unit, language))
        table.add_row(labels[row.key], value, method_label(row.method, language))
    return table


def _measured(value: float, unit: str, language: Language) -> str:
    if not unit:
        return decimal(value, language=language, decimals=0)
    return str(quantity(value, unit, language=language))


def fit_table(fits: Sequence[Fit], advice: Advice, *, language: Language) -> Table:
    """What fits, how fast, and what a token costs; everything here is modelled."""
    words = phrases("galerne.cli", language)
    table = plain_table(
        *(
            words[key]
            for key in (
                "model",
                "format",
                "memory",
                "slots_at_once",
                "first_token",
                "speed",
                "energy",
                "fits",
            )
        ),
        numeric_from=2,
        title=words["what_fits"],
        secondary=(3, 4, 2, 1, 6),
    )
    for fit in fits:
        style = "bold" if fit is advice.recommended else ("" if fit.fits else "dim")
        table.add_row(
            fit.plan.model.name,
            fit.plan.format.id,
            str(quantity(fit.needed_bytes, "B", language=language)),
            str(fit.plan.max_sequences),
            span_text(fit.first_token_s, language=language),
            f"{number(fit.tokens_per_s, language=language, digits=2)}{NARROW_SPACE}{words['tokens_per_s']}",
            f"{number(fit.j_per_token, language=language, digits=2)}{NARROW_SPACE}{words['j_per_token']}",
            _verdict(fit, advice, language),
            style=style,
        )
    return table


def span_text(value_s: float, *, language: Language) -> str:
    """A length of time as people say it: seconds up to two minutes, then minutes, then hours."""
    words = phrases("galerne.cli", language)
    if value_s < 120:
        return str(quantity(value_s, "s", language=language, digits=2))
    key, unit_s = ("minutes", 60.0) if value_s < 7200 else ("hours", 3600.0)
    return (
        words[key].format(n=number(value_s / unit_s, language=language, digits=2)).replace(" ", NARROW_SPACE)
    )


def _verdict(fit: Fit, advice: Advice, language: Language) -> str:
    words = phrases("galerne.cli", language)
    if fit is advice.recommended:
        return words["recommended"]
    if fit.fits:
        return words["yes"]
    missing = quantity(-fit.headroom_bytes, "B", language=language)
    return words["missing"].format(missing=missing)


def _speed_range(fit: Fit) -> tuple[float, float]:
    """p5 and p95 of the speed over the predicted one; after runs here, what they left over."""
    if fit.n_runs:
        return 1.0 - fit.error_ratio, 1.0 + fit.error_ratio
    duration = fit.plan.duration
    return 1.0 / duration.high, 1.0 / duration.low


def advice_line(advice: Advice, *, language: Language) -> str:
    """One sentence on which model to take, and what more memory would allow."""
    words = phrases("galerne.cli", language)
    lines = []
    if advice.recommended:
        model = advice.recommended.plan.model
        low, high = _speed_range(advice.recommended)
        speed = advice.recommended.tokens_per_s
        lines.append(
            words["recommendation"].format(
                model=model.name,
                low=number(speed * low, language=language, digits=2),
                high=number(speed * high, language=language, digits=2),
                licence=model.licence,
            )
        )
        if not model.commercial_use:
            lines.append(words["not_commercial"].format(licence=model.licence))
    if advice.next_larger:
        missing = quantity(-advice.next_larger.headroom_bytes, "B", language=language)
        lines.append(words["with_more"].format(missing=missing, model=advice.next_larger.plan.model.name))
        lines.append(words["short_of_memory"])
    return "\n".join(lines)


def make_console() -> Console:
    """The console of this process; plain in a pipe, where lines are never cut to a width."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console
