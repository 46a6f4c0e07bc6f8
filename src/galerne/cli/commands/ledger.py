"""``galerne ledger``: verify, rebuild, export, back up and restore the accounts."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from galerne.cli.commands.key import opened_ledger
from galerne.cli.options import read_instant_at
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.errors import InvalidRequest, StoreUnreachable
from galerne.language import phrases
from galerne.ledger import ChainHead, Ledger
from galerne.storage import DataFolderLock

FORMATS = ("jsonl", "csv")


def verify(*, as_json: bool) -> None:
    """Check every event against its chain and the daily sums against the events; show where each chain ends.

    Raises:
        LedgerBroken: names the first event that is not what was written.
        LedgerSumsBroken: a day's sums are not those of its events.
    """
    settings = read_settings(os.environ)
    with opened_ledger(settings) as ledger:
        heads = ledger.verify()
    _show(heads, settings, said="ledger_whole", as_json=as_json)


def rebuild(*, as_json: bool) -> None:
    """Make the daily sums anew from the events, and verify everything.

    Raises:
        LedgerBroken: the events themselves are not what was written.
    """
    settings = read_settings(os.environ)
    with opened_ledger(settings) as ledger:
        ledger.rebuild()
        heads = ledger.verify()
    _show(heads, settings, said="ledger_rebuilt", as_json=as_json)


def export(*, form: str, output: Path | None, since: str | None, until: str | None) -> None:
    """Write the ledger as text, to a file that is not there yet or to standard output.

    Raises:
        InvalidRequest: there is no such format, or a date is none.
        StoreUnreachable: the file cannot be written.
    """
    if form not in FORMATS:
        raise InvalidRequest(path="--format", problem=f"one of {', '.join(FORMATS)}, not {form!r}")
    if form == "jsonl" and (since or until):
        raise InvalidRequest(path="--since", problem="a chain is exported whole; --format csv takes dates")
    since_at = read_instant_at(since, name="--since") if since else None
    until_at = read_instant_at(until, name="--until") if until else None
    settings = read_settings(os.environ)

    def write(ledger: Ledger, out: TextIO) -> None:
        if form == "jsonl":
            ledger.export_events(out)
        else:
            ledger.export_receipts(out, since_at=since_at, until_at=until_at)

    with opened_ledger(settings) as ledger:
        if output is None:
            write(ledger, sys.stdout)
            return
        try:
            with output.open("x", encoding="utf-8", newline="") as file:
                write(ledger, file)
        except OSError as error:
            raise StoreUnreachable(store="export", problem=str(error)) from error


def backup(file: Path, *, as_json: bool) -> None:
    """Copy the ledger, and verify the copy.

    Raises:
        InvalidRequest: the file is there already.
        StoreUnreachable: it cannot be written.
        LedgerBroken: the ledger is not what was written.
    """
    settings = read_settings(os.environ)
    if file.exists():
        raise InvalidRequest(path="FILE", problem=f"{file} is there already, and a backup replaces nothing")
    with opened_ledger(settings) as ledger:
        heads = ledger.back_up(file)
    _show(heads, settings, said="ledger_backed_up", as_json=as_json, file=file)


def restore(file: Path, *, as_json: bool) -> None:
    """Fill an empty ledger from a backup.

    Raises:
        DataFolderBusy: a daemon is running here.
        LedgerNotEmpty: there are events already.
        LedgerBroken: the backup is not what was written.
    """
    settings = read_settings(os.environ)
    with DataFolderLock(settings.home), opened_ledger(settings) as ledger:
        heads = ledger.restore(file)
    _show(heads, settings, said="ledger_restored", as_json=as_json, file=file)


def _show(
    heads: Sequence[ChainHead], settings: Settings, *, said: str, as_json: bool, file: Path | None = None
) -> None:
    n_events = sum(head.n_events for head in heads)
    if as_json:
        chains = [
            {"writer_id": head.writer_id, "n_events": head.n_events, "head": head.head} for head in heads
        ]
        print_json({"whole": True, "n_events": n_events, "chains": chains})
        return
    words, console = phrases("galerne.cli", settings.language), make_console()
    console.print(words[said].format(n_events=n_events, file=file), style="green", markup=False)
    if heads:
        table = plain_table(words["ledger_writer"], words["ledger_events"], words["ledger_head"])
        for head in heads:
            table.add_row(head.writer_id, str(head.n_events), head.head)
        console.print(table)
        console.print(words["ledger_note"], style="dim")
