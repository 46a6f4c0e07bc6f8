"""The chain in the terminal: a river that narrows from the megawatt to the message, and the bill back up."""

from __future__ import annotations

import asyncio
import math

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from galerne.chat.bill.receipt import PACKAGE
from galerne.chat.chain_view import Account, ChainView, Figure, Station, view_chain
from galerne.chat.client.api import ApiClient
from galerne.chat.terminal.interrupt import until_interrupted
from galerne.language import Language, phrases

_WIDE = 80
_FRAMES_PER_S = 8
_ROWS_BESIDE_FIGURES = 21
_HARD_SPACE = "\u00a0"
_HEIGHTS = "▁▂▃▄▅▆▇█"
_POWER, _WORDS = (226, 184, 60), (74, 163, 176)
_MARKS = {
    "measured": ("●", "green"),
    "derived": ("◐", "green"),
    "modelled": ("○", "yellow"),
    "published": ("■", "cyan"),
}
_ACCOUNTS = {
    "answers": ("█", "cyan"),
    "idle": ("░", "bright_black"),
    "loading": ("▓", "yellow"),
    "foreign": ("▒", "magenta"),
    "unattributed": ("?", "red"),
}
"""Told apart by shape too: a pipe has no colours, and not everyone sees them."""


async def chain_screen(
    client: ApiClient, *, language: Language, console: Console, once: bool = False
) -> None:
    """Draw the chain; live until Ctrl-C on a terminal, once in a pipe or when asked.

    Args:
        client: the API, entered.
        language: of the reader.
        console: where to draw.
        once: draw once and return.

    Raises:
        ServerUnreachable: nobody answers.
    """
    view = view_chain(await client.chain(), language=language)
    if once or not console.is_terminal:
        console.print(draw_chain(view, language=language, width=console.width))
        return
    await until_interrupted(_draw_live(client, view, language=language, console=console))


async def _draw_live(client: ApiClient, view: ChainView, *, language: Language, console: Console) -> None:
    frame, phase = 0, 0.0
    leave = Text(phrases(PACKAGE, language)["terminal_chain_leave"], style="dim")
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            n_figures = max(1, (console.height - _ROWS_BESIDE_FIGURES) // 2)
            picture = draw_chain(
                view, language=language, width=console.width, phase=phase, n_figures=n_figures
            )
            live.update(Group(picture, leave), refresh=True)
            await asyncio.sleep(1 / _FRAMES_PER_S)
            frame += 1
            phase += 0.12 + 0.9 * max(view.power_ratio if view.token_ratio else 0.0, view.token_ratio)
            if frame % _FRAMES_PER_S == 0:
                view = view_chain(await client.chain(), language=language)


def draw_chain(
    view: ChainView, *, language: Language, width: int, phase: float = 0.0, n_figures: int = 9
) -> RenderableType:
    """The whole picture: side by side from 80 columns, below each other under that.

    Args:
        view: what to draw.
        language: of the reader.
        width: columns of the screen.
        phase: how far the current has run, in radians.
        n_figures: how many of each station there is room for.
    """
    say = phrases(PACKAGE, language)
    stations = (
        _side_by_side(view, width=width, phase=phase, n_figures=n_figures)
        if width >= _WIDE
        else _stacked(view)
    )
    parts: list[RenderableType] = [Text(say["chain_title"], style="bold"), Text(), stations]
    if not view.has_answer:
        parts += [Text(), Text(say["no_answer_text"], style="italic dim")]
    parts += [Text(), _bill(view)]
    if view.accounts:
        parts += [Text(), Text(say["accounts_title"], style="bold"), _accounts_bar(view.accounts, width)]
        parts.append(_accounts_legend(view.accounts))
    parts += [Text(), _legend(language)]
    return Group(*parts)


def _side_by_side(view: ChainView, *, width: int, phase: float, n_figures: int) -> RenderableType:
    column = width // len(view.stations)
    table = Table.grid(padding=(0, 1))
    for _ in view.stations:
        table.add_column(width=column - 1, justify="center")
    table.add_row(*(_heading(station) for station in view.stations))
    rows = min(n_figures, max(len(station.figures) for station in view.stations))
    for n in range(rows):
        cells = [station.figures[n] if n < len(station.figures) else None for station in view.stations]
        table.add_row(*(_figure(cell, large=n == 0) for cell in cells))
    return Group(river(view, width=column * len(view.stations), phase=phase), table)


def _stacked(view: ChainView) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for station in view.stations:
        table.add_row(Text("┃", style="yellow"), _heading(station))
        for n, figure in enumerate(station.figures):
            table.add_row(Text("┃", style="yellow"), _figure(figure, large=n == 0))
        table.add_row(Text("▼", style="yellow") if station.key != "answer" else "", "")
    return table


def river(view: ChainView, *, width: int, phase: float) -> Text:
    """One line of blocks, high at the grid and low at the answer, shimmering with what flows."""
    text = Text(no_wrap=True)
    n_stations = len(view.stations)
    nodes = {round(width * (2 * n + 1) / (2 * n_stations)) for n in range(n_stations)}
    for x in range(width):
        along = x / max(1, width - 1)
        words = along > 0.7
        ratio = view.token_ratio if words else view.power_ratio
        height = min(len(_HEIGHTS) - 1, max(0, round((1 - along) * (len(_HEIGHTS) - 1))))
        wave = 0.5 + 0.5 * math.sin(0.45 * x - phase * (2.0 if words else 1.0))
        light = 0.45 + 0.55 * wave * (0.25 + 0.75 * ratio)
        if x in nodes:
            text.append("◉", style="bold")
        else:
            text.append(_HEIGHTS[height], style=_colour(along, light))
    return text


def _colour(along: float, light: float) -> str:
    red, green, blue = (
        round((power + (words - power) * along) * light) for power, words in zip(_POWER, _WORDS, strict=True)
    )
    return f"rgb({red},{green},{blue})"


def _heading(station: Station) -> Text:
    return Text.assemble((station.title, "bold cyan"), "\n", (station.detail, "dim"))


def _figure(figure: Figure | None, *, large: bool) -> Text:
    if figure is None:
        return Text()
    mark, colour = _MARKS[figure.method]
    number = (str(figure.amount), "bold yellow" if large else "bold")
    return Text.assemble(number, "\n", (f"{mark} ", colour), (figure.label, "dim"))


def _bill(view: ChainView) -> Table:
    table = Table.grid(padding=(0, 2))
    for link in reversed(view.links):
        for n, line in enumerate(link.sums):
            first = n == 0
            table.add_row(
                Text("◂" if first else "", style="yellow"),
                Text(link.label if first else "", style="dim"),
                Text(line),
            )
    return table


def _accounts_bar(accounts: tuple[Account, ...], width: int) -> Text:
    bar = Text(no_wrap=True)
    for account in accounts:
        shape, colour = _ACCOUNTS[account.key]
        bar.append(shape * round(account.share_ratio * width), style=colour)
    bar.truncate(width)
    return bar


def _accounts_legend(accounts: tuple[Account, ...]) -> Text:
    legend = Text()
    for account in accounts:
        shape, colour = _ACCOUNTS[account.key]
        legend.append(f"{shape}{_HARD_SPACE}", style=colour)
        legend.append(f"{account.label} {account.amount}".replace(" ", _HARD_SPACE) + "   ")
    return legend


def _legend(language: Language) -> Text:
    say = phrases(PACKAGE, language)
    legend = Text(style="dim")
    for method, (mark, colour) in _MARKS.items():
        legend.append(mark, style=colour)
        legend.append(f" {say[method]}   ")
    return legend
