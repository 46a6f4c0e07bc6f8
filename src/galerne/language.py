"""French and English: which one a person reads, and where the phrases are.

Each part that speaks to people keeps a ``phrases.toml`` beside its code: one table per language, the same
keys in both (a test holds them to it). Errors for programs stay in English; advice for people is translated.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources


class Language(StrEnum):
    """A language Galerne speaks."""

    ENGLISH = "en"
    FRENCH = "fr"


def preferred_language(tags: str | None) -> Language:
    """The first language we speak in a list such as ``fr-FR,fr;q=0.9,en``; else English."""
    for tag in (tags or "").replace(":", ",").split(","):
        code = tag.strip().lower()[:2]
        if code in set(Language):
            return Language(code)
    return Language.ENGLISH


def environment_language(environ: Mapping[str, str]) -> Language:
    """The language of a terminal, by the usual variables: GALERNE_LANGUAGE, LC_ALL, LC_MESSAGES, LANG."""
    for name in ("GALERNE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(name):
            return preferred_language(environ[name])
    return Language.ENGLISH


@functools.cache
def phrases(package: str, language: Language) -> Mapping[str, str]:
    """The phrases of one part in one language, as a person reads them.

    Args:
        package: dotted name of the package that holds ``phrases.toml``.
        language: which table.
    """
    typed = phrases_as_typed(package, language)
    if language is Language.FRENCH:
        return {key: typeset(phrase) for key, phrase in typed.items()}
    return typed


@functools.cache
def phrases_as_typed(package: str, language: Language) -> Mapping[str, str]:
    """The same for a model or a program, which know no typography: as their author typed them.

    Args:
        package: dotted name of the package that holds ``phrases.toml``.
        language: which table.
    """
    text = resources.files(package).joinpath("phrases.toml").read_text(encoding="utf-8")
    table: dict[str, str] = tomllib.loads(text)[language.value]
    return table


def typeset(text: str) -> str:
    """French as it is printed, whatever was typed: no line begins with a colon, apostrophes are curved.

    A no-break space before a colon and inside guillemets, a narrow one before ``; ! ?``.
    """
    text = re.sub(r"(?<=\S) (?=[;!?](?:\s|$|[)»]))", "\u202f", text)
    text = re.sub(r"(?<=\S) (?=:(?:\s|$))", "\u00a0", text)
    text = re.sub(r" (?=»)|(?<=«) ", "\u00a0", text)
    return re.sub(r"(?<=[^\W\d_])'(?=[^\W\d_])", "’", text)
