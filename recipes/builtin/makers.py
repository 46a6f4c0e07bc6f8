"""Values made on the spot: numbers, memory sizes, invented words, noise from a keyboard."""

import random
from collections.abc import Mapping
from typing import Final

from recipes.builtin.grammar import Maker

# Memory in GB for each recommendation: (low, high, sizes people often have).
TIERS: Final[Mapping[str, tuple[int, int, tuple[int, ...]]]] = {
    "gb_tight": (1, 3, (1, 2, 3)),
    "gb_3b": (4, 7, (4, 6)),
    "gb_8b": (8, 11, (8, 8, 10)),
    "gb_14b": (12, 19, (12, 16, 16, 18)),
    "gb_24b": (20, 79, (20, 24, 32, 36, 48, 64)),
    "gb_119b": (80, 600, (80, 96, 128, 192, 256, 512)),
}
UNITS: Final = {
    "en": (" GB", "GB", " gb", "gb", " gigs", " gigabytes", "G", " Gb", " GiB", " gig"),
    "fr": (" Go", "Go", " go", "go", " gigas", " giga", "G", " Gb", " GB", " gigaoctets"),
}
SYLLABLES: Final = [
    "ba", "be", "bi", "bo", "bu", "ca", "ce", "co", "cra", "da", "de", "di", "do", "dra", "fa", "fe", "fi",
    "flo", "ga", "ge", "gla", "go", "gri", "ha", "he", "hi", "ja", "je", "jo", "ka", "ke", "ki", "kor",
    "la", "le", "li", "lo", "lu", "ma", "me", "mi", "mo", "mu", "na", "ne", "ni", "no", "nu", "pa", "pe",
    "pi", "pla", "po", "pra", "qui", "ra", "re", "ri", "ro", "ru", "sa", "se", "si", "so", "sta", "su",
    "ta", "te", "ti", "to", "tra", "tu", "va", "ve", "vi", "vo", "wa", "we", "wi", "xa", "ya", "ye", "yo",
    "za", "ze", "zi", "zo",
]  # fmt: skip
ENDINGS: Final = [
    "", "", "n", "r", "s", "t", "l", "x", "tion", "ment", "ing", "ette", "eur", "ique", "ism", "age",
]  # fmt: skip
KEY_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn", "1234567890")


def pseudo_word(rng: random.Random) -> str:
    """Invent a word that could exist, so that unknown words lead to a polite refusal."""
    word = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 3))) + rng.choice(ENDINGS)
    return word.capitalize() if rng.random() < 0.3 else word


def gibberish(rng: random.Random) -> str:
    """Type at random on a keyboard."""
    row = rng.choice(KEY_ROWS) if rng.random() < 0.7 else "".join(KEY_ROWS)
    return "".join(rng.choice(row) for _ in range(rng.randint(2, 12)))


def number(rng: random.Random) -> str:
    """Write a number, most often small."""
    return str(rng.randrange(10 ** rng.choice((1, 1, 2, 2, 3, 4))))


def memory_maker(tier: str, language: str) -> Maker:
    """Make sizes of memory that lead to one recommendation."""
    low, high, usual = TIERS[tier]

    def write(rng: random.Random) -> str:
        n_gb = rng.choice(usual) if rng.random() < 0.6 else rng.randint(low, high)
        text = str(n_gb)
        if n_gb < 64 and rng.random() < 0.1:
            text += ("," if language == "fr" else ".") + str(rng.randint(1, 9))
        if tier == "gb_119b" and rng.random() < 0.08:
            return rng.choice(("1 TB", "2 TB") if language == "en" else ("1 To", "2 To"))
        if tier == "gb_tight" and rng.random() < 0.1:
            return rng.choice(("512 MB", "256 MB", "800 MB") if language == "en" else ("512 Mo", "800 Mo"))
        return text + rng.choice(UNITS[language])

    return write


def makers(language: str) -> dict[str, Maker]:
    """Give every maker of a language, by the name of its slot."""
    sizes = {tier: memory_maker(tier, language) for tier in TIERS}
    return {
        **sizes,
        "any_gb": lambda rng: sizes[rng.choice(list(sizes))](rng),
        "pseudo": pseudo_word,
        "gibberish": gibberish,
        "num": number,
        "letter": lambda rng: rng.choice("abcdefghijklmnopqrstuvwxyz"),
    }
