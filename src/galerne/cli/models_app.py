"""The commands of models on disk: fetch, look, remove; and of the service that serves them."""

from __future__ import annotations

from typing import Annotated

import typer

from galerne.cli.options import Json

BUILTIN = "galerne-mini"


def pull(
    model: Annotated[
        str,
        typer.Argument(
            help="Id in the catalogue, `hf.co/OWNER/REPOSITORY:QUANT`, or address of a file there."
        ),
    ],
    weight_format: Annotated[
        str, typer.Option("--format", help="Its format, such as q4_k_m (default: the best that fits).")
    ] = "",
    blind: Annotated[bool, typer.Option("--blind", help="Without the file that lets it see images.")] = False,
    anyway: Annotated[bool, typer.Option(help="Also what this machine's memory cannot hold.")] = False,
    offline: Annotated[bool, typer.Option(help="Fetch nothing: refuse.")] = False,
    json_output: Json = False,
) -> None:
    """Fetch a model from Hugging Face, or a mirror of it; what was cut off goes on where it stopped.

    Room on the disk is checked before, the checksum after. Ctrl-C keeps what has arrived.
    """
    from galerne.cli.commands.pull import pull as go

    go(
        name=model,
        format_id=weight_format.lower(),
        blind=blind,
        anyway=anyway,
        offline=offline,
        as_json=json_output,
    )


def show(
    model: Annotated[str, typer.Argument(help="A model that `galerne list` names.")],
    template: Annotated[bool, typer.Option("--template", help="Print only its chat template.")] = False,
    check: Annotated[bool, typer.Option("--hash", help="Work out the SHA-256 of the file now.")] = False,
    json_output: Json = False,
) -> None:
    """What a model is, what its licence allows, and the memory it needs at each context."""
    from galerne.cli.commands.show import show as go

    go(name=model, template=template, check=check, as_json=json_output)


def rm(
    model: Annotated[str, typer.Argument(help="A model that `galerne list` names.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_output: Json = False,
) -> None:
    """Remove a model from the models folder, after asking; never one that is loaded or not ours."""
    from galerne.cli.commands.remove import remove as go

    go(name=model, yes=yes, as_json=json_output)


def tune(
    model: Annotated[str, typer.Argument(help="A model that `galerne list` names.")] = BUILTIN,
    again: Annotated[bool, typer.Option(help="Measure also what has been measured.")] = False,
    anyway: Annotated[bool, typer.Option(help="Measure also while other programs compute.")] = False,
    seconds: Annotated[
        float,
        typer.Option(help="Most time to take (default: 30, or 120 for a large model).", min=0),
    ] = 0.0,
    small_keys: Annotated[
        bool,
        typer.Option(
            "--small-keys", help="Allow keys and values of 8 bits: half their memory, and answers may differ."
        ),
    ] = False,
    json_output: Json = False,
) -> None:
    """Measure which settings the engine runs a model with fastest here; its next load uses them.

    Threads, answers at once, attention, batch, look-up: what does not beat the defaults by more than the
    noise is not taken. A daemon measures by itself while nobody asks, unless GALERNE_TUNE is off.
    """
    from galerne.cli.commands.tune import tune as go

    go(name=model, again=again, anyway=anyway, seconds=seconds, halve_keys=small_keys, as_json=json_output)


def install_service(
    only_print: Annotated[bool, typer.Option("--print", help="Only print the unit.")] = False,
) -> None:
    """Write a systemd unit that serves with the settings of this moment, as a service of this user."""
    from galerne.cli.commands.service import install_service as go

    go(only_print=only_print)


MODEL_COMMANDS = (pull, show, rm, tune, install_service)
"""In the order in which help lists them."""
