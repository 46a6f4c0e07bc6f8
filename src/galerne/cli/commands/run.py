"""``galerne run`` and ``galerne chat``: one question, or a conversation."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys

from galerne.chat.client import ApiClient
from galerne.chat.terminal import ask_once, run_chat
from galerne.cli.daemon import attach_or_host
from galerne.cli.screen import make_console
from galerne.cli.settings import Settings, read_settings


def run(*, model: str | None, prompt: str, json_output: bool) -> None:
    """Ask one question if there is one, on the command line or in the pipe; else talk.

    Raises:
        UnknownModel: there is no such model on this machine; names the nearest.
    """
    settings = read_settings(os.environ)
    if model is not None:
        settings = dataclasses.replace(settings, model_id=model)
    question = "\n\n".join(part for part in (prompt.strip(), piped_text()) if part)
    if question or not sys.stdin.isatty():
        ask(settings, question, as_json=json_output)
    else:
        talk(settings)


def piped_text() -> str:
    """What was piped in; empty on a terminal or without standard input."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    return sys.stdin.read().strip()


def ask(settings: Settings, question: str, *, as_json: bool = False) -> None:
    """One answer and its receipt."""

    async def go(address: str) -> None:
        async with ApiClient(address, key=settings.api_key) as client:
            await ask_once(
                client,
                question,
                language=settings.language,
                console=make_console(),
                model=settings.model_id,
                as_json=as_json,
            )

    with attach_or_host(settings) as address:
        asyncio.run(go(address))


def talk(settings: Settings) -> None:
    """A conversation in the terminal."""

    async def go(address: str) -> None:
        async with ApiClient(address, key=settings.api_key) as client:
            await run_chat(
                client, language=settings.language, console=make_console(), model=settings.model_id
            )

    with attach_or_host(settings) as address:
        asyncio.run(go(address))
