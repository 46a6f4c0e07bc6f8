"""``galerne list``: the models on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping

from galerne.chat.bill.figures import NARROW_SPACE, decimal, quantity
from galerne.cli.installed import installed
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import read_settings
from galerne.language import phrases
from galerne.models import ModelFile
from galerne.models.library import OWN_STORE


def list_models(*, as_json: bool) -> None:
    """Every model file, and those that look like one and are not usable."""
    settings = read_settings(os.environ)
    found = installed(settings)
    if as_json:
        rows = [
            {
                "model_id": file.model_id,
                "path": str(file.path),
                "size_bytes": file.size_bytes,
                "format": file.weight_format.id,
                "n_parameters": file.spec.n_parameters,
                "context_tokens": file.spec.context_tokens,
                "format_id": file.format_id,
                "name": file.spec.name,
                "aliases": list(file.aliases),
                "known": file.is_known,
                "licence": file.spec.licence,
                "commercial_use": file.spec.commercial_use if file.is_known else None,
                "store": file.store,
                "built_in": file.is_builtin,
                "vision": file.projector is not None,
            }
            for file in found.files
        ]
        print_json({"models": rows, "problems": [str(problem) for problem in found.problems]})
        return
    language, words = settings.language, phrases("galerne.cli", settings.language)
    table = plain_table(
        words["model"], words["parameters"], words["format"], words["size"], words["context"], "",
        title=words["models_title"],
    )  # fmt: skip
    for file in found.files:
        table.add_row(
            file.model_id,
            str(quantity(file.spec.n_parameters, "", language=language)).replace(NARROW_SPACE, ""),
            file.format_id,
            str(quantity(file.size_bytes, "B", language=language)),
            decimal(file.spec.context_tokens, language=language, decimals=0),
            _note(file, words),
        )
    console = make_console()
    console.print(table)
    console.print(words["models_folder"].format(folder=settings.models_folder), style="dim", markup=False)
    for problem in found.problems:
        console.print(f"{words['damaged']}: {problem}", style="red", markup=False)


def _note(file: ModelFile, words: Mapping[str, str]) -> str:
    """Whose it is where it is not simply here, and a plain word on a licence that excludes business."""
    notes = [words["built_in"]] if file.is_builtin else [] if file.store == OWN_STORE else [file.store]
    if file.projector is not None:
        notes.append(words["sees_images"])
    if file.is_known and not file.spec.commercial_use:
        notes.append(words["no_business"])
    return ", ".join(notes)
