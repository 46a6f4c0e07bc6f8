"""What people type who come from elsewhere: done where it means the same, else answered with the right word.

Ollama's words first, since a model is most often run with them.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import typer
from typer._click.exceptions import (
    BadParameter,
    MissingParameter,
    NoArgsIsHelpError,
    NoSuchOption,
    UsageError,
)
from typer.core import TyperGroup

from galerne.language import environment_language, phrases

SAME: Mapping[str, str] = MappingProxyType({"ls": "list", "start": "serve", "delete": "rm", "remove": "rm"})
"""Other words for commands of ours."""
ELSEWHERE = frozenset(
    {"create", "cp", "push", "signin", "signout", "login", "logout", "logs", "status", "update", "upgrade"}
    | {"search", "embed", "launch", "quantize", "import", "download", "config", "models"}
)
"""Commands that we do otherwise: the phrase ``habit_<command>`` says how."""
OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "--keepalive": "keepalive",
        "--keep-alive": "keepalive",
        "--nowordwrap": "nowordwrap",
        "--insecure": "insecure",
        "--think": "think",
        "--hidethinking": "think",
        "--modelfile": "modelfile",
        "--parameters": "modelfile",
        "--license": "license",
        "--system": "system",
        "--temperature": "temperature",
        "--num-ctx": "num_ctx",
        "--ctx-size": "num_ctx",
        "--gpu-layers": "gpu",
        "-ngl": "gpu",
        "--quantize": "quantize",
        "--quant": "quantize",
    }
)
"""Options that we do otherwise, and their phrase."""

KINDS = MappingProxyType({"whole": "valid integer", "number": "valid number"})
"""What was wanted instead of a value, by words of the parser's own sentence."""
MISUSE = UsageError
"""What the parser of commands and options raises."""


class NoSuchCommand(typer.BadParameter):
    """A word that is no command, here or elsewhere."""

    def __init__(self, name: str, ctx: Any) -> None:
        super().__init__(f"No such command {name!r}", ctx)
        self.name = name
        self.nearest = difflib.get_close_matches(name, list(ctx.command.commands))


class HouseGroup(TyperGroup):
    """The commands, and what others call them."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command by its name here or elsewhere; ``help X`` is ``X --help``.

        Raises:
            NoSuchCommand: there is none.
        """
        name, *rest = args
        if name == "help" and not rest:
            typer.echo(ctx.get_help())
            raise typer.Exit
        if name == "version" and ctx.parent is None:
            from galerne import __version__

            typer.echo(f"galerne {__version__}")
            raise typer.Exit
        typed = [*rest, "--help"] if name == "help" else args
        if ctx.parent is None:
            typed = [SAME.get(typed[0], typed[0]), *typed[1:]]
        if not typed[0].startswith("-") and self.get_command(ctx, typed[0]) is None:
            raise NoSuchCommand(typed[0], ctx)
        return super().resolve_command(ctx, typed)


def wants_help(error: UsageError) -> bool:
    """Whether a group of commands was named, and none of its commands."""
    return isinstance(error, NoArgsIsHelpError)


def misuse(error: UsageError) -> tuple[str, str]:
    """What was typed wrongly and what to type instead, in the reader's language.

    Args:
        error: of the parser of commands and options.
    """
    say = phrases("galerne.cli", environment_language(os.environ))
    path = "galerne"
    if error.ctx is not None:
        path = " ".join(["galerne", *error.ctx.command_path.replace("-m galerne.cli", "").split()[1:]])
    advice = say["misuse_advice"].format(command=path)
    if isinstance(error, NoSuchCommand):
        sentence = say["misuse_command"].format(command=path, name=error.name)
        if error.name in ELSEWHERE and path == "galerne":
            return sentence, say[f"habit_{error.name}"]
        return sentence + _nearest(error.nearest, say), advice
    if isinstance(error, NoSuchOption):
        option = error.option_name
        sentence = say["misuse_option"].format(command=path, option=option)
        if option in OPTIONS:
            return sentence, say[f"habit_option_{OPTIONS[option]}"]
        return sentence + _nearest(error.possibilities or (), say), advice
    return _misused_value(error, path, say), advice


def _misused_value(error: UsageError, path: str, say: Mapping[str, str]) -> str:
    if isinstance(error, MissingParameter):
        name = error.param.name if error.param is not None else None
        return say["misuse_missing"].format(command=path, name=str(name or "").upper())
    if isinstance(error, BadParameter) and error.param is not None:
        option = error.param.get_error_hint().strip("'")
        kinds = [kind for kind, sign in KINDS.items() if sign in str(error)]
        problem = say[f"misuse_{kinds[0]}"] if kinds else str(error).rstrip(".")
        return say["misuse_value"].format(option=option, problem=problem)
    return str(error.format_message()).rstrip(".")


def _nearest(near: Sequence[str], say: Mapping[str, str]) -> str:
    return say["misuse_nearest"].format(nearest=", ".join(sorted(near))) if near else ""
