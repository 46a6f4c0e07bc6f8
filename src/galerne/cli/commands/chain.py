"""``galerne chain``: grid, place, machine, engine, last answer, on one screen."""

from __future__ import annotations

import asyncio
import os
import sys

from galerne.chat.client.api import ApiClient
from galerne.chat.terminal.chain import chain_screen
from galerne.cli.daemon import attach_or_host, own_key
from galerne.cli.screen import make_console, print_json
from galerne.cli.settings import read_settings
from galerne.language import Language


def chain(*, once: bool, as_json: bool) -> None:
    """Draw the chain, live on a terminal; once in a pipe or when asked."""
    settings = read_settings(os.environ)
    with attach_or_host(settings) as address:
        asyncio.run(
            _show(ApiClient(address, key=own_key(settings)), settings.language, once=once, as_json=as_json)
        )


async def _show(client: ApiClient, language: Language, *, once: bool, as_json: bool) -> None:
    async with client:
        if as_json:
            print_json(await client.chain())
            return
        await chain_screen(
            client, language=language, console=make_console(), once=once or not sys.stdout.isatty()
        )
