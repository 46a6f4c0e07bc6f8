"""What one of two answers to a question took more or less than the other, said plainly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galerne.chat.bill.amounts import bill_of
from galerne.chat.bill.figures import decimal, number
from galerne.chat.bill.receipt import PACKAGE
from galerne.chat.history.records import ChatMessage
from galerne.language import Language, phrases

_SAME = 0.05
"""Closer than this is the same: one answer to one question does not tell more."""
_WHOLE = 0.025


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How two answers differ, as a person reads it.

    Attributes:
        text: of the second, measured against the first; empty while a receipt is to come.
        method: of the less sure receipt.
        final: both receipts are.
    """

    text: str
    method: str
    method_label: str
    final: bool


def view_difference(first: ChatMessage, second: ChatMessage, *, language: Language) -> Difference:
    """Put the difference between two answers into words."""
    say = phrases(PACKAGE, language)
    one, other = _receipts(first), _receipts(second)
    if not one or not other:
        return Difference(text="", method="modelled", method_label=say["modelled"], final=False)
    bills = bill_of(one), bill_of(other)
    parts = [_in_words(bills[1].energy_j / bills[0].energy_j, of="energy", language=language)]
    seconds = _duration_s(one), _duration_s(other)
    if seconds[0] and seconds[1]:
        parts.append(_in_words(seconds[1] / seconds[0], of="time", language=language))
    method = bill_of([*one, *other]).method
    return Difference(
        text=say["difference"].format(
            first=_name(first, say), second=_name(second, say), parts=say["and"].join(parts)
        ),
        method=method,
        method_label=say.get(method, method),
        final=all(receipt.get("status") == "final" for receipt in (*one, *other)),
    )


def _receipts(message: ChatMessage) -> list[Mapping[str, Any]]:
    """Every receipt of an answer; none while its last one is to come."""
    if message.receipt is None or not float(message.receipt["energy_j"]["full"]):
        return []
    return [*message.past_receipts, message.receipt]


def _duration_s(receipts: Sequence[Mapping[str, Any]]) -> float | None:
    """From question to last word; ``None`` where a receipt does not yet say how many tokens."""
    total_s = 0.0
    for receipt in receipts:
        timing = receipt.get("timing") or {}
        n_tokens, per_s = receipt.get("completion_tokens"), timing.get("tokens_per_s")
        if n_tokens is None or not per_s:
            return None
        total_s += timing.get("first_token_s", 0.0) + n_tokens / per_s
    return total_s


def _in_words(ratio: float, *, of: str, language: Language) -> str:
    """``twice the energy``, ``half the time``, ``30 % less energy``."""
    say = phrases(PACKAGE, language)
    if abs(ratio - 1) <= _SAME:
        return say[f"{of}_same"]
    if abs(ratio / 2 - 1) <= _WHOLE:
        return say[f"{of}_twice"]
    if abs(ratio * 2 - 1) <= _WHOLE:
        return say[f"{of}_half"]
    if ratio >= 1.5:
        return say[f"{of}_times"].format(n=number(ratio, language=language, digits=2))
    share = decimal(abs(ratio - 1) * 100, language=language, decimals=0)
    return say[f"{of}_more" if ratio > 1 else f"{of}_less"].format(share=share)


def _name(message: ChatMessage, say: Mapping[str, str]) -> str:
    return message.model_id or say["assistant"]
