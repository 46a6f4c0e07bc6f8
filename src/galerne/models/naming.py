"""What a model file is called: the catalogue's id where its name and its shape are those of a known model.

``Ministral-3-3B-Instruct-2512-Q4_K_M.gguf`` is ``ministral-3-3b``, and so is the same model under the name
that another program gave its file. A file whose name lies about its shape keeps its own name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from galerne.catalog import default_catalog
from galerne.catalog.weights import ModelSpec

_QUANTISATION = re.compile(
    r"[-._](?:UD-)?((?:I?Q|TQ)\d\w*|BF16|F16|F32|MXFP4\w*|NVFP4)(?=[-.]|$)", re.IGNORECASE
)
_PIECE = re.compile(r"-(\d{5})-of-(\d{5})$")
VARIANTS = ("reasoning", "base")
"""Further models of a family that share its row: trained otherwise, shaped alike."""


def quantisation(name: str) -> str:
    """The quantisation in a file's name, as the catalogue writes it; empty where there is none."""
    found = _QUANTISATION.search(name)
    return found[1].lower() if found else ""


def piece_of(stem: str) -> tuple[int, int]:
    """Which piece of a model in several files this one is, and how many there are; ``(1, 1)`` for a whole."""
    found = _PIECE.search(stem)
    return (int(found[1]), int(found[2])) if found else (1, 1)


def whole_name(stem: str) -> str:
    """The name of a model in several files without the number of the piece."""
    return _PIECE.sub("", stem)


def known_model(names: tuple[str, ...], spec: ModelSpec) -> tuple[str, ModelSpec] | None:
    """The id and catalogue row of the model that one of these names means, if its shape is that model's.

    Args:
        names: of the file, and what its header calls it.
        spec: its architecture, from its header.
    """
    for name in names:
        found = _known_names().get(bare_name(name))
        if found and (found[1].dim, found[1].n_layers) == (spec.dim, spec.n_layers):
            return found
    return None


def plain_stem(stem: str) -> str:
    """A file's name without the number of its piece and its quantisation, otherwise as it is."""
    return _QUANTISATION.sub("", whole_name(stem))


def bare_name(name: str) -> str:
    """A name without quantisation, owner and the word GGUF; lower case, words joined by dashes."""
    text = _QUANTISATION.sub("", whole_name(name)).strip().lower().replace(" ", "-").replace("_", "-")
    return re.sub(r"^mistralai-|-gguf$", "", text)


@functools.cache
def _known_names() -> Mapping[str, tuple[str, ModelSpec]]:
    """Ids and rows by the bare name of each model and of its variants."""
    names: dict[str, tuple[str, ModelSpec]] = {}
    for row in default_catalog().models.rows.values():
        name = bare_name(row.repository.rpartition("/")[2])
        names[name] = names[row.id] = (row.id, row)
        for variant in VARIANTS:
            if "instruct" in name:
                names[name.replace("instruct", variant)] = (f"{row.id}-{variant}", row)
    return names
