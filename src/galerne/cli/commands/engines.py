"""``galerne ps``, ``load`` and ``stop``: which models are in memory, how busy they are, what they draw."""

from __future__ import annotations

import os
from typing import Any

from rich.table import Table

from galerne.chat.bill.figures import NARROW_SPACE, decimal, duration, number, quantity, share
from galerne.cli.caller import ask_daemon
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.errors import NoNode
from galerne.language import Language, phrases
from galerne.storage import read_daemon

ENGINES = "/v1/galerne/engines"
ORDERS = "/v1/admin/engines"


def ps(*, every_model: bool, as_json: bool) -> None:
    """What the daemon of this data folder runs.

    Raises:
        ServerUnreachable: it holds the folder and does not answer.
    """
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    console = make_console()
    daemon = read_daemon(settings.home)
    if daemon is None or daemon.address is None:
        if as_json:
            print_json({"running": []})
        else:
            console.print(words["ps_nothing"].format(home=settings.home), markup=False)
        return
    chain = ask_daemon(settings, daemon.address, "GET", "/v1/galerne/chain")
    rows = ask_daemon(settings, daemon.address, "GET", ENGINES)["data"]
    shown = [row for row in rows if every_model or row["presence"] != "installed"]
    if as_json:
        running = {
            "address": daemon.address,
            "pid": daemon.pid,
            "machine": chain["machine"],
            "models": shown,
        }
        print_json({"running": [running]})
        return
    if shown:
        console.print(_table(shown, language=settings.language))
    else:
        console.print(words["ps_none"])
    summary = words["ps_summary"].format(
        address=daemon.address,
        power=quantity(chain["machine"]["power_w"], "W", language=settings.language),
        method=words[f"method_{chain['machine']['method']}"],
        n=len(rows) - sum(row["presence"] != "installed" for row in rows),
    )
    console.print(summary, style="dim", markup=False)


def stop(*, model: str, now: bool, as_json: bool) -> None:
    """Unload a model.

    Raises:
        NoNode: no daemon runs here, so nothing is loaded.
    """
    settings = read_settings(os.environ)
    path = f"{ORDERS}/{model}?now={str(now).lower()}"
    row = ask_daemon(settings, _address(), "DELETE", path, patience_s=None)
    if as_json:
        print_json(row)
        return
    words = phrases("galerne.cli", settings.language)
    make_console().print(words["unloaded"].format(model=row["model_id"]), markup=False)


def load(*, model: str, pinned: bool | None, anyway: bool, as_json: bool) -> None:
    """Load a model into the running daemon.

    Raises:
        NoNode: no daemon runs here.
        AnswerRefused: there is no such model, or it does not fit.
    """
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    console = make_console()
    address = _address()
    order = {"pinned": pinned, "load_anyway": anyway}
    with console.status(words["loading"]):
        row = ask_daemon(settings, address, "PUT", f"{ORDERS}/{model}", json=order, patience_s=None)
    if as_json:
        print_json(row)
        return
    seconds = duration(row["load_s"] or 0.0, language=settings.language)
    console.print(words["loaded"].format(model=row["model_id"], duration=seconds), markup=False)


def _address() -> str:
    daemon = read_daemon(read_settings(os.environ).home)
    if daemon is None or daemon.address is None:
        raise NoNode(rejected={})
    return daemon.address


def _table(rows: list[dict[str, Any]], *, language: Language) -> Table:
    words = phrases("galerne.cli", language)
    table = plain_table(
        words["model"], words["state"], words["slots"], words["speed"], words["memory"], words["power"],
        words["until"], words["context"], title=words["ps_title"], secondary=(7, 5, 4),
    )  # fmt: skip
    for row in rows:
        power = "–" if row["power_w"] is None else str(quantity(row["power_w"], "W", language=language))
        table.add_row(
            row["model_id"],
            _state(row, language=language),
            _queue(row),
            f"{number(row['tokens_per_s'], language=language)}{NARROW_SPACE}{words['tokens_per_s']}",
            str(quantity(row["resident_bytes"], "B", language=language)) if row["resident_bytes"] else "–",
            power,
            _until(row, language=language),
            decimal(row["context_tokens"], language=language, decimals=0),
        )
    return table


def _state(row: dict[str, Any], *, language: Language) -> str:
    words = phrases("galerne.cli", language)
    if row["presence"] == "loading":
        return f"{words['presence_loading']} {share(row['loading']['progress_ratio'], language=language)}"
    if row["presence"] == "loaded" and row["state"] == "crashed":
        return words["presence_restarting"]
    if row["presence"] == "installed" and row["problem"]:
        return words["presence_failed"].format(code=row["problem"])
    return words[f"presence_{row['presence']}"]


def _queue(row: dict[str, Any]) -> str:
    waiting = f" +{row['n_waiting']}" if row["n_waiting"] else ""
    return f"{row['n_active']}/{row['n_slots']}{waiting}"


def _until(row: dict[str, Any], *, language: Language) -> str:
    words = phrases("galerne.cli", language)
    if row["pinned"]:
        return words["until_pinned"]
    if row["unload_in_s"] is None:
        return words["until_needed"] if row["presence"] == "loaded" else "–"
    return str(duration(row["unload_in_s"], language=language))
