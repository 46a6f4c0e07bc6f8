"""The words of a question that may stand in a document: without filler, without endings."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from galerne.chat.history.search import fold
from galerne.language import Language, phrases_as_typed

_LONGEST_QUESTION = 2_000
_MOST_WORDS = 24


@functools.cache
def _filler() -> frozenset[str]:
    tables = (phrases_as_typed("galerne.chat.documents", language)["filler"] for language in Language)
    return frozenset(" ".join(tables).split())


def question_words(question: str) -> list[str]:
    """The words worth looking for, each cut to what its forms have in common; the first ones of very many."""
    words = re.findall(r"[^\W_]+", fold(question[:_LONGEST_QUESTION]))
    stems = (_stem(word) for word in words if word not in _filler())
    return list(dict.fromkeys(stem for stem in stems if len(stem) > 1 or stem.isdecimal()))[:_MOST_WORDS]


def match_sqlite(stems: Sequence[str]) -> str:
    """Any of the words, as FTS5 asks for them."""
    return " OR ".join(f'"{stem}"' + ("*" if _is_open(stem) else "") for stem in stems)


def match_postgresql(stems: Sequence[str]) -> str:
    """Any of the words, as ``to_tsquery`` asks for them."""
    return " | ".join(stem + (":*" if _is_open(stem) else "") for stem in stems)


def _stem(word: str) -> str:
    """A word without the ending that its plural or its gender may change. French and English share these."""
    if not word.isalpha() or len(word) < 5:
        return word
    return word[: -2 if len(word) > 7 else -1]


def _is_open(stem: str) -> bool:
    return stem.isalpha() and len(stem) > 3
