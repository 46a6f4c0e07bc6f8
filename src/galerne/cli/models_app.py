"""The commands of models on disk: fetch, look, remove."""

from __future__ import annotations

from typing import Annotated

import typer

from galerne.cli.options import Json


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
    anyway: Annotated[bool, typer.Option(help="Also what this machine's memory cannot hold.")] = False,
    offline: Annotated[bool, typer.Option(help="Fetch nothing: refuse.")] = False,
    json_output: Json = False,
) -> None:
    """Fetch a model from Hugging Face, or a mirror of it; what was cut off goes on where it stopped.

    Room on the disk is checked before, the checksum after. Ctrl-C keeps what has arrived.
    """
    from galerne.cli.commands.pull import pull as go

    go(name=model, format_id=weight_format.lower(), anyway=anyway, offline=offline, as_json=json_output)


MODEL_COMMANDS = (pull,)
"""In the order in which help lists them."""
