"""Chunks of a stream that differ in nothing but their text: what is around it is read once.

A server writes the same fields with every token. Where a chunk begins and ends with the same bytes as one
that was read whole, what stands between them is its text, in JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_CONTENT = b'"content":'
_TEXT = re.compile(rb'\s*("(?:[^"\\]|\\.)*")')
_read_json = json.JSONDecoder().raw_decode
_MOST_VAIN = 4
"""How often something is learnt that no chunk is like, until nothing more is."""


class PlainChunks:
    """What the plain chunks of one stream have in common: one piece of the answer, and nothing else told."""

    def __init__(self) -> None:
        self._before = b""
        self._after = b""
        self._n_vain = 0

    def learn(self, data: bytes, chunk: Mapping[str, Any]) -> None:
        """Take a chunk that has been read whole as an example, if it is plain."""
        if self._n_vain > _MOST_VAIN or not _is_plain(chunk):
            return
        before, found, rest = data.partition(_CONTENT)
        text = _TEXT.match(rest)
        # Inside of a text its quotes are escaped: where these bytes occur once, they are the field.
        if found and text and _CONTENT not in rest:
            self._n_vain += 1
            self._before, self._after = before + found + rest[: text.start(1)], rest[text.end(1) :]

    def texts(self, told: Sequence[bytes], begin: int) -> list[str]:
        """The text of each plain chunk from the ``begin``-th on, up to the first that is none."""
        texts: list[str] = []
        if not self._before:
            return texts
        start, end = len(self._before), len(self._after)
        for data in told[begin:]:
            if not (data.startswith(self._before) and data.endswith(self._after)):
                break
            try:
                quoted = data[start : len(data) - end].decode()
                text, n_characters = _read_json(quoted)
            except ValueError:
                break
            if not isinstance(text, str) or n_characters != len(quoted):
                break
            texts.append(text)
        self._n_vain *= not texts
        return texts


def _is_plain(chunk: Mapping[str, Any]) -> bool:
    choices = chunk.get("choices")
    if (
        not choices
        or len(choices) != 1
        or any(chunk.get(name) for name in ("usage", "timings", "prompt_progress"))
    ):
        return False
    choice = choices[0]
    told = {name for name, value in choice.items() if value is not None}
    return told <= {"index", "delta"} and set(choice.get("delta") or ()) == {"content"}
