"""The models on this machine: the built-in one, those in the models folder, those of other programs."""

from __future__ import annotations

import contextlib
import difflib
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from galerne.catalog.weights import ModelSpec, WeightFormat
from galerne.errors import InvalidModelFile, ModelFileMissing, UnknownModel
from galerne.models.architecture import architecture, has_chat_template, weight_format, weights_bytes
from galerne.models.gguf import GgufHeader, read_gguf_header
from galerne.models.naming import known_model, piece_of, quantisation, whole_name
from galerne.models.projector import Projector, eyes_of, is_projector, read_projector
from galerne.models.stores import OLLAMA_STORE, StoredFile, stored_files

BUILTIN_MODEL_ID = "galerne-mini"
OWN_STORE, BUILTIN_STORE = "galerne", "built-in"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """A model that can be run here.

    Attributes:
        model_id: the name clients use: the catalogue's where it is a known model, else the file's own.
        path: the file; the first of several pieces.
        size_bytes: of all its pieces.
        weights_bytes: of the tensors, which is what a step reads.
        weight_format: how they are stored, with the mean width over this very file.
        has_chat_template: whether the file itself says how a conversation is written.
        spec: its architecture, read from the file's header; name and licence from the catalogue's row.
        is_builtin: whether it comes with the package.
        format_id: its quantisation, as the catalogue writes it.
        aliases: other names that find it: the file's own, the catalogue's with the format.
        store: whose it is: ``built-in``, ``galerne``, or another program's.
        is_known: whether the catalogue knows the model.
        pieces: every file of it.
        sha256: of the file, where its store says it.
        projector: the file that gives it eyes; None where it has none.
    """

    model_id: str
    path: Path
    size_bytes: int
    weights_bytes: int
    weight_format: WeightFormat
    has_chat_template: bool
    spec: ModelSpec
    is_builtin: bool = False
    format_id: str = ""
    aliases: tuple[str, ...] = ()
    store: str = OWN_STORE
    is_known: bool = False
    pieces: tuple[Path, ...] = ()
    sha256: str = ""
    projector: Projector | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """What was found.

    Attributes:
        files: usable models, the built-in one first, then by name, then those of other programs.
        problems: files that look like models and are not usable, each with its reason.
    """

    files: tuple[ModelFile, ...]
    problems: tuple[InvalidModelFile, ...] = ()

    def find(self, model_id: str) -> ModelFile:
        """The model of that id or other name.

        Raises:
            UnknownModel: names the nearest.
            InvalidModelFile: it is here, and is not usable.
        """
        by_name = {name.lower(): file for file in reversed(self.files) for name in file.aliases}
        by_name |= {file.model_id.lower(): file for file in reversed(self.files)}
        if model_id.lower() in by_name:
            return by_name[model_id.lower()]
        for problem in self.problems:
            if Path(problem.path).stem.lower() == model_id.lower():
                raise problem
        by_id = [file.model_id for file in self.files]
        nearest = difflib.get_close_matches(model_id, by_id, n=1, cutoff=0.4)
        raise UnknownModel(model=model_id, nearest=nearest[0] if nearest else None)


def builtin_model_path() -> Path:
    """Where the built-in model lies; the file may be missing in an incomplete checkout.

    The engine maps the file itself, so the package must be unpacked on disk, as pip always does.
    """
    return Path(str(resources.files("galerne.models").joinpath("builtin", f"{BUILTIN_MODEL_ID}.gguf")))


def inspect_model(*pieces: Path, is_builtin: bool = False) -> ModelFile:
    """Read what a file, or the pieces of one model, say; remembered while they stay the same.

    Raises:
        ModelFileMissing: there is no file.
        InvalidModelFile: it is not a usable model.
    """
    try:
        states = tuple((path.stat().st_size, path.stat().st_mtime_ns) for path in pieces)
    except OSError:
        raise ModelFileMissing(model_id=pieces[0].stem, path=str(pieces[0])) from None
    return _inspect(pieces, states, is_builtin=is_builtin)


@functools.lru_cache(maxsize=512)
def _inspect(
    pieces: tuple[Path, ...], _states: tuple[tuple[int, int], ...], *, is_builtin: bool
) -> ModelFile:
    """Cached by the size and time of each piece."""
    path, header = pieces[0], _whole_header(pieces)
    own_name = whole_name(path.stem)
    spec = architecture(header, model_id=own_name)
    stored, named = weight_format(header), quantisation(path.name)
    if named.startswith(stored.id):  # q4_k_m is how a file calls its mixture of q4_k and wider ones
        stored = replace(stored, id=named)
    known = None if is_builtin else known_model((own_name, spec.name), spec)
    if known is not None:
        model_id, row = known
        spec = replace(
            spec,
            id=model_id,
            name=row.name if model_id == row.id else f"{row.name} {model_id.rpartition('-')[2].title()}",
            repository=row.repository,
            released=row.released,
            licence=row.licence,
            commercial_use=row.commercial_use,
            purpose=row.purpose,
        )
    return ModelFile(
        model_id=spec.id,
        path=path,
        size_bytes=header.size_bytes,
        weights_bytes=weights_bytes(header),
        weight_format=stored,
        has_chat_template=has_chat_template(header),
        spec=spec,
        is_builtin=is_builtin,
        format_id=named or stored.id,
        store=BUILTIN_STORE if is_builtin else OWN_STORE,
        is_known=known is not None,
        pieces=pieces,
    )


