"""``galerne key``: its commands and their options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from galerne.cli.habits import HouseGroup
from galerne.cli.options import Json

key_app = typer.Typer(
    cls=HouseGroup,
    no_args_is_help=True,
    help="API keys: who may ask this server, for what, and how much.",
)

Key = Annotated[str, typer.Argument(help="Name or id of the key.")]
UNITS = {
    "requests": "requests",
    "tokens": "tokens, prompt and answer together",
    "wh": "watt-hours, the share of idle included",
    "g": "grams of CO2e, manufacture included",
    "eur": "euros of electricity",
}
PERIODS = ("minute", "day", "month", "total")


@key_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Name of the key, such as laptop or ci.")],
    owner: Annotated[
        str | None, typer.Option(help="Person whose key it is (default: the name of the key).")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Project it is for.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="`inference`, `read` or `admin`; repeat for several (default: the first two)."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model; repeat for several (default: all).")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: `30d`, `12h`, or a date such as 2027-06-30 (UTC).")
    ] = None,
    priority: Annotated[
        str, typer.Option(help="`low`, `normal` or `high`: its share of the engines while others wait.")
    ] = "normal",
    json_output: Json = False,
) -> None:
    """Make a key and print it, this once. From the first key on nobody asks without one."""
    from galerne.cli.commands.key import create as go

    go(
        name,
        owner=owner,
        project=project,
        scopes=scope,
        models=model,
        expires=expires,
        priority=priority,
        as_json=json_output,
    )


@key_app.command("list")
def list_keys(json_output: Json = False) -> None:
    """Every key that was ever made: whose, for what, until when."""
    from galerne.cli.commands.key import list_keys as go

    go(as_json=json_output)


@key_app.command("priority")
def priority(
    key: Key,
    level: Annotated[str, typer.Argument(help="`low` (a quarter), `normal`, or `high` (four times).")],
    json_output: Json = False,
) -> None:
    """Give a key another share of the engines while others wait; nobody is ever kept out by it."""
    from galerne.cli.commands.key import set_priority as go

    go(key, level, as_json=json_output)


@key_app.command("revoke")
def revoke(key: Key, json_output: Json = False) -> None:
    """End a key for good; a running daemon refuses it within a second."""
    from galerne.cli.commands.key import revoke as go

    go(key, as_json=json_output)


@key_app.command("rotate")
def rotate(
    key: Key,
    keep: Annotated[
        str | None, typer.Option(help="How long the old one still opens: `24h` (default: it ends now).")
    ] = None,
    json_output: Json = False,
) -> None:
    """Give a key a new secret and print it, this once; its name, limits and receipts stay."""
    from galerne.cli.commands.key import rotate as go

    go(key, keep=keep, as_json=json_output)


def limit(
    key: Annotated[
        str | None,
        typer.Argument(
            help="Name or id of the key whose limit it is; or a subject as shown, such as project:wind."
        ),
    ] = None,
    user: Annotated[str | None, typer.Option(help="Limit all keys of this owner together instead.")] = None,
    project: Annotated[str | None, typer.Option(help="Limit all keys of this project together.")] = None,
    model: Annotated[str | None, typer.Option(help="Limit what everybody asks of this model.")] = None,
    json_output: Json = False,
    **amounts: str | None,
) -> None:
    """Set limits, or show them and what was used; `none` removes one.

    A request is refused when its worst case does not fit what is left. Periods are those of the UTC calendar.
    """
    from galerne.cli.commands.key_limit import limit as go

    subjects = {"key": key, "user": user, "project": project, "model": model}
    go(subjects, {name: text for name, text in amounts.items() if text is not None}, as_json=json_output)


def _with_an_option_for_each_limit(command: Callable[..., None]) -> Callable[..., None]:
    """The command with ``--tokens-per-day`` and its nineteen siblings as parameters of their own."""
    signature = inspect.signature(command, eval_str=True)
    fixed = [
        known for known in signature.parameters.values() if known.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    options = []
    for unit, meaning in UNITS.items():
        for period in PERIODS:
            name = f"{unit}_total" if period == "total" else f"{unit}_per_{period}"
            said = f"Most {meaning}, {'in all' if period == 'total' else f'per {period}'}."
            annotation: Any = Annotated[str | None, typer.Option(help=said, metavar="N")]
            options.append(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            )
    parameters = [*fixed, *options]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {known.name: known.annotation for known in parameters}
    return command


key_app.command("limit")(_with_an_option_for_each_limit(limit))
