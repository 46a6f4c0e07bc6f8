"""A small grammar of questions: alternatives, slots and macros, expanded at random.

``<a|b|>`` picks one branch (an empty one is allowed), ``{word}`` picks an item of a list or a value
made on the spot, ``{macro:text}`` expands a macro in which ``$`` stands for the text. A backslash keeps
the next character as it is. Lists whose name starts with ``raw_`` are never expanded.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Maker = Callable[[random.Random], str]


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """The word lists, macros and makers of one language."""

    words: Mapping[str, Sequence[str]]
    macros: Mapping[str, Sequence[str]] = field(default_factory=dict)
    makers: Mapping[str, Maker] = field(default_factory=dict)

    def expand(self, template: str, rng: random.Random) -> str:
        """Write one sentence from a template."""
        text, end = self._sequence(template, 0, "", rng)
        if end != len(template):
            raise ValueError(f"unbalanced template: {template!r}")
        return " ".join(text.split())

    def _sequence(self, template: str, start: int, stops: str, rng: random.Random) -> tuple[str, int]:
        parts: list[str] = []
        at = start
        while at < len(template) and template[at] not in stops:
            char = template[at]
            if char == "<":
                text, at = self._choice(template, at + 1, rng)
            elif char == "{":
                text, at = self._slot(template, at + 1, rng)
            elif char == "\\":
                text, at = template[at + 1], at + 2
            else:
                text, at = char, at + 1
            parts.append(text)
        return "".join(parts), at

    def _choice(self, template: str, start: int, rng: random.Random) -> tuple[str, int]:
        branches = split_branches(template, start)
        chosen = branches[rng.randrange(len(branches) - 1)]
        text, _ = self._sequence(template, chosen, "|>", rng)
        return text, branches[-1]

    def _slot(self, template: str, start: int, rng: random.Random) -> tuple[str, int]:
        end = start
        while template[end] not in ":}":
            end += 1
        name = template[start:end]
        if template[end] == "}":
            return self._word(name, rng), end + 1
        argument, end = self._sequence(template, end + 1, "}", rng)
        macro = rng.choice(self.macros[name])
        return self.expand(macro, rng).replace("$", argument), end + 1

    def _word(self, name: str, rng: random.Random) -> str:
        if name in self.makers:
            return self.makers[name](rng)
        word = rng.choice(self.words[name])
        return word if name.startswith("raw_") else self.expand(word, rng)


def split_branches(template: str, start: int) -> list[int]:
    """Find where each branch of a choice starts; the last entry is the place after its ``>``."""
    starts, depth, at = [start], 0, start
    while depth or template[at] != ">":
        if template[at] == "\\":
            at += 1
        elif template[at] in "<{":
            depth += 1
        elif template[at] in ">}":
            depth -= 1
        elif template[at] == "|" and not depth:
            starts.append(at + 1)
        at += 1
    return [*starts, at + 1]
