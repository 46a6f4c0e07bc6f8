"""``galerne run`` and ``galerne chat``: one question, or a conversation."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from galerne.chat.client import ApiClient
from galerne.chat.terminal import ask_once, run_chat
from galerne.cli.daemon import attach_or_host, own_key
from galerne.cli.installed import find_installed, installed
from galerne.cli.screen import make_console
from galerne.cli.settings import Settings, read_settings
from galerne.errors import InvalidRequest, UnknownModel


def run(
    *,
    model: str | None,
    prompt: str,
    json_output: bool,
    load_anyway: bool = False,
    files: Sequence[Path] = (),
    tunes_idle: bool = True,
) -> None:
    """Ask one question if there is one, on the command line or in the pipe; else talk.

    Raises:
        UnknownModel: there is no such model on this machine; names the nearest.
        InvalidRequest: there is neither a question nor a terminal to talk in.
    """
    settings = read_settings(os.environ)
    if model is not None:
        with contextlib.suppress(UnknownModel):  # a daemon may serve what is not installed: it answers then
            model = find_installed(installed(settings), model).model_id
        settings = dataclasses.replace(settings, model_id=model)
    settings = dataclasses.replace(
        settings,
        load_anyway=settings.load_anyway or load_anyway,
        tunes_idle=settings.tunes_idle and tunes_idle,
    )
    written = prompt.encode("utf-8", errors="replace").decode("utf-8").strip()
    question = "\n\n".join(part for part in (written, piped_text()) if part)
    if question:
        ask(settings, question, model=model, as_json=json_output)
    elif sys.stdin is not None and sys.stdin.isatty():
        talk(settings, model=model, files=files)
    else:
        problem = "ask a question on the command line or in the pipe; a chat needs a terminal"
        raise InvalidRequest(path="PROMPT", problem=problem)


def piped_text() -> str:
    """What was piped in; empty on a terminal or without standard input. Bytes that are no text are marked."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    return sys.stdin.buffer.read().decode("utf-8", errors="replace").strip()


def ask(settings: Settings, question: str, *, model: str | None = None, as_json: bool = False) -> None:
    """One answer and its receipt; of the model that is served, unless one is named."""

    async def go(address: str) -> None:
        async with ApiClient(address, key=own_key(settings), load_anyway=settings.load_anyway) as client:
            await ask_once(
                client,
                question,
                language=settings.language,
                console=make_console(),
                model=model,
                as_json=as_json,
            )

    with attach_or_host(settings) as address:
        asyncio.run(go(address))


def talk(settings: Settings, *, model: str | None = None, files: Sequence[Path] = ()) -> None:
    """A conversation in the terminal; with the model that is served, unless one is named."""

    async def go(address: str) -> None:
        async with ApiClient(
            address,
            key=own_key(settings),
            language=settings.language.value,
            load_anyway=settings.load_anyway,
        ) as client:
            await run_chat(
                client, language=settings.language, console=make_console(), model=model, files=files
            )

    with attach_or_host(settings) as address:
        asyncio.run(go(address))