def _whole_header(pieces: Sequence[Path]) -> GgufHeader:
    """The header of the first piece with the tensors of all.

    Raises:
        InvalidModelFile: a piece is damaged or missing.
    """
    n_pieces = piece_of(pieces[0].stem)[1]
    if [piece_of(path.stem)[0] for path in pieces] != list(range(1, n_pieces + 1)):
        problem = f"it is one of {n_pieces} pieces of a model, and {len(pieces)} are here"
        raise InvalidModelFile(path=str(pieces[0]), problem=problem)
    headers = [read_gguf_header(path) for path in pieces]
    return replace(
        headers[0],
        size_bytes=sum(header.size_bytes for header in headers),
        tensors=tuple(tensor for header in headers for tensor in header.tensors),
    )


def library(models_folder: Path | None = None, *, stores: Iterable[Path] = ()) -> Library:
    """Every model on this machine.

    Args:
        models_folder: where the owner keeps ``*.gguf`` files; it need not exist.
        stores: folders of other programs, read where they lie.
    """
    found: list[ModelFile] = []
    problems: list[InvalidModelFile] = []
    for pieces, stored in _candidates(models_folder, stores):
        try:
            file = inspect_model(*pieces, is_builtin=pieces[0] == builtin_model_path())
            found.append(_stored(file, stored) if stored else file)
        except InvalidModelFile as error:
            problems.append(error)
        except ModelFileMissing:
            continue  # removed while we looked
    found = _seeing(found, problems)
    return Library(files=tuple(_named(found)), problems=tuple(problems))


def _seeing(found: Sequence[ModelFile], problems: list[InvalidModelFile]) -> list[ModelFile]:
    """The same models, those with eyes that have some beside them; damaged ones are noted."""
    folders = {file.path.parent for file in found if not file.is_builtin and file.store != OLLAMA_STORE}
    beside = {folder: list(_projectors(folder, problems)) for folder in sorted(folders)}
    return [
        replace(file, projector=_eyes(file, found, beside[file.path.parent]))
        if beside.get(file.path.parent)
        else file
        for file in found
    ]


def _projectors(folder: Path, problems: list[InvalidModelFile]) -> Iterator[Projector]:
    for path in sorted(folder.glob("*.gguf")):
        if is_projector(path.name):
            try:
                yield read_projector(path)
            except InvalidModelFile as error:
                problems.append(error)
            except ModelFileMissing:
                continue  # removed while we looked


def _eyes(file: ModelFile, found: Sequence[ModelFile], projectors: Sequence[Projector]) -> Projector | None:
    width = file.spec.dim
    neighbours = [
        other.path for other in found if other.path.parent == file.path.parent and other.spec.dim == width
    ]
    return eyes_of(file.path, width=width, projectors=projectors, neighbours=neighbours)


def _candidates(
    models_folder: Path | None, stores: Iterable[Path]
) -> Iterator[tuple[Sequence[Path], StoredFile | None]]:
    builtin = builtin_model_path()
    if builtin.is_file():
        yield [builtin], None
    own = sorted(models_folder.glob("*.gguf")) if models_folder and models_folder.is_dir() else []
    # A file may not take the name of the model that comes with the package.
    named = (path for path in own if path.is_file() and path.stem != BUILTIN_MODEL_ID)
    for pieces in _by_model(path for path in named if not is_projector(path.name)):
        yield pieces, None
    for store in stores:
        files = {file.path: file for file in stored_files(store) if not is_projector(file.path.name)}
        for pieces in _by_model(files):
            yield pieces, files[pieces[0]]


def _by_model(paths: Iterable[Path]) -> list[list[Path]]:
    """Pieces of one model together, the first first."""
    models: dict[Path, list[Path]] = {}
    for path in paths:
        models.setdefault(path.with_name(whole_name(path.stem)), []).append(path)
    return [sorted(pieces) for pieces in models.values()]


def _stored(file: ModelFile, stored: StoredFile) -> ModelFile:
    """A model of another program, under the name it has there."""
    if stored.projector is not None:
        with contextlib.suppress(InvalidModelFile, ModelFileMissing):
            file = replace(file, projector=read_projector(stored.projector))
    if not stored.name:
        return replace(file, store=stored.store)
    also = [stored.name.removesuffix(":latest"), *([file.model_id] if file.is_known else [])]
    return replace(
        file,
        model_id=stored.name,
        aliases=tuple(name for name in dict.fromkeys(also) if name != stored.name),
        store=stored.store,
        sha256=stored.sha256,
    )


def _named(found: Sequence[ModelFile]) -> Iterator[ModelFile]:
    """Give each file its id: of several of one model the largest has the plain one, all the format's."""
    by_size = sorted(found, key=lambda file: (file.store == OWN_STORE, file.size_bytes))
    largest = {file.model_id: file for file in by_size}
    taken: set[str] = set()
    for file in found:
        own_name, with_format = whole_name(file.path.stem), f"{file.model_id}:{file.format_id}"
        is_plain = largest[file.model_id] is file or file.is_builtin
        wanted = [file.model_id if is_plain else with_format, own_name]
        model_id = next((name for name in wanted if name not in taken), None)
        if model_id is None:
            continue  # the same model once more, in another store
        taken.add(model_id)
        names = file.aliases or ([own_name, with_format] if file.is_known else [own_name])
        yield replace(file, model_id=model_id, aliases=tuple(name for name in names if name != model_id))
