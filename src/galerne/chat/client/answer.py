"""An answer as it comes: the events it consists of, and how the API's chunks become them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerStart:
    """The API took the question.

    Attributes:
        receipt_id: under which the receipt will be found, even if the answer is stopped.
    """

    receipt_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPiece:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerEnd:
    """How the answer ended and what it used.

    Attributes:
        finish_reason: ``stop``, ``length``…
        model_id: which model answered.
        usage: the API's usage object, our receipt under ``galerne``.
    """

    finish_reason: str
    model_id: str
    usage: Mapping[str, Any]

    @property
    def receipt(self) -> dict[str, Any] | None:
        """The receipt as it was when the answer ended."""
        return self.usage.get("galerne")


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCalled:
    """The model calls a tool.

    Attributes:
        arguments: JSON, exactly as the model wrote it.
    """

    id: str
    name: str
    arguments: str


AnswerEvent: TypeAlias = AnswerStart | TextPiece | ToolCalled | AnswerEnd


class AnswerReading:
    """What has been read of an answer.

    Args:
        beginning: what the answer goes on with; the API says it again.
        model_id: who was asked.
    """

    def __init__(self, *, beginning: str, model_id: str) -> None:
        self._rest = _Rest(beginning)
        self._calls: dict[int, ToolCalled] = {}
        self.end = AnswerEnd(finish_reason="stop", model_id=model_id, usage={})

    def text_of(self, chunk: Mapping[str, Any]) -> str:
        """The new text of a chunk; what else it holds is kept."""
        _collect_calls(self._calls, chunk)
        self.end = _end_after(self.end, chunk)
        return self._rest.of(_text_of(chunk))

    def calls(self) -> Iterable[ToolCalled]:
        """The calls of tools, in their order; whole once the answer has ended."""
        return (call for _, call in sorted(self._calls.items()))


class _Rest:
    """What follows the beginning of an answer: the API says the beginning again, as Mistral's does."""

    def __init__(self, beginning: str) -> None:
        self._beginning = beginning
        self._held = ""

    def of(self, text: str) -> str:
        """The part of a piece that is new."""
        if not self._beginning:
            return text
        self._held += text
        if len(self._held) < len(self._beginning) and self._beginning.startswith(self._held):
            return ""
        new, self._beginning = self._held.removeprefix(self._beginning), ""
        return new


def _text_of(chunk: Mapping[str, Any]) -> str:
    return "".join(choice.get("delta", {}).get("content") or "" for choice in chunk.get("choices", ()))


def _collect_calls(calls: dict[int, ToolCalled], chunk: Mapping[str, Any]) -> None:
    """Put together what comes in pieces."""
    for choice in chunk.get("choices", ()):
        for piece in choice.get("delta", {}).get("tool_calls") or ():
            function = piece.get("function") or {}
            index = piece.get("index", len(calls))
            old = calls.get(index, ToolCalled(id="", name="", arguments=""))
            calls[index] = ToolCalled(
                id=piece.get("id") or old.id,
                name=old.name + (function.get("name") or ""),
                arguments=old.arguments + (function.get("arguments") or ""),
            )


def _end_after(end: AnswerEnd, chunk: Mapping[str, Any]) -> AnswerEnd:
    reasons = [choice["finish_reason"] for choice in chunk.get("choices", ()) if choice.get("finish_reason")]
    model_id, usage = str(chunk.get("model") or end.model_id), chunk.get("usage")
    if not reasons and not usage and model_id == end.model_id:
        return end
    reason = reasons[-1] if reasons else end.finish_reason
    return AnswerEnd(finish_reason=reason, model_id=model_id, usage=usage or end.usage)
