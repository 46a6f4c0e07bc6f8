"""WCAG AA: every pair of colours that carries text, in both themes."""

import re

import pytest

from galerne.chat.web.assets import assets

STYLE = assets()["style.css"].content.decode()
PAIRS = [
    ("ink", "paper"), ("ink", "sheet"), ("ink", "raised"), ("ink", "sea-wash"), ("ink", "rust-wash"),
    ("soft", "paper"), ("soft", "sheet"), ("soft", "raised"), ("soft", "code"), ("sea", "paper"),
    ("sea", "sheet"),
    ("sea-deep", "sea-wash"), ("sea-deep", "raised"), ("gorse-ink", "gorse-wash"), ("moss", "moss-wash"),
    ("rust", "rust-wash"), ("on-sea", "sea"), ("on-sea", "sea-deep"), ("paper", "ink"), ("paper", "rust"),
    ("c-key", "code"), ("c-str", "code"), ("c-num", "code"), ("c-com", "code"), ("c-fun", "code"),
    ("c-err", "code"),
]  # fmt: skip


def tokens(start):
    block = STYLE[STYLE.index(start) :].partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [":root {", ':root[data-theme="dark"] {'])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_text_can_be_read(theme, front, back):
    colours = tokens(":root {") | tokens(theme)
    dark, light = sorted((luminance(colours[front]), luminance(colours[back])))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_the_dark_theme_is_the_same_by_choice_and_by_preference():
    chosen = tokens(':root[data-theme="dark"] {')
    preferred = tokens(':root:not([data-theme="light"]) {')
    assert chosen == preferred
