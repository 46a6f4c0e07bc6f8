"""``galerne people``: its commands and their options."""

from __future__ import annotations

from typing import Annotated

import typer

from galerne.cli.habits import HouseGroup
from galerne.cli.options import Json

people_app = typer.Typer(
    cls=HouseGroup,
    no_args_is_help=True,
    help="Accounts of the assistant: who may come in, and as what.",
)

Name = Annotated[str, typer.Argument(help="Name the person signs in with.")]


@people_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name to sign in with: a to z, digits, dots and dashes.")],
    admin: Annotated[bool, typer.Option("--admin", help="An administrator, as the first is.")] = False,
    shown_name: Annotated[str, typer.Option("--called", help="As they are called (default: the name).")] = "",
    json_output: Json = False,
) -> None:
    """Make an account and print a link to choose its password, this once.

    From the first account on, the pages ask everybody for a name and a password, and programs need a key.
    """
    from galerne.cli.commands.people import add as go

    go(name, admin=admin, shown_name=shown_name, as_json=json_output)


@people_app.command("list")
def list_people(json_output: Json = False) -> None:
    """Everybody with an account."""
    from galerne.cli.commands.people import list_people as go

    go(as_json=json_output)


@people_app.command("role")
def role(
    name: Name,
    level: Annotated[str, typer.Argument(help="`member` or `administrator`.")],
    json_output: Json = False,
) -> None:
    """Make somebody an administrator, or a member."""
    from galerne.cli.commands.people import set_role as go

    go(name, level, as_json=json_output)


@people_app.command("disable")
def disable(name: Name, json_output: Json = False) -> None:
    """Keep somebody out, everywhere and at once; what they wrote stays."""
    from galerne.cli.commands.people import set_disabled as go

    go(name, disabled=True, as_json=json_output)


@people_app.command("enable")
def enable(name: Name, json_output: Json = False) -> None:
    """Let somebody in again."""
    from galerne.cli.commands.people import set_disabled as go

    go(name, disabled=False, as_json=json_output)


@people_app.command("reset")
def reset(name: Name, json_output: Json = False) -> None:
    """End somebody's password and sessions, and print a new invitation, this once."""
    from galerne.cli.commands.people import reset as go

    go(name, as_json=json_output)


@people_app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json_output: Json = False,
) -> None:
    """Delete an account with all its conversations, projects and documents, for good."""
    from galerne.cli.commands.people import remove as go

    go(name, sure=yes, as_json=json_output)
