"""What happens when a command fails: one sentence, one piece of advice, an exit code that means something.

0 done    1 failed    2 the request was wrong    3 something needed is not there    4 busy, try again
130 stopped by Ctrl-C
"""

from __future__ import annotations

import os
import sys

from galerne.errors import (
    ApiError,
    CatalogError,
    DataFolderBusy,
    DoesNotFit,
    EngineMissing,
    GalerneError,
    ModelError,
    NoNode,
    NoSignal,
    Overloaded,
    PortInUse,
    ServerUnreachable,
    SiteError,
    StoreUnreachable,
)

BUSY = (DataFolderBusy, Overloaded, PortInUse)
NOT_THERE = (DoesNotFit, EngineMissing, ModelError, NoNode, ServerUnreachable, StoreUnreachable)
WRONG_REQUEST = (ApiError, CatalogError, NoSignal, SiteError)


def exit_code_of(error: GalerneError) -> int:
    """The exit code of a failure."""
    for code, kinds in ((4, BUSY), (3, NOT_THERE), (2, WRONG_REQUEST)):
        if isinstance(error, kinds):
            return code
    return 1


def run_reporting_failures() -> None:
    """Run the command line and leave the process with its exit code."""
    from galerne.cli.app import app

    try:
        app()
    except GalerneError as error:
        _report(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our pipe has left, as `head` does: not a failure. Nothing more is written to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _report(error: GalerneError) -> None:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    console.print(f"[bold red]galerne:[/] {_plain(str(error))}", soft_wrap=True)
    console.print(f"  {_plain(error.advice)}", style="dim", soft_wrap=True)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
