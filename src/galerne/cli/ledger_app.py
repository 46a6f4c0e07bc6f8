"""``galerne ledger``: its commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galerne.cli.habits import HouseGroup
from galerne.cli.options import Json

ledger_app = typer.Typer(
    cls=HouseGroup,
    no_args_is_help=True,
    help="The ledger of every answer: verify, rebuild, export, back up, restore.",
)


@ledger_app.command("verify")
def verify(json_output: Json = False) -> None:
    """Check that no event was changed, removed, added or moved since it was written."""
    from galerne.cli.commands.ledger import verify as go

    go(as_json=json_output)


@ledger_app.command("rebuild")
def rebuild(json_output: Json = False) -> None:
    """Make the daily sums, from which reports are read, anew from the events; then verify."""
    from galerne.cli.commands.ledger import rebuild as go

    go(as_json=json_output)


@ledger_app.command("export")
def export(
    form: Annotated[
        str, typer.Option("--format", help="`jsonl`: every event as it was sealed; `csv`: a line per answer.")
    ] = "jsonl",
    output: Annotated[Path | None, typer.Option(help="File to write (default: standard output).")] = None,
    since: Annotated[
        str | None, typer.Option(help="First day or instant, such as 2026-11-01 (UTC; csv only).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="First day or instant not exported (csv only).")] = None,
) -> None:
    """Write the ledger as text."""
    from galerne.cli.commands.ledger import export as go

    go(form=form, output=output, since=since, until=until)


@ledger_app.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; must not be there yet.")],
    json_output: Json = False,
) -> None:
    """Copy the ledger to a file while the daemon works, and verify the copy."""
    from galerne.cli.commands.ledger import backup as go

    go(file, as_json=json_output)


@ledger_app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `galerne ledger backup` wrote.")],
    json_output: Json = False,
) -> None:
    """Fill an empty ledger from a backup, if that is whole; this is also the way to another database."""
    from galerne.cli.commands.ledger import restore as go

    go(file, as_json=json_output)
