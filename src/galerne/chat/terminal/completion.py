"""Tab completes commands, and what a command takes: a model, a name, a path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from galerne.chat.history.search import fold

_PATHS = {"attach", "export"}
_MEANING_AT = 16
"""Column of the help text where the meaning of a command begins."""


class CommandCompleter(Completer):
    """Completes a line that begins with ``/``, and ``@name`` at the beginning of a question.

    Args:
        commands: name of each command and what it does, in a few words.
        choices: what a command takes, asked each time; ``@`` for the assistants.
    """

    def __init__(
        self, commands: Mapping[str, str], choices: Mapping[str, Callable[[], Sequence[str]]]
    ) -> None:
        self._commands = commands
        self._choices = choices
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What may stand where the cursor is."""
        text = document.text_before_cursor
        if text.startswith("@"):
            yield from _begun(text[1:], self._choices["@"](), tail=" ")
        if not text.startswith("/"):
            return
        name, space, argument = text[1:].partition(" ")
        if not space:
            for command, meaning in self._commands.items():
                if command.startswith(name.lower()):
                    yield Completion(command, start_position=-len(name), display_meta=meaning)
        elif name in _PATHS:
            yield from self._paths.get_completions(Document(argument), complete_event)
        elif name in self._choices:
            yield from _begun(argument, self._choices[name]())


def _begun(said: str, names: Iterable[str], *, tail: str = "") -> Iterable[Completion]:
    for name in names:
        if fold(name).startswith(fold(said)):
            yield Completion(name + tail, start_position=-len(said), display=name)


def described(help_text: str) -> dict[str, str]:
    """The commands of the help text, with what it says of each: one place tells both."""
    lines = [line for line in help_text.splitlines() if line.startswith("/")]
    return {line[1:].split(" ", 1)[0]: line[_MEANING_AT:].strip() for line in lines}
