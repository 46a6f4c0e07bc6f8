"""What the pages tell a reader to type exists: commands, options and settings."""

import re
import shlex

import pytest
from docs.generator.commands import commands, option_names

from galerne.cli.settings import SETTINGS
from tests.docs.test_links import ROOT

COMMANDS = dict(commands())
PAGES = sorted(path for path in ROOT.glob("docs/**/*.md") if path.parent.name != "reference")
TYPED = re.compile(r"^ *\$ (.*)$", re.MULTILINE)
INLINE = re.compile(r"`(galerne(?: [^`\n]+)?)`")
HELP = {"--help", "-h"}


def calls(text: str) -> list[list[str]]:
    lines = [*TYPED.findall(text), *INLINE.findall(text)]
    words = [shlex.split(line) for line in lines if re.search(r"\bgalerne\b", line)]
    return [line[line.index("galerne") :] for line in words if "galerne" in line]


def problems(words: list[str]) -> list[str]:
    name, rest = "galerne", words[1:]
    while rest and f"{name} {rest[0]}" in COMMANDS:
        name, rest = f"{name} {rest[0]}", rest[1:]
    known = {*option_names(COMMANDS[name]), *HELP}
    unknown = [word for word in rest if word.startswith("-") and word not in known]
    is_group = bool(getattr(COMMANDS[name], "commands", None))
    if is_group and rest and not rest[0].startswith("-") and not rest[0].isupper():
        unknown.append(rest[0])
    return unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_the_page_says_to_type_exists(page):
    text = page.read_text(encoding="utf-8")
    assert not [(words, wrong) for words in calls(text) if (wrong := problems(words))]
    named = set(re.findall(r"GALERNE_(?!TEST_|TORTURE)[A-Z_]+", text))
    assert not named - set(SETTINGS)


@pytest.mark.parametrize("line", ["galerne push x", "galerne fit --everything", "galerne site build"])
def test_what_does_not_exist_is_noticed(line):
    assert problems(line.split())
