"""``@name`` at the beginning of a question."""

from __future__ import annotations

from collections.abc import Sequence

from galerne.chat.assistants.records import Assistant
from galerne.chat.history.search import fold


def mentioned(question: str, assistants: Sequence[Assistant]) -> tuple[Assistant, str] | None:
    """The assistant that a question begins with, and the question without it; ``None`` for a plain question.

    Case and accents do not matter; of two names that fit, the longer one is meant.
    """
    if not question.startswith("@"):
        return None
    said = question[1:]
    for assistant in sorted(assistants, key=lambda entry: len(entry.profile.name), reverse=True):
        length = len(assistant.profile.name)
        rest = said[length:]
        if fold(said[:length]) != fold(assistant.profile.name) or rest[:1].isalnum():
            continue
        if asked := rest.lstrip(" ,:\t\n"):
            return assistant, asked
    return None
