"""Which file of a model to fetch: what was named, else the best that fits this machine's memory."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from galerne.catalog import Catalog, Machine, ModelFileSpec, ModelSpec
from galerne.errors import HubRefused, InvalidRequest, UnknownId
from galerne.fleet.aliases import FAMILIES, cloud_aliases, tagged_ids
from galerne.models.hub import Hub, HubFile, HubReference
from galerne.models.projector import is_projector, name_beside, rank
from galerne.perf import Fit, advise

ENGINE_SHARE_RATIO = 0.15
"""Memory beside the weights, where the architecture is not known before the file is here."""
WORTHWHILE = ("q8_0", "q6_k", "q5_k_m", "q4_k_m")
"""Quantisations offered without being named, best quality first."""
VARIANTS = ("reasoning", "base")
"""Kinds of one model that are fetched only by their own name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What will be fetched.

    Attributes:
        files: one, or the pieces of one model.
        model: its row, where the catalogue knows it.
        fit: what to expect of it here, where its architecture is known.
        fits: whether it fits the memory that is free now.
        eyes: the file that lets it see images, where its repository has one.
    """

    files: tuple[HubFile, ...]
    format_id: str
    model: ModelSpec | None
    fit: Fit | None
    fits: bool
    eyes: HubFile | None = None

    @property
    def all_files(self) -> tuple[HubFile, ...]:
        """What is fetched: the model, then its eyes."""
        return (*self.files, *([self.eyes] if self.eyes else []))

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size_bytes for file in self.all_files)


def with_eyes(choice: Choice, hub: Hub) -> Choice:
    """The same with the file that lets the model see, where its repository has one.

    Raises:
        HubUnreachable: no answer.
    """
    first = choice.files[0]
    try:
        listed = hub.files(first.repository, revision=first.revision)
    except HubRefused:  # of a file that is given its repository may not be
        return choice
    eyes = min((file for file in listed if is_projector(file.name)), key=_rank_of, default=None)
    if eyes is None:
        return choice
    stem = PurePosixPath(first.filename).stem
    return replace(choice, eyes=replace(eyes, saved_as=name_beside(stem, eyes.name)))


def _rank_of(file: HubFile) -> tuple[int, str]:
    return rank(file.name)


def choose_known(
    catalog: Catalog, machine: Machine, name: str, *, format_id: str, free_bytes: float, hub: Hub
) -> Choice:
    """The file of a model that the catalogue knows, by the id of the model, of the file, or a cloud name.

    Raises:
        UnknownId: no such model; names the nearest.
        InvalidRequest: it is known, but no file of it is; or not in that format.
    """
    model_id, rows = _known_files(catalog, name)
    format_id = format_id or _format_in(name)
    if not rows and model_id in catalog.repositories.rows:
        reference = HubReference(repository=catalog.repositories[model_id].repository)
        chosen = choose_on_hub(reference, format_id=format_id, free_bytes=free_bytes, hub=hub)
        return replace(chosen, model=catalog.models[model_id])
    if not rows:
        problem = f"no GGUF file of {model_id} is known here; name one as hf.co/OWNER/REPOSITORY:QUANT"
        raise InvalidRequest(path="MODEL", problem=problem)
    model, by_format = catalog.models[model_id], {row.format_id: row for row in rows}
    if format_id and format_id not in by_format:
        problem = f"{format_id} of {model_id} is not known here; there is {', '.join(by_format)}"
        raise InvalidRequest(path="--format", problem=problem)
    formats = [format_id] if format_id else sorted(by_format, key=lambda f: -by_format[f].size_bytes)
    (fit,) = advise(catalog, machine, free_bytes=free_bytes, models=[model], format_ids=formats).fits
    row = by_format[fit.plan.format.id]
    file = _as_known(row, hub)
    return Choice(files=(file,), format_id=row.format_id, model=model, fit=fit, fits=fit.fits)


def pullable(catalog: Catalog, name: str) -> str | None:
    """The id under which a model that is not here can be fetched; None where it is not known."""
    try:
        model_id, rows = _known_files(catalog, name)
    except (UnknownId, InvalidRequest):
        return None
    return model_id if rows or model_id in catalog.repositories.rows else None


def _as_known(row: ModelFileSpec, hub: Hub) -> HubFile:
    """The very file that the catalogue knows: a mirror may not give another under its name."""
    file = hub.look_up(row.repository, row.filename)
    if row.sha256 and file.sha256 and row.sha256 != file.sha256:
        known_as = f"hf.co/{row.repository}:{row.format_id}"
        problem = f"it has another file there than the catalogue knows; `galerne pull {known_as}` takes it"
        raise HubRefused(address=hub.address, name=row.filename, problem=problem)
    return replace(file, sha256=row.sha256 or file.sha256)


def _format_in(name: str) -> str:
    """The quantisation that a tag ends with, as in ``ministral-3:8b-instruct-q4_K_M``."""
    found = re.search(r":.*-(q\d\w*|b?f16)$", name.lower())
    return found[1] if found else ""


def _known_files(catalog: Catalog, name: str) -> tuple[str, Sequence[ModelFileSpec]]:
    wanted = name.lower()
    if wanted in catalog.files.rows:
        row = catalog.files.rows[wanted]
        return row.model_id, [row]
    model_id, _, variant = wanted.partition("-reasoning")
    if variant or (wanted not in catalog.models.rows and wanted.endswith("-reasoning")):
        wanted = model_id
    rows = [row for row in catalog.files.rows.values() if row.model_id == wanted]
    kinds = {kind for kind in VARIANTS if kind in name.lower()}
    rows = [row for row in rows if {kind for kind in VARIANTS if kind in row.filename.lower()} == kinds]
    if wanted in catalog.models.rows:
        return wanted, rows
    if wanted in FAMILIES:
        with_files = {row.model_id for row in catalog.files.rows.values()}
        kin = [known for known in with_files if re.fullmatch(FAMILIES[wanted], known)]
        newest = [known for known, names in cloud_aliases(kin).items() if wanted in names]
        if newest:
            return _known_files(catalog, newest[0])
    if wanted in catalog.listed_models.rows:
        return wanted, []
    meant = tagged_ids(wanted, catalog.models.rows)
    sizes = {re.findall(r"\d+(?:x\d+)?b", row_id)[0] for row_id in meant}
    if len(sizes) == 1:
        return _known_files(catalog, meant[0])
    if meant:
        problem = f"{name!r} may be {', '.join(row for row in catalog.models.rows if row in meant)}: name one"
        raise InvalidRequest(path="MODEL", problem=problem)
    every_name = [*catalog.models.rows, *catalog.files.rows]
    near = difflib.get_close_matches(wanted, every_name, n=1, cutoff=0.5)
    raise UnknownId(kind="model", id=name, nearest=near[0] if near else None)


def choose_on_hub(reference: HubReference, *, format_id: str, free_bytes: float, hub: Hub) -> Choice:
    """The file that was named on the hub, or the best of a repository that fits.

    Raises:
        HubUnreachable: no answer.
        HubRefused: there is no such repository, file or quantisation; names what there is.
    """
    if reference.filename:
        file = hub.look_up(reference.repository, reference.filename, revision=reference.revision)
        return _choice([file], free_bytes)
    listed = hub.files(reference.repository, revision=reference.revision)
    models: dict[str, list[HubFile]] = {}
    for file in listed:
        if file.format_id and not is_projector(file.name):
            models.setdefault(re.sub(r"-\d{5}-of-\d{5}", "", file.name), []).append(file)
    wanted = (reference.quantisation or format_id).lower()
    named = {name: files for name, files in models.items() if not wanted or files[0].format_id == wanted}
    if not named:
        there = ", ".join(sorted({file.format_id for files in models.values() for file in files}))
        problem = f"there is {there}" if models else "it holds no GGUF file"
        name = f"{reference.repository}:{wanted}" if wanted else reference.repository
        raise HubRefused(address=hub.address, name=name, problem=problem)
    choices = [_choice(files, free_bytes) for files in named.values()]
    return choices[0] if wanted else _best(choices)


def _choice(files: Sequence[HubFile], free_bytes: float) -> Choice:
    needed_bytes = sum(file.size_bytes for file in files) * (1 + ENGINE_SHARE_RATIO)
    return Choice(
        files=tuple(files),
        format_id=files[0].format_id,
        model=None,
        fit=None,
        fits=needed_bytes <= free_bytes,
    )


def _best(choices: Sequence[Choice]) -> Choice:
    """The best worthwhile quantisation that fits, else the smallest of all that do, else the smallest."""
    worthwhile = [choice for choice in choices if choice.format_id in WORTHWHILE]
    fitting = [choice for choice in worthwhile if choice.fits]
    if fitting:
        return min(fitting, key=lambda choice: WORTHWHILE.index(choice.format_id))
    return min(worthwhile or choices, key=lambda choice: choice.size_bytes)
