"""Every command and option, from the tree that the terminal itself runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from docs.generator.markdown import code, fence, page, table
from galerne.cli.app import app
from galerne.cli.failures import __doc__ as exit_codes

NO_DEFAULT = (None, False, "", ())
KINDS = {int: "whole number", float: "number", Path: "file"}
LIMITS = (("min", "from"), ("max", "to"))


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it, the bare program first."""
    yield from _walk("galerne", typer.main.get_command(app))


def option_names(command: Any) -> list[str]:
    """Every way to write an option or argument of a command."""
    return [name for param in command.params for name in _spellings(param)]


def commands_page() -> str:
    """``cli.md``."""
    return page(
        "Commands",
        "`galerne --help` and `galerne COMMAND --help` say the same. Settings that hold for every command "
        "are [environment variables](settings.md).",
        *(_command(name, command) for name, command in commands()),
        "## Exit codes",
        fence(_exit_codes()),
        "Which failure gives which code is in [errors.md](errors.md).",
    )


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for child in sorted(getattr(command, "commands", {})):
        yield from _walk(f"{name} {child}", command.commands[child])


def _command(name: str, command: Any) -> str:
    usage = [name]
    usage += [_placeholder(param) for param in command.params if param.param_type_name == "argument"]
    if any(param.param_type_name == "option" for param in command.params):
        usage.insert(1, "[OPTIONS]")
    if getattr(command, "commands", None):
        usage.append("[COMMAND]" if command.invoke_without_command else "COMMAND")
    parts = [f"## `{name}`", _text(command.help), fence(" ".join(usage), "console")]
    rows = [
        (", ".join(code(spelling) for spelling in _spellings(param)), _kind(param), _help(param))
        for param in command.params
    ]
    return "\n\n".join([*parts, *([table(("", "Value", "Meaning"), rows)] if rows else [])])


def _spellings(param: Any) -> list[str]:
    if param.param_type_name == "argument":
        return [param.name.upper()]
    return [*param.opts, *param.secondary_opts]


def _placeholder(param: Any) -> str:
    name = param.name.upper() + ("..." if param.nargs == -1 else "")
    return name if param.required else f"[{name}]"


def _kind(param: Any) -> str:
    if getattr(param, "is_flag", False):
        return "flag"
    kind = KINDS.get(param.type_descriptor.annotation, "text")
    limits = [f"{word} {getattr(param, name):g}" for name, word in LIMITS if getattr(param, name) is not None]
    return " ".join([kind, *limits])


def _help(param: Any) -> str:
    text = _text(getattr(param, "help", None))
    if param.required:
        return f"{text} Required."
    default = param.default
    if default in NO_DEFAULT or callable(default):
        return text
    return f"{text} Default: {code(default)}."


def _text(text: str | None) -> str:
    return (text or "").replace("\f", "").strip()


def _exit_codes() -> str:
    return "\n".join((exit_codes or "").strip().splitlines()[2:])
