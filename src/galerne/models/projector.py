"""Eyes of a model: a file beside it that turns images into what the model reads (llama.cpp's ``mmproj``)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from galerne.errors import InvalidModelFile, ModelFileMissing
from galerne.models.gguf import GgufHeader, read_gguf_header
from galerne.models.naming import bare_name, plain_stem, quantisation

MARK = "mmproj"
ARCHITECTURE = "clip"
NAMELESS = frozenset({"", "model"})
"""What is left of a projector's name that does not say whose it is."""
PREFERRED = ("f16", "bf16", "q8_0", "f32")
_MARK = re.compile(rf"[-._ ]*{MARK}[-._ ]*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Projector:
    """A file that gives a model eyes.

    Attributes:
        kind: how it projects, in llama.cpp's words: ``pixtral``, ``mlp``, ...
        width: of the model it is for; 0 where its header does not say.
    """

    path: Path
    size_bytes: int
    kind: str
    width: int

    @property
    def whose(self) -> str:
        """The bare name of the model it is for; empty where its name does not say."""
        name = bare_name(_MARK.sub("-", self.path.stem)).strip("-. ").removeprefix("mistralai-")
        return "" if name in NAMELESS else name


def is_projector(name: str) -> bool:
    """Whether a file is one, by its name: the only thing a list of files says."""
    return MARK in name.lower()


def read_projector(path: Path) -> Projector:
    """Read and check the header of a projector; remembered while the file stays the same.

    Raises:
        ModelFileMissing: there is no file.
        InvalidModelFile: it is damaged, or gives no eyes.
    """
    try:
        state = path.stat()
    except OSError:
        raise ModelFileMissing(model_id=path.stem, path=str(path)) from None
    return _read(path, (state.st_size, state.st_mtime_ns))


@functools.lru_cache(maxsize=128)
def _read(path: Path, _state: tuple[int, int]) -> Projector:
    """Cached by size and time."""
    header = read_gguf_header(path)
    said = header.metadata
    if said.get("general.architecture") != ARCHITECTURE:
        raise InvalidModelFile(path=str(path), problem=f"it is called {MARK}, and is no projector")
    kind = said.get("clip.vision.projector_type") or said.get("clip.projector_type")
    has_eyes = said.get("clip.has_vision_encoder") and any(t.name.startswith("v.") for t in header.tensors)
    if not isinstance(kind, str) or not has_eyes:
        raise InvalidModelFile(path=str(path), problem="it has no encoder of images")
    return Projector(path=path, size_bytes=header.size_bytes, kind=kind, width=_width(header))


def _width(header: GgufHeader) -> int:
    """How wide its vectors are: the second matrix of Mistral's, else what the header says."""
    last = next((tensor.shape for tensor in header.tensors if tensor.name == "mm.2.weight"), ())
    told = header.metadata.get("clip.vision.projection_dim", 0)
    return last[1] if len(last) == 2 else told if isinstance(told, int) else 0


def eyes_of(
    path: Path, *, width: int, projectors: Iterable[Projector], neighbours: Sequence[Path]
) -> Projector | None:
    """The projector of a model among those beside it.

    A name decides; a projector whose name says nothing belongs to the one model of its folder.

    Args:
        path: of the model.
        width: of its vectors.
        projectors: of the same folder.
        neighbours: every model file of the folder that is as wide, this one among them.
    """
    mine = bare_name(path.stem)
    fitting = [each for each in projectors if each.width == width]
    named = [each for each in fitting if each.whose == mine]
    if not named and len({bare_name(other.stem) for other in neighbours}) == 1:
        named = [each for each in fitting if not each.whose]
    return min(named, key=_rank, default=None)


def _rank(projector: Projector) -> tuple[int, str]:
    return rank(projector.path.name)


def rank(name: str) -> tuple[int, str]:
    """Of several projectors of one model the one of the lowest rank is taken."""
    found = quantisation(name)
    return PREFERRED.index(found) if found in PREFERRED else len(PREFERRED), name


def name_beside(stem: str, projector: str) -> str:
    """What a projector is called beside a model in a folder of several: whose it is, and how fine.

    Args:
        stem: of the model's file.
        projector: its own name, which may say neither.
    """
    fine = quantisation(projector)
    return f"{MARK}-{plain_stem(stem)}{f'-{fine}' if fine else ''}.gguf"
