"""Scores the GGUF itself, through llama.cpp, on phrasings that the training text does not contain."""

import dataclasses
import difflib
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import xllamacpp
from recipes.builtin import shape, texts

SAME_ANSWER_RATIO: Final = 0.9
MAX_ANSWER_TOKENS: Final = 260


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the model answered to one held-out question."""

    language: str
    expected: str
    got: str
    got_language: str
    question: str
    answer: str
    likeness_ratio: float

    @property
    def is_right(self) -> bool:
        """Tell whether the answer is of the expected intent and language, without garbled words."""
        is_bilingual = self.expected == "oos_language"
        same_language = is_bilingual or self.got_language == self.language
        return self.got == self.expected and same_language and self.likeness_ratio >= SAME_ANSWER_RATIO

    @property
    def declines_rightly(self) -> bool:
        """Tell whether a question outside Galerne was declined, by whichever refusal."""
        return declines(self.got) and self.got_language == self.language


def declines(intent: str) -> bool:
    """Tell whether an intent is a refusal."""
    return intent.startswith("oos_") or intent in {"unclear", "smalltalk"}


class Server:
    """llama.cpp's own server around one GGUF, asked over HTTP as any client does."""

    def __init__(self, path: Path) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = shape.CONTEXT_TOKENS
        params.n_parallel = 1
        params.port = 0
        self._server = xllamacpp.Server(params)
        self.address = self._server.listening_address

    @classmethod
    @contextmanager
    def of(cls, path: Path) -> Iterator["Server"]:
        """Serve a GGUF for a while."""
        server = cls(path)
        try:
            yield server
        finally:
            del server._server

    def post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request; give the JSON of the response."""
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + route, data, headers)  # noqa: S310  (our own server)
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return json.load(response)

    def ask(self, *questions: str) -> str:
        """Ask one question, after earlier messages if any: user and assistant in turn."""
        roles = ("user", "assistant")
        messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(questions)]
        body = {
            "messages": messages,
            "temperature": 0,
            "max_tokens": MAX_ANSWER_TOKENS,
            "cache_prompt": False,
        }
        return self.post("/v1/chat/completions", body)["choices"][0]["message"]["content"]


def judge(ask: Callable[[str], str], name: str) -> list[Verdict]:
    """Ask every held-out question of a set and find which known answer comes closest."""
    answers = {language: texts.read_answers(language) for language in shape.LANGUAGES}
    return [
        verdict(answers, language, intent, question, ask(question))
        for language in shape.LANGUAGES
        for intent, question in texts.read_held_out(language, name)
    ]


def verdict(
    answers: dict[str, dict[str, str]], language: str, expected: str, question: str, answer: str
) -> Verdict:
    """Compare one answer with all those the model knows."""
    ratio, got_language, got = closest(answers, answer)
    return Verdict(
        language=language,
        expected=expected,
        got=got,
        got_language=got_language,
        question=question,
        answer=answer,
        likeness_ratio=ratio,
    )


def closest(answers: dict[str, dict[str, str]], answer: str) -> tuple[float, str, str]:
    """Give (likeness, language, intent) of the known answer nearest to one."""
    for language, by_intent in answers.items():
        for intent, known in by_intent.items():
            if known == answer.strip():
                return 1.0, language, intent
    return max(
        (difflib.SequenceMatcher(None, known, answer, autojunk=False).ratio(), language, intent)
        for language, by_intent in answers.items()
        for intent, known in by_intent.items()
    )


def score_table(verdicts: list[Verdict]) -> str:
    """Write the scores by intent and language as a Markdown table."""
    lines = ["| intent | English | French |", "|---|---|---|"]
    intents = list(dict.fromkeys(v.expected for v in verdicts))
    lines += [
        f"| {intent} | {cell(verdicts, intent, 'en')} | {cell(verdicts, intent, 'fr')} |"
        for intent in intents
    ]
    return "\n".join([*lines, f"| **all** | {cell(verdicts, '', 'en')} | {cell(verdicts, '', 'fr')} |"])


def cell(verdicts: list[Verdict], intent: str, language: str) -> str:
    """Write the score of an intent (or of all) in a language."""
    mine = [v for v in verdicts if v.language == language and (not intent or v.expected == intent)]
    return f"{sum(v.is_right for v in mine)}/{len(mine)}" if mine else ""


def summary(verdicts: list[Verdict]) -> dict[str, float]:
    """Give the few numbers that matter."""
    outside = [v for v in verdicts if declines(v.expected) and v.expected != "oos_language"]
    inside = [v for v in verdicts if not declines(v.expected)]
    return {
        "n_questions": len(verdicts),
        "right_ratio": sum(v.is_right for v in verdicts) / len(verdicts),
        "inside_right_ratio": sum(v.is_right for v in inside) / len(inside),
        "outside_declined_ratio": sum(v.declines_rightly for v in outside) / len(outside),
        "inside_declined_ratio": sum(declines(v.got) for v in inside) / len(inside),
        "right_language_ratio": sum(v.got_language == v.language for v in verdicts) / len(verdicts),
        "clean_ratio": sum(v.likeness_ratio >= SAME_ANSWER_RATIO for v in verdicts) / len(verdicts),
    }


def failures(verdicts: list[Verdict]) -> str:
    """List every wrong answer, honestly."""
    wrong = [v for v in verdicts if not v.is_right]
    return "\n".join(f"- {v.language}: “{v.question}” ({v.expected}) was taken for {v.got}" for v in wrong)


def evaluate(server: Server, folder: Path) -> dict[str, list[Verdict]]:
    """Score a model on each held-out set and keep the verdicts."""
    verdicts = {name: judge(server.ask, name) for name in texts.HELD_OUT}
    kept = {
        name: [dataclasses.asdict(v) | {"is_right": v.is_right} for v in those]
        for name, those in verdicts.items()
    }
    (folder / "verdicts.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")
    return verdicts
