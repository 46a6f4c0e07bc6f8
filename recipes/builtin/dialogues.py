"""Makes the training dialogues: questions from the grammar, answers from the text files."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from recipes.builtin import makers, noise, shape, texts
from recipes.builtin.grammar import Grammar

# Intents asked more often than the others (weight 1): what lies outside Galerne is far more varied.
WEIGHTS: Final = {
    "oos_general": 14.0,
    "oos_code": 4.0,
    "oos_math": 5.0,
    "oos_translation": 3.0,
    "oos_writing": 5.0,
    "oos_news": 4.0,
    "oos_image": 1.5,
    "oos_instructions": 2.0,
    "oos_language": 2.0,
    "unclear": 3.5,
    "unknown_cmd": 2.0,
    "smalltalk": 3.0,
    "greeting": 5.0,
    "thanks": 4.0,
    "goodbye": 5.0,
    "how_are_you": 2.0,
    "identity": 7.0,
    "not_other": 6.0,
    "maker": 3.0,
    "human": 2.5,
    "capabilities": 5.0,
    "galerne_what": 5.0,
    "other_model": 1.5,
    "limits": 1.5,
    "insult": 1.3,
    "compliment": 1.3,
    "commands": 1.5,
    "cmd_fit": 1.5,
    "cmd_serve": 1.5,
    "cmd_run": 1.5,
    "cmd_list": 1.3,
    "cmd_pull": 1.5,
    "receipt": 1.3,
    "rec_general": 1.5,
    "rec_tight": 1.5,
    "rec_3b": 2.0,
    "rec_8b": 2.0,
    "rec_14b": 2.5,
    "rec_24b": 2.0,
    "rec_119b": 2.0,
}
TURNS: Final = (1,) * 44 + (2,) * 4 + (3, 4)
SYSTEM_RATIO: Final = 0.1
SAME_LANGUAGE_RATIO: Final = 0.85
SWITCH_RATIO: Final = 0.15
NEUTRAL_RATIO: Final = 0.08


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A question and its answer."""

    intent: str
    language: str
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """One or several turns, perhaps after a system prompt."""

    system: str
    turns: tuple[Turn, ...]


class Writer:
    """Writes dialogues at random, always the same for one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.answers = {language: texts.read_answers(language) for language in shape.LANGUAGES}
        self.questions = {language: texts.read_questions(language) for language in shape.LANGUAGES}
        self.held_out = {key for language in shape.LANGUAGES for key in texts.held_out_keys(language)}
        self.neutral = texts.read_questions("neutral")
        self.grammars = {
            language: Grammar(
                words=texts.read_words(language),
                macros=texts.read_macros(language),
                makers=makers.makers(language),
            )
            for language in shape.LANGUAGES
        }
        self.intents = list(self.answers["en"])
        self.weights = [WEIGHTS.get(intent, 1.0) for intent in self.intents]

    def dialogues(self) -> Iterator[Dialogue]:
        """Write dialogues without end."""
        while True:
            yield self.dialogue()

    def dialogue(self) -> Dialogue:
        """Write one dialogue."""
        language = self.rng.choice(shape.LANGUAGES)
        system = self.system_prompt(language) if self.rng.random() < SYSTEM_RATIO else ""
        turns: list[Turn] = []
        for _ in range(self.rng.choice(TURNS)):
            turns.append(self.next_turn(turns, language))
            language = turns[-1].language
            if self.rng.random() > SAME_LANGUAGE_RATIO:
                language = self.rng.choice(shape.LANGUAGES)
        return Dialogue(system=system, turns=tuple(turns))

    def next_turn(self, turns: list[Turn], language: str) -> Turn:
        """Write the turn that follows others."""
        draw = self.rng.random()
        if turns and draw < SWITCH_RATIO:
            return self.language_switch(turns[-1])
        if draw > 1 - NEUTRAL_RATIO:
            return self.neutral_turn(turns[-1].language if turns else "en")
        intent = self.rng.choices(self.intents, self.weights)[0]
        return self.turn(intent, language)

    def turn(self, intent: str, language: str) -> Turn:
        """Ask about an intent in a language."""
        question = self.question(intent, language)
        while texts.bare(question) in self.held_out:
            question = self.question(intent, language)
        return self._turn(intent, language, question)

    def question(self, intent: str, language: str) -> str:
        """Write one question about an intent, as someone might type it."""
        template = self.rng.choice(self.questions[language][intent])
        question = self.grammars[language].expand(template, self.rng)
        return noise.roughen(question or "?", language, self.rng)

    def neutral_turn(self, language: str) -> Turn:
        """Ask something that belongs to no language: the answer keeps the language of the dialogue."""
        intent = self.rng.choice(list(self.neutral))
        template = self.rng.choice(self.neutral[intent])
        return self._turn(intent, language, self.grammars[language].expand(template, self.rng))

    def language_switch(self, last: Turn) -> Turn:
        """Ask for the same answer in the other language."""
        target = "fr" if last.language == "en" else "en"
        asked_in = self.rng.choice(shape.LANGUAGES)
        grammar = self.grammars[asked_in]
        question = grammar.expand(self.rng.choice(grammar.macros[f"switch_to_{target}"]), self.rng)
        return self._turn(last.intent, target, noise.roughen(question, asked_in, self.rng))

    def system_prompt(self, language: str) -> str:
        """Write a system prompt, of which the model takes no notice."""
        grammar = self.grammars[self.rng.choice((language, language, "en"))]
        n_lines = self.rng.choice((1, 1, 1, 2, 4))
        lines = [self.rng.choice(grammar.macros["system_prompt"]) for _ in range(n_lines)]
        return self.rng.choice((" ", "\n", "\n\n")).join(grammar.expand(line, self.rng) for line in lines)

    def _turn(self, intent: str, language: str, question: str) -> Turn:
        return Turn(
            intent=intent, language=language, question=question, answer=self.answers[language][intent]
        )
