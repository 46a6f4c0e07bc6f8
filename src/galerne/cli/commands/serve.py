"""``galerne serve``: the daemon in the foreground."""

from __future__ import annotations

import dataclasses
import os

from rich.console import Console

from galerne.cli.daemon import run_daemon
from galerne.cli.settings import Settings, checked_host, read_settings
from galerne.errors import InvalidSetting
from galerne.language import phrases
from galerne.ledger import Ledger


def serve(
    *, host: str | None, port: int | None, model: str | None, simulate: str | None, load_anyway: bool = False
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        InvalidSetting: no key on an address that others can reach.
        DataFolderBusy: another daemon owns the data folder.
        PortInUse: something else listens there.
    """
    chosen = read_settings(os.environ)
    settings = dataclasses.replace(
        chosen,
        host=chosen.host if host is None else checked_host(host),
        port=chosen.port if port is None else port,
        model_id=chosen.model_id if model is None else model,
        load_anyway=chosen.load_anyway or load_anyway,
    )
    _require_key_off_loopback(settings)
    words = phrases("galerne.cli", settings.language)
    console = Console(highlight=False)

    def announce(address: str) -> None:
        console.print(f"[bold]Galerne[/] {words['serving_at'].format(address=address)}")
        console.print(f"  {words['serving_page']:<12} {address}/", style="dim")
        console.print(f"  {words['serving_chain']:<12} {address}/chain", style="dim")
        console.print(f"  {words['serving_api']:<12} {address}/v1", style="dim")
        console.print(f"  {words['serving_stop']}", style="dim")

    console.print(words["starting"], style="dim")
    run_daemon(settings, announce=announce, simulate=simulate)


def _require_key_off_loopback(settings: Settings) -> None:
    """Refuse to serve others where neither the settings nor the ledger hold a key."""
    try:
        settings.require_key_off_loopback()
    except InvalidSetting:
        ledger = Ledger.open(settings.ledger_url)
        try:
            if not ledger.keys.exist():
                raise
        finally:
            ledger.close()
