"""The receipt explained and the sums so far, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from galerne.chat.bill.figures import decimal, quantity
from galerne.chat.bill.receipt import PACKAGE, receipt_line, total_co2_g, total_water_l, view_receipt
from galerne.chat.blocks import split_blocks
from galerne.chat.terminal.answer import under_answer
from galerne.chat.terminal.drawn import print_blocks
from galerne.language import Language, phrases


def print_receipt(receipt: Mapping[str, Any], *, language: Language, console: Console) -> None:
    """Every number of a receipt with how it was made and from which source."""
    view = view_receipt(receipt, language=language)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_header=False,
        title=phrases(PACKAGE, language)["receipt_title"],
        title_justify="left",
        title_style="bold",
    )
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for row in view.explanations:
        text = Text(row.text)
        for source in row.sources:
            text.append(f"\n↗ {source.title} {source.url}".rstrip(), style="dim")
        table.add_row(row.label, row.amount, text)
    console.print(table)
    stamp = f"{view.method_label} · {view.method_text}. {view.receipt_id} · {view.status} · {view.revision}"
    console.print(Text(stamp, style="dim"))


def print_usage(report: Mapping[str, Any], *, language: Language, console: Console) -> None:
    """What was used so far, by model."""
    say = phrases(PACKAGE, language)
    if not report.get("rows"):
        console.print(Text(say["terminal_usage_empty"], style="dim"))
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(say["model"])
    for key in ("requests", "tokens", "energy", "co2", "water", "cost"):
        table.add_column(say[f"usage_{key}"], justify="right")
    for row in report["rows"]:
        cost_eur = row.get("cost_eur")
        table.add_row(
            str(row["group"]),
            decimal(row["n_answers"], language=language, decimals=0),
            decimal(row["completion_tokens"], language=language, decimals=0),
            str(quantity(row["energy_j"]["full"], "J", language=language)),
            str(quantity(total_co2_g(row), "g", language=language)),
            str(quantity(total_water_l(row), "L", language=language)),
            "–" if cost_eur is None else str(quantity(cost_eur, "€", language=language)),
        )
    console.print(table)


def print_conversations(rows: Sequence[Mapping[str, Any]], *, console: Console) -> None:
    """Conversations by number, with what a search found in them."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="cyan")
    table.add_column(overflow="fold")
    for number, row in enumerate(rows, start=1):
        text = Text(str(row["title"]), style="bold" if row.get("pinned") else "")
        if row.get("excerpt"):
            text.append(f"\n{row['excerpt']}", style="dim")
        table.add_row(str(number), text)
    console.print(table)


def print_thread(document: Mapping[str, Any], *, language: Language, console: Console) -> None:
    """A conversation as it was: questions, answers, and what each cost."""
    console.print(Text(str(document["title"]), style="bold underline"))
    for turn in document["data"]:
        console.print()
        if turn["role"] == "user":
            console.print(Text.assemble(("≋ ", "bold cyan"), str(turn["content"])))
            continue
        print_blocks(console, split_blocks(str(turn["content"])))
        if turn["receipt"]:
            line = receipt_line(view_receipt(turn["receipt"], language=language))
            console.print(under_answer(line))
