"""``galerne rm``: remove a model that is ours, that nothing uses, and after asking."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from galerne.chat.bill.figures import quantity
from galerne.cli.caller import ask_daemon
from galerne.cli.installed import find_installed, installed
from galerne.cli.screen import make_console, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.errors import InvalidRequest, ModelKept
from galerne.language import phrases
from galerne.models import Library, ModelFile
from galerne.models.library import BUILTIN_STORE, OWN_STORE
from galerne.models.origins import note_origin
from galerne.storage import read_daemon

ENGINES = "/v1/galerne/engines"
NOT_LOADED = "installed"


def remove(*, name: str, yes: bool, as_json: bool) -> None:
    """Remove a model's files from the models folder.

    Raises:
        UnknownModel: it is not here; names the nearest.
        ModelKept: it is built in, another program's, or loaded now.
        InvalidRequest: nobody is there to be asked, and ``--yes`` was not said.
    """
    settings = read_settings(os.environ)
    words, console = phrases("galerne.cli", settings.language), make_console()
    found = installed(settings)
    file = find_installed(found, name)
    _require_ours(file)
    _require_unused(file, settings)
    size = str(quantity(file.size_bytes, "B", language=settings.language))
    if not yes:
        if sys.stdin is None or not sys.stdin.isatty():
            raise InvalidRequest(
                path="--yes", problem=f"{file.model_id} is removed only after asking, or with --yes"
            )
        question = words["rm_question"].format(model=file.model_id, size=size, path=file.path)
        if console.input(f"{question} ", markup=False).strip().lower()[:1] not in {"y", "o"}:
            console.print(words["rm_kept"], markup=False)
            return
    for path in (*file.pieces, *_eyes_alone(file, found)):
        path.unlink(missing_ok=True)
        note_origin(path.parent, path.name, None)
    if as_json:
        print_json({"removed": file.model_id, "freed_bytes": file.size_bytes})
    else:
        console.print(words["rm_done"].format(model=file.model_id, size=size), markup=False)


def _eyes_alone(file: ModelFile, found: Library) -> list[Path]:
    """The file that lets it see images, if no other model looks through it."""
    users = [other for other in found.files if other.projector == file.projector]
    return [file.projector.path] if file.projector is not None and users == [file] else []


def _require_ours(file: ModelFile) -> None:
    if file.store == BUILTIN_STORE:
        raise ModelKept(model_id=file.model_id, problem="it comes with Galerne")
    if file.store != OWN_STORE:
        raise ModelKept(model_id=file.model_id, problem=f"it is {file.store}'s, at {file.path}")


def _require_unused(file: ModelFile, settings: Settings) -> None:
    """Refuse a model that an engine of the running daemon holds."""
    daemon = read_daemon(settings.home)
    if daemon is None or daemon.address is None:
        return
    rows = ask_daemon(settings, daemon.address, "GET", ENGINES)["data"]
    if any(row["model_id"] == file.model_id and row["presence"] != NOT_LOADED for row in rows):
        problem = f"the daemon at {daemon.address} has it loaded: `galerne stop {file.model_id}` unloads it"
        raise ModelKept(model_id=file.model_id, problem=problem)
