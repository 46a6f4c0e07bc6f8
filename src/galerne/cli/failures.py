"""What happens when a command fails: one sentence, one piece of advice, an exit code that means something.

0 done    1 failed    2 the request was wrong    3 something needed is not there    4 busy, try again
130 stopped by Ctrl-C
"""

from __future__ import annotations

import os
import sys

from galerne.errors import (
    AccountRefused,
    AnswerRefused,
    ApiError,
    CatalogError,
    DataFolderBusy,
    DoesNotFit,
    EngineMissing,
    GalerneError,
    InvalidSetting,
    InvalidTariff,
    KeyNameTaken,
    LedgerNotEmpty,
    MachineBusy,
    ModelError,
    ModelLoading,
    NoNode,
    NoSignal,
    Overloaded,
    PortInUse,
    ServerUnreachable,
    SiteError,
    StoreUnreachable,
    UnknownKey,
    UnknownModel,
    UnknownPerson,
)
from galerne.language import environment_language

BUSY = (DataFolderBusy, MachineBusy, ModelLoading, Overloaded, PortInUse)
NOT_THERE = (DoesNotFit, EngineMissing, ModelError, NoNode, ServerUnreachable, StoreUnreachable, UnknownModel)
WRONG_REQUEST = (
    AccountRefused,
    InvalidSetting,
    ApiError,
    CatalogError,
    InvalidTariff,
    KeyNameTaken,
    LedgerNotEmpty,
    NoSignal,
    SiteError,
    UnknownKey,
    UnknownPerson,
)


def exit_code_of(error: GalerneError) -> int:
    """The exit code of a failure; that of the API's own refusal follows its status."""
    if isinstance(error, AnswerRefused):
        if error.status == 404 or error.problem_code == StoreUnreachable.code:
            return 3
        is_refusal = 400 <= error.status < 500  # an answer that breaks off after its 200 was no wrong request
        return 4 if error.status in {429, 503} else 2 if is_refusal else 1
    for code, kinds in ((4, BUSY), (3, NOT_THERE), (2, WRONG_REQUEST)):
        if isinstance(error, kinds):
            return code
    return 1


def run_reporting_failures() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        _run()
    except GalerneError as error:
        from galerne.cli.sentences import in_words

        _report(*in_words(error, language=environment_language(os.environ), command=_command()))
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our pipe has left, as `head` does: not a failure. Nothing more is written to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _report(str(error), "Check the disk and the rights of this user.")
        sys.exit(1)


def _run() -> None:
    import typer

    from galerne.cli.app import app
    from galerne.cli.habits import MISUSE, misuse, wants_help

    try:
        left_with = app(standalone_mode=False)
    except MISUSE as error:
        if wants_help(error):
            error.show()
        else:
            _report(*misuse(error))
        sys.exit(2)
    except typer.Abort:  # at a question that was asked here
        sys.exit(130)
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            raise leaving.__context__ from None
        raise
    if sys.stdout is not None:
        sys.stdout.flush()  # a pipe that breaks now is met here and not by the interpreter
    sys.exit(left_with if isinstance(left_with, int) else 0)


def _command() -> str:
    """The command that was typed, as its help is asked for."""
    words = sys.argv[1:2]
    return " ".join(["galerne", *words]) if words and words[0].isalpha() else "galerne"


def _report(sentence: str, advice: str) -> None:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    console.print(f"[bold red]galerne:[/] {_plain(sentence)}", soft_wrap=True)
    console.print(f"  {_plain(advice)}", style="dim", soft_wrap=True)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
