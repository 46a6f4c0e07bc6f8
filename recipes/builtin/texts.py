"""Reads the hand-written text files: answers, questions, words, macros and held-out phrasings."""

import unicodedata
from pathlib import Path
from typing import Final

from recipes.builtin import shape

HELD_OUT: Final = ("heldout", "everyday")
SHORT_PHRASING_LETTERS: Final = 8


def read_sections(path: Path) -> dict[str, list[str]]:
    """Read a file of ``# name`` headers, each followed by lines; empty lines are kept inside."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and line[2:].replace("_", "").isalnum():
            lines = sections.setdefault(line[2:], [])
        else:
            lines.append(line)
    return sections


def read_answers(language: str) -> dict[str, str]:
    """Give the answer of each intent, with the model's true size written in."""
    sections = read_sections(shape.TEXT_FOLDER / f"answers.{language}.txt")
    size = shape.millions_of_parameters(language)
    return {intent: "\n".join(lines).strip().format(params=size) for intent, lines in sections.items()}


def read_questions(language: str) -> dict[str, list[str]]:
    """Give the question templates of each intent."""
    return _without_blanks(read_sections(shape.TEXT_FOLDER / f"questions.{language}.txt"))


def read_macros(language: str) -> dict[str, list[str]]:
    """Give the macros of the question templates."""
    return _without_blanks(read_sections(shape.TEXT_FOLDER / f"macros.{language}.txt"))


def read_words(language: str) -> dict[str, list[str]]:
    """Give the word lists; items are separated by ``|`` unless the list is raw, then by lines too."""
    sections = _without_blanks(read_sections(shape.TEXT_FOLDER / f"words.{language}.txt"))
    return {name: [item for line in lines for item in split_items(line)] for name, lines in sections.items()}


def read_held_out(language: str, name: str = "heldout") -> list[tuple[str, str]]:
    """Give a set of held-out phrasings as (intent, question); none may be in the training text."""
    sections = _without_blanks(read_sections(shape.TEXT_FOLDER / f"{name}.{language}.txt"))
    return [(intent, line) for intent, lines in sections.items() for line in lines]


def held_out_keys(language: str) -> set[str]:
    """Give the held-out phrasings as bare letters, less the very short ones, which everyone says."""
    questions = [question for name in HELD_OUT for _, question in read_held_out(language, name)]
    return {key for key in map(bare, questions) if len(key) > SHORT_PHRASING_LETTERS}


def bare(text: str) -> str:
    """Keep letters and digits only, without accents or capitals."""
    letters = unicodedata.normalize("NFD", text.lower())
    return "".join(char for char in letters if char.isalnum())


def split_items(line: str) -> list[str]:
    """Split a line of words at ``|``, which a backslash protects."""
    items = line.replace("\\|", "\0").split("|")
    return [item.replace("\0", "|").strip() for item in items]


def _without_blanks(sections: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: [line for line in lines if line.strip()] for name, lines in sections.items()}
