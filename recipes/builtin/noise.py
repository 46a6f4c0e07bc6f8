"""What real typing does to a question: case, accents, typos, punctuation, polite wrapping."""

import random
import unicodedata
from typing import Final

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
PREFIXES: Final = {
    "en": (
        "hi, ", "hello, ", "hey ", "please ", "ok, ", "so ", "sorry, ", "excuse me, ",
        "quick question: ", "hi! ",
        "hello! ", "well, ", "I have a question: ", "I was wondering, ", "and ", "also, ", "but ", "ok so ",
        "thanks. ", "question: ", "good morning, ", "please tell me ", "dear galerne, ", "galerne, ",
        "um ", "no, ", "could you tell me ", "I would like to know ", "do you know ", "any idea ",
    ),
    "fr": (
        "bonjour, ", "salut, ", "dis, ", "dites-moi, ", "s'il vous plaît, ", "ok, ", "alors ",
        "pardon, ", "bon, ",
        "une question : ", "question : ", "excusez-moi, ", "bonjour ! ", "salut ! ", "et ", "mais ",
        "en fait, ",
        "du coup, ", "merci. ", "j'ai une question : ", "bonsoir, ", "stp ", "svp, ", "galerne, ",
        "euh ", "non, ", "pouvez-vous me dire ", "j'aimerais savoir ", "savez-vous ", "à votre avis, ",
    ),
}  # fmt: skip
SUFFIXES: Final = {
    "en": (
        " please", ", please", " pls", " thanks", ", thank you", " for me", " now", " again", " then",
        " ok?",
    ),
    "fr": (
        " s'il vous plaît", " svp", " stp", ", merci", " merci", " alors", " déjà", " au juste",
        " exactement",
        " pour moi",
    ),
}  # fmt: skip


def roughen(question: str, language: str, rng: random.Random) -> str:
    """Rewrite a question as someone might type it."""
    text = question
    if rng.random() < 0.15 and len(text) > 3:
        text = rng.choice(PREFIXES[language]) + text
    if rng.random() < 0.08 and len(text) > 3:
        text += rng.choice(SUFFIXES[language])
    text = punctuate(text, language, rng)
    text = change_case(text, rng)
    if rng.random() < 0.25:
        text = without_accents(text)
    if len(text) > 6 and rng.random() < 0.25:
        for _ in range(1 + (len(text) > 20 and rng.random() < 0.4)):
            text = misspell(text, rng)
    return text


def punctuate(text: str, language: str, rng: random.Random) -> str:
    """End a question as people do, or not at all."""
    if text[-1] in "?!.:;)}]" and rng.random() < 0.8:
        return text
    mark = rng.choice(("", "", "", "?", "?", "?", ".", "!", "??", "..."))
    if mark and language == "fr" and mark[0] in "?!" and rng.random() < 0.6:
        mark = " " + mark
    return text + mark


def change_case(text: str, rng: random.Random) -> str:
    """Start with a capital half of the time; sometimes shout or whisper."""
    draw = rng.random()
    if draw < 0.5:
        return text[0].upper() + text[1:]
    if draw < 0.75:
        return text.lower()
    return text.upper() if draw > 0.96 else text


def without_accents(text: str) -> str:
    """Type without accents; other scripts stay as they are."""
    out = []
    for char in text:
        base = unicodedata.normalize("NFD", char)[0]
        out.append(base if base.isascii() else char)
    return "".join(out)


def misspell(text: str, rng: random.Random) -> str:
    """Drop, double, swap or replace one letter."""
    at = rng.randrange(1, len(text) - 1)
    if not text[at].isalpha():
        return text
    draw = rng.randrange(4)
    if draw == 0:
        return text[:at] + text[at + 1 :]
    if draw == 1:
        return text[:at] + text[at] + text[at:]
    if draw == 2:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + rng.choice(LETTERS) + text[at + 1 :]
