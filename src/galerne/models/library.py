"""The model files on this machine: the built-in one and those in the models folder."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from galerne.catalog.records import ModelSpec, WeightFormat
from galerne.errors import InvalidModelFile, UnknownModel
from galerne.models.architecture import architecture, has_chat_template, weight_format, weights_bytes
from galerne.models.gguf import read_gguf_header

BUILTIN_MODEL_ID = "galerne-mini"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """A model that can be run here.

    Attributes:
        model_id: the name clients use; the file's name without its ending.
        size_bytes: of the file.
        weights_bytes: of the tensors, which is what a step reads.
        weight_format: how they are stored, with the mean width over this very file.
        has_chat_template: whether the file itself says how a conversation is written.
        spec: its architecture, read from the file's header.
        is_builtin: whether it comes with the package.
    """

    model_id: str
    path: Path
    size_bytes: int
    weights_bytes: int
    weight_format: WeightFormat
    has_chat_template: bool
    spec: ModelSpec
    is_builtin: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """What was found.

    Attributes:
        files: usable models, the built-in one first, then by name.
        problems: files that look like models and are not usable, each with its reason.
    """

    files: tuple[ModelFile, ...]
    problems: tuple[InvalidModelFile, ...] = ()

    def find(self, model_id: str) -> ModelFile:
        """The model of that name.

        Raises:
            UnknownModel: names the nearest.
        """
        by_id = {file.model_id: file for file in self.files}
        if model_id in by_id:
            return by_id[model_id]
        nearest = difflib.get_close_matches(model_id, by_id, n=1, cutoff=0.4)
        raise UnknownModel(model=model_id, nearest=nearest[0] if nearest else None)


def builtin_model_path() -> Path:
    """Where the built-in model lies; the file may be missing in an incomplete checkout.

    The engine maps the file itself, so the package must be unpacked on disk, as pip always does.
    """
    return Path(str(resources.files("galerne.models").joinpath("builtin", f"{BUILTIN_MODEL_ID}.gguf")))


def inspect_model(path: Path, *, is_builtin: bool = False) -> ModelFile:
    """Read what one file says about itself.

    Raises:
        ModelFileMissing: there is no file.
        InvalidModelFile: it is not a usable model.
    """
    header = read_gguf_header(path)
    return ModelFile(
        model_id=path.stem,
        path=path,
        size_bytes=header.size_bytes,
        weights_bytes=weights_bytes(header),
        weight_format=weight_format(header),
        has_chat_template=has_chat_template(header),
        spec=architecture(header, model_id=path.stem),
        is_builtin=is_builtin,
    )


def library(models_folder: Path | None = None) -> Library:
    """Every model on this machine.

    Args:
        models_folder: where the owner keeps ``*.gguf`` files; it need not exist.
    """
    files: list[ModelFile] = []
    problems: list[InvalidModelFile] = []
    for path, is_builtin in _candidates(models_folder):
        try:
            files.append(inspect_model(path, is_builtin=is_builtin))
        except InvalidModelFile as error:
            problems.append(error)
    return Library(files=tuple(files), problems=tuple(problems))


def _candidates(models_folder: Path | None) -> Iterator[tuple[Path, bool]]:
    builtin = builtin_model_path()
    if builtin.is_file():
        yield builtin, True
    if models_folder is not None and models_folder.is_dir():
        for path in sorted(models_folder.glob("*.gguf")):
            # A file may not take the name of the model that comes with the package.
            if path.is_file() and path.stem != BUILTIN_MODEL_ID:
                yield path, False
