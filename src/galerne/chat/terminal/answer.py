"""One answer in the terminal: Markdown as it streams, then the receipt line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from galerne.chat.bill.receipt import PACKAGE, receipt_line, view_receipt
from galerne.chat.client.answer import AnswerEnd, AnswerStart, TextPiece
from galerne.chat.client.api import ApiClient
from galerne.chat.terminal.interrupt import until_interrupted
from galerne.errors import GalerneError
from galerne.language import Language, phrases

if TYPE_CHECKING:
    from galerne.chat.blocks import BlockStream

_SETTLE_TRIES = 6
_SETTLE_S = 0.25

OnText: TypeAlias = Callable[[str, int], None]
"""Told of each piece of text, and how many blocks it sealed."""


@dataclass(kw_only=True, slots=True)
class TerminalAnswer:
    """An answer as it is collected.

    Attributes:
        complete: False when Ctrl-C stopped it.
        is_cut: it reached its longest length.
        paused: leaves the screen to somebody else for as long as it lasts.
        stream: its blocks as they are drawn; None in a pipe, which gets the text as it comes.
    """

    text: str = ""
    model_id: str = ""
    receipt_id: str | None = None
    receipt: Mapping[str, Any] | None = None
    complete: bool = False
    is_cut: bool = False
    stream: BlockStream | None = None
    paused: Callable[[], AbstractContextManager[None]] = nullcontext


async def ask_once(
    client: ApiClient,
    question: str,
    *,
    language: Language,
    console: Console,
    model: str | None = None,
    as_json: bool = False,
    answer_format: Mapping[str, Any] | None = None,
) -> TerminalAnswer:
    """Ask one question, print the answer and its receipt line.

    Args:
        client: the API, entered.
        question: what is asked.
        language: of the receipt line.
        console: where to print; plain text when it is not a terminal.
        model: its id; ``None`` takes the first of the server.
        as_json: print one JSON object with the answer and the receipt instead.
        answer_format: a ``response_format`` that the answer keeps to.

    Raises:
        AnswerRefused: the API refused.
        ServerUnreachable: nobody answers.
    """
    turns = [{"role": "user", "content": question}]
    if as_json:
        answer = TerminalAnswer()
        await collect(client, turns, model=model, answer=answer, answer_format=answer_format)
        answer.receipt = await settled_receipt(client, answer)
        facts = {
            "model": answer.model_id,
            "answer": answer.text,
            "is_cut": answer.is_cut,
            "receipt": answer.receipt,
        }
        console.file.write(json.dumps(facts, ensure_ascii=False, indent=2) + "\n")
        return answer
    answer = TerminalAnswer()

    def work(on_text: OnText) -> Coroutine[Any, Any, None]:
        return collect(
            client, turns, model=model, answer=answer, on_text=on_text, answer_format=answer_format
        )

    await show_answer(answer, work, language=language, console=console)
    aside = beside(console) if answer_format else console
    if answer.is_cut:
        aside.print(Text(phrases(PACKAGE, language)["cut"], style="italic dim"))
    await show_receipt_line(client, answer, language=language, console=aside)
    return answer


def beside(console: Console) -> Console:
    """Where to speak of an answer that a program reads: standard error, unless it goes to a terminal."""
    return console if console.is_terminal else Console(stderr=True)


async def show_answer(
    answer: TerminalAnswer,
    work: Callable[[OnText], Coroutine[Any, Any, None]],
    *,
    language: Language,
    console: Console,
) -> None:
    """Stream an answer to the console while ``work`` fills it; Ctrl-C stops it."""
    if not console.is_terminal:
        answer.complete = await until_interrupted(work(_writer(console)))
        console.file.write("\n")
        return
    from galerne.chat.terminal.drawn import draw_answer  # noqa: PLC0415  # a pipe needs no Markdown

    await draw_answer(answer, work, language=language, console=console)
    if not answer.complete:
        console.print(Text(phrases(PACKAGE, language)["terminal_stopped"], style="italic dim"))


async def collect(
    client: ApiClient,
    turns: Sequence[Mapping[str, str]],
    *,
    model: str | None,
    answer: TerminalAnswer,
    on_text: OnText | None = None,
    answer_format: Mapping[str, Any] | None = None,
) -> None:
    """Fill ``answer`` from the API."""
    async for event in client.answer(turns, model=model, answer_format=answer_format):
        match event:
            case AnswerStart(receipt_id=receipt_id):
                answer.receipt_id = receipt_id
            case TextPiece(text=text):
                take(answer, text, on_text)
            case AnswerEnd():
                answer.model_id, answer.receipt = event.model_id, event.receipt
                answer.is_cut = event.finish_reason == "length"


def take(answer: TerminalAnswer, text: str, on_text: OnText | None) -> None:
    """Add a piece of text, and tell how many blocks it sealed."""
    answer.text += text
    n_sealed = answer.stream.feed(text) if answer.stream else 0
    if on_text is not None:
        on_text(text, n_sealed)


async def settled_receipt(client: ApiClient, answer: TerminalAnswer) -> Mapping[str, Any] | None:
    """The receipt, final if it settles soon; as it was at the end otherwise."""
    receipt_id = answer.receipt["id"] if answer.receipt else answer.receipt_id
    receipt = answer.receipt
    for _ in range(_SETTLE_TRIES if receipt_id else 0):
        try:
            receipt = await client.receipt(str(receipt_id))
        except GalerneError:
            return receipt
        if receipt.get("status") == "final":
            return receipt
        await asyncio.sleep(_SETTLE_S)
    return receipt


async def show_receipt_line(
    client: ApiClient, answer: TerminalAnswer, *, language: Language, console: Console
) -> None:
    """Print what the answer cost, in one line."""
    answer.receipt = await settled_receipt(client, answer)
    if answer.receipt is None:
        console.print(Text(phrases(PACKAGE, language)["receipt_none"], style="dim"))
        return
    line = receipt_line(view_receipt(answer.receipt, language=language))
    if console.is_terminal:
        console.print(under_answer(line))
    else:
        console.file.write(f"\n{line}\n")


def under_answer(line: str) -> RenderableType:
    """A receipt line, broken between its figures where the terminal is narrower."""
    table = Table.grid(padding=(0, 1))
    table.add_row(Text("↳", style="dim"), Text(line, style="dim"))
    return table


def _writer(console: Console) -> OnText:
    def write(text: str, _: int) -> None:
        console.file.write(text)
        console.file.flush()

    return write
