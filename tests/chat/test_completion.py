"""What Tab offers at the beginning of a line, and after a command."""

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from rich.console import Console

from galerne.chat.bill.receipt import PACKAGE
from galerne.chat.client.api import ApiClient
from galerne.chat.terminal.completion import CommandCompleter, described
from galerne.chat.terminal.talk import _Talk
from galerne.language import Language, phrases


def completed(text, *, language=Language.ENGLISH):
    completer = CommandCompleter(
        described(phrases(PACKAGE, language)["terminal_help"]),
        {"model": lambda: ["galerne-mini", "ministral-3-3b"], "@": lambda: ["Élise", "Sailor"]},
    )
    found = completer.get_completions(Document(text), CompleteEvent(completion_requested=True))
    return [(text[: len(text) + entry.start_position] + entry.text) for entry in found]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("/he", ["/help"]),
        ("/re", ["/regenerate", "/receipt"]),
        ("/model mini", ["/model ministral-3-3b"]),
        ("/model ", ["/model galerne-mini", "/model ministral-3-3b"]),
        ("@eli", ["@Élise "]),
        ("hello /he", []),
        ("/new x", []),
    ],
)
def test_tab_completes(text, whole):
    assert completed(text) == whole


def test_paths_are_completed(tmp_path):
    (tmp_path / "winds.pdf").touch()
    assert completed(f"/attach {tmp_path}/wi") == [f"/attach {tmp_path}/winds.pdf"]


@pytest.mark.parametrize("language", list(Language))
def test_the_help_says_of_every_command_what_it_does(language):
    told = described(phrases(PACKAGE, language)["terminal_help"])
    assert all(told.values())
    talk = _Talk(client=ApiClient("http://127.0.0.1:9"), language=language, console=Console())
    assert told.keys() == {*talk.commands, "quit"}
