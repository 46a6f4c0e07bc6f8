"""One conversation as a file to keep: Markdown and HTML show the branch that is shown, JSON holds all."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from galerne.chat.archive.conversations import write_archive
from galerne.chat.bill.amounts import bill_of
from galerne.chat.bill.receipt import PACKAGE, receipt_line, view_receipt
from galerne.chat.bill.words import bill_line, view_bill
from galerne.chat.history.records import ChatMessage, Conversation
from galerne.chat.history.tree import MessageTree
from galerne.chat.web.markdown import render_page
from galerne.language import Language, phrases

FORMATS: Mapping[str, str] = {"md": "text/markdown", "html": "text/html", "json": "application/json"}

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_HEAD = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1>
<p class="faint">{day}{bill}</p>
"""


def export_conversation(
    conversation: Conversation,
    messages: Sequence[ChatMessage],
    *,
    kind: str,
    language: Language,
    beside: Callable[[Conversation], Mapping[str, Any]] = lambda _: {},
) -> str:
    """A conversation as ``md``, ``html`` or ``json``.

    Args:
        conversation: its title and dates.
        messages: of every branch.
        kind: one of ``FORMATS``.
        language: of the words around it.
        beside: what else JSON says of it.
    """
    if kind == "json":
        return write_archive([(conversation, messages)], beside=beside)
    tree = MessageTree((message.id, message.parent_id) for message in messages)
    by_id = {message.id: message for message in messages}
    thread = [by_id[message_id] for message_id in tree.path(conversation.leaf_id)]
    write = _markdown if kind == "md" else _html
    return write(conversation, thread, bill=_bill(messages, language), language=language)


def _bill(messages: Sequence[ChatMessage], language: Language) -> str:
    receipts = [entry for message in messages for entry in (*message.past_receipts, message.receipt) if entry]
    view = view_bill(bill_of(receipts), language=language)
    return bill_line(view) if view else ""


def _markdown(
    conversation: Conversation, thread: Sequence[ChatMessage], *, bill: str, language: Language
) -> str:
    say = phrases(PACKAGE, language)
    parts = [f"# {conversation.title}", " · ".join(part for part in (_day(conversation), bill) if part)]
    for message in thread:
        parts += [f"## {say['you' if message.role == 'user' else 'assistant']}", message.content]
        parts += [f"*{line}*" for line in _receipt_lines(message, language)]
    return "\n\n".join(parts) + "\n"


def _html(conversation: Conversation, thread: Sequence[ChatMessage], *, bill: str, language: Language) -> str:
    say = phrases(PACKAGE, language)
    style = resources.files("galerne.chat.web").joinpath("static/export.css").read_text(encoding="utf-8")
    head = _HEAD.format(
        language=language.value,
        policy=_POLICY,
        style=style,
        title=escape(conversation.title),
        day=_day(conversation),
        bill=f" · {escape(bill)}" if bill else "",
    )
    turns = []
    for message in thread:
        if message.role == "user":
            said = f'<div class="said">{escape(message.content)}</div>'
        else:
            said = "".join(render_page(message.content, len(message.citations)))
        lines = "".join(f'<p class="faint">{escape(line)}</p>' for line in _receipt_lines(message, language))
        name = say["you" if message.role == "user" else "assistant"]
        turns.append(f'<article class="{message.role}"><h2>{name}</h2>{said}{lines}</article>\n')
    return head + "".join(turns) + "</body></html>\n"


def _receipt_lines(message: ChatMessage, language: Language) -> list[str]:
    receipts = [*message.past_receipts, *([message.receipt] if message.receipt else [])]
    return [receipt_line(view_receipt(receipt, language=language)) for receipt in receipts]


def _day(conversation: Conversation) -> str:
    return datetime.datetime.fromtimestamp(conversation.created_at, tz=datetime.UTC).date().isoformat()
