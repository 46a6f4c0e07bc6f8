"""``galerne top``: what the daemon draws and does, live."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from galerne.chat.bill.figures import NARROW_SPACE, number, quantity, share
from galerne.chat.client.api import ApiClient
from galerne.chat.terminal.interrupt import until_interrupted
from galerne.cli.daemon import own_key
from galerne.cli.screen import make_console, print_json
from galerne.cli.settings import read_settings
from galerne.errors import ServerUnreachable
from galerne.language import Language, phrases
from galerne.storage import read_daemon

ACCOUNTS = {"answers": "█", "idle": "░", "loading": "▓", "foreign": "▒", "unattributed": "?"}
"""Told apart by shape: a pipe has no colours."""
_HEIGHTS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 48


def top(*, interval_s: float, as_json: bool) -> None:
    """Draw it until Ctrl-C on a terminal, once in a pipe.

    Raises:
        ServerUnreachable: the daemon holds the folder and does not answer.
    """
    settings = read_settings(os.environ)
    daemon = read_daemon(settings.home)
    if daemon is None or daemon.address is None:
        if as_json:
            print_json({"running": False})
        else:
            words = phrases("galerne.cli", settings.language)
            make_console().print(words["ps_nothing"].format(home=settings.home), markup=False)
        return
    client = ApiClient(daemon.address, key=own_key(settings))
    asyncio.run(_show(client, settings.language, interval_s=interval_s, as_json=as_json))


async def _show(client: ApiClient, language: Language, *, interval_s: float, as_json: bool) -> None:
    async with client:
        reading = await client.chain()
        if as_json:
            print_json({"running": True, **_document(reading)})
        elif not sys.stdout.isatty():
            make_console().print(draw(reading, language=language))
        else:
            await until_interrupted(_live(client, reading, language, interval_s=interval_s))


async def _live(client: ApiClient, reading: dict[str, Any], language: Language, *, interval_s: float) -> None:
    words = phrases("galerne.cli", language)
    with Live(console=make_console(), auto_refresh=False, screen=True) as live:
        note = Text(words["top_leave"], style="dim")
        while True:
            live.update(Group(draw(reading, language=language), Text(), note), refresh=True)
            await asyncio.sleep(interval_s)
            try:
                reading, note = await client.chain(), Text(words["top_leave"], style="dim")
            except ServerUnreachable:
                note = Text(words["top_gone"], style="bold red")


def _document(reading: dict[str, Any]) -> dict[str, Any]:
    machine, engine = reading["machine"], reading["engine"]
    return {
        "at": reading["at"],
        "power_w": machine["power_w"],
        "idle_w": machine["idle_w"],
        "method": machine["method"],
        "model_id": engine["model_id"],
        "state": engine["state"],
        "tokens_per_s": engine["tokens_per_s"],
        "n_active": engine["n_active"],
        "n_slots": engine["n_slots"],
        "n_waiting": engine["n_waiting"],
        "accounts_j": reading["accounts_j"],
    }


def draw(reading: dict[str, Any], *, language: Language) -> RenderableType:
    """One frame, from what ``GET /v1/galerne/chain`` says."""
    words = phrases("galerne.cli", language)
    machine, engine = reading["machine"], reading["engine"]
    table = Table.grid(padding=(0, 2))
    idle = quantity(machine["idle_w"], "W", language=language)
    state = words.get(f"state_{engine['state']}", engine["state"])
    table.add_row(
        words["power"],
        Text(str(quantity(machine["power_w"], "W", language=language)), style="bold yellow"),
        Text(sparkline(machine["history_w"]), style="yellow"),
        Text(f"{words['method_' + machine['method']]}, {words['top_idle'].format(power=idle)}", style="dim"),
    )
    speed = f"{number(engine['tokens_per_s'], language=language)}{NARROW_SPACE}{words['tokens_per_s']}"
    table.add_row(
        words["speed"],
        Text(speed, style="bold cyan"),
        Text(sparkline(engine["history_tokens_per_s"]), style="cyan"),
        Text(f"{engine['model_id']}, {state}", style="dim"),
    )
    table.add_row(
        words["answers"],
        Text(f"{engine['n_active']}/{engine['n_slots']}", style="bold"),
        Text("●" * engine["n_active"] + "○" * max(0, engine["n_slots"] - engine["n_active"])),
        Text(words["top_waiting"].format(n=engine["n_waiting"]), style="dim"),
    )
    title = Text(f"Galerne  {machine['name']}", style="bold")
    return Group(title, Text(), table, Text(), *_accounts(reading["accounts_j"], language))


def _accounts(accounts_j: dict[str, float], language: Language) -> list[RenderableType]:
    words = phrases("galerne.cli", language)
    whole_j = accounts_j["meter"]
    parts = {name: max(0.0, accounts_j[name]) / whole_j if whole_j else 0.0 for name in ACCOUNTS}
    bar = "".join(ACCOUNTS[name] * round(ratio * BAR_WIDTH) for name, ratio in parts.items())
    table = Table.grid(padding=(0, 2))
    for name, ratio in parts.items():
        amount = str(quantity(accounts_j[name], "J", language=language))
        table.add_row(ACCOUNTS[name], words[f"account_{name}"], amount, share(ratio, language=language))
    table.add_row("=", words["account_meter"], str(quantity(whole_j, "J", language=language)), "")
    return [Text(words["top_accounts_title"], style="bold"), Text(bar), table]


def sparkline(history: Sequence[float]) -> str:
    """The last values as small columns, from zero to the highest."""
    most = max(history, default=0.0)
    if most <= 0:
        return _HEIGHTS[0] * len(history)
    return "".join(_HEIGHTS[round(max(0.0, value) / most * (len(_HEIGHTS) - 1))] for value in history)
