"""``galerne run`` and ``galerne chat``: one question, or a conversation."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from galerne.cli.daemon import attach_or_host, own_key
from galerne.cli.settings import Settings, read_settings
from galerne.errors import InvalidRequest, UnknownModel
from galerne.language import phrases
from galerne.storage import read_daemon


def run(
    *,
    model: str | None,
    prompt: str,
    json_output: bool,
    load_anyway: bool = False,
    files: Sequence[Path] = (),
    tunes_idle: bool = True,
    in_full: bool = False,
    answer_format: str = "",
) -> None:
    """Ask one question if there is one, on the command line or in the pipe; else talk.

    Args:
        model: its id or another of its names.
        prompt: the question on the command line.
        json_output: one JSON object with answer and receipt.
        load_anyway: also what does not fit.
        files: documents for a conversation.
        tunes_idle: whether the engine may be measured meanwhile.
        in_full: explain each figure of the receipt.
        answer_format: ``json``, or the path of a JSON schema that the answer keeps to.

    Raises:
        UnknownModel: there is no such model on this machine; names the nearest.
        InvalidRequest: there is neither a question nor a terminal to talk in.
    """
    settings = read_settings(os.environ)
    if model is not None:
        from galerne.cli.installed import find_installed, installed

        try:
            model = find_installed(installed(settings), model).model_id
        except UnknownModel:
            serves_others = read_daemon(settings.home) is not None or settings.engines_path.is_file()
            fetched = None if serves_others else _fetched_after_asking(settings, model)
            if not serves_others and fetched is None:
                raise  # at once: a daemon started for it could only say the same
            model = fetched or model
        settings = dataclasses.replace(settings, model_id=model)
    settings = dataclasses.replace(
        settings,
        load_anyway=settings.load_anyway or load_anyway,
        tunes_idle=settings.tunes_idle and tunes_idle,
    )
    written = prompt.encode("utf-8", errors="replace").decode("utf-8").strip()
    question = "\n\n".join(part for part in (written, piped_text()) if part)
    wanted = _wanted_format(answer_format)
    if question:
        ask(settings, question, model=model, as_json=json_output, in_full=in_full, answer_format=wanted)
    elif sys.stdin is not None and sys.stdin.isatty():
        talk(settings, model=model, files=files)
    else:
        problem = "ask a question on the command line or in the pipe; a chat needs a terminal"
        raise InvalidRequest(path="PROMPT", problem=problem)


def _fetched_after_asking(settings: Settings, name: str) -> str | None:
    """The id of a known model that a person at the terminal has agreed to fetch now; None otherwise."""
    is_terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    if not is_terminal or settings.offline:
        return None
    from galerne.catalog import Catalog
    from galerne.cli.choosing import pullable
    from galerne.cli.commands.pull import pull
    from galerne.cli.installed import find_installed, installed
    from galerne.cli.screen import make_console

    if pullable(Catalog(), name) is None:
        return None
    question = phrases("galerne.cli", settings.language)["run_pull_question"].format(model=name)
    if make_console().input(f"{question} ", markup=False).strip().lower()[:1] not in {"y", "o"}:
        return None
    pull(name=name, format_id="", blind=False, anyway=settings.load_anyway, offline=False, as_json=False)
    return find_installed(installed(settings), name).model_id


def piped_text() -> str:
    """What was piped in; empty on a terminal or without standard input. Bytes that are no text are marked."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    return sys.stdin.buffer.read().decode("utf-8", errors="replace").strip()


def _wanted_format(text: str) -> dict[str, Any] | None:
    """What ``--format`` asks for, as the API takes it.

    Raises:
        InvalidRequest: it is neither ``json`` nor a file that holds a JSON schema.
    """
    if text in {"", "json"}:
        return {"type": "json_object"} if text else None
    try:
        schema = json.loads(Path(text).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = f"'json', or a file that holds a JSON schema, not {text!r} ({error})"
        raise InvalidRequest(path="--format", problem=problem) from error
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def ask(
    settings: Settings,
    question: str,
    *,
    model: str | None = None,
    as_json: bool = False,
    in_full: bool = False,
    answer_format: dict[str, Any] | None = None,
) -> None:
    """One answer and its receipt; of the model that is served, unless one is named."""

    async def go(address: str) -> None:
        from galerne.chat.client.api import ApiClient
        from galerne.chat.terminal.answer import ask_once, beside
        from galerne.cli.screen import make_console

        console = make_console()
        async with ApiClient(address, key=own_key(settings), load_anyway=settings.load_anyway) as client:
            answer = await ask_once(
                client,
                question,
                language=settings.language,
                console=console,
                model=model,
                as_json=as_json,
                answer_format=answer_format,
            )
        if answer.is_cut and answer_format:
            raise SystemExit(1)  # half an object is none
        aside = beside(console) if answer_format else console
        if in_full and answer.receipt is not None and not as_json:
            from galerne.chat.terminal.sheets import print_receipt

            print_receipt(answer.receipt, language=settings.language, console=aside)

    with attach_or_host(settings, has_pages=False) as address:
        asyncio.run(go(address))


def talk(settings: Settings, *, model: str | None = None, files: Sequence[Path] = ()) -> None:
    """A conversation in the terminal; with the model that is served, unless one is named."""

    async def go(address: str) -> None:
        from galerne.chat.client.api import ApiClient
        from galerne.chat.terminal.talk import run_chat
        from galerne.cli.screen import make_console

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
