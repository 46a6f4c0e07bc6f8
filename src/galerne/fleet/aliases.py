"""Names of Mistral's cloud, answered by what is installed here.

The rule: ``<family>-latest`` is the newest installed model of that family, by version and then by name.
Where nothing of the family is installed, the names of general chat models, and only those, mean the first
model that is served: a program written for the cloud runs unchanged, and every answer names the model that
gave it. A special model (code, vectors, thinking) is never stood in for by another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "mistral-small-latest": r"mistral-small-.*",
        "mistral-medium-latest": r"mistral-medium-.*",
        "mistral-large-latest": r"mistral-large-.*",
        "mistral-tiny-latest": r"(mistral-7b|mistral-nemo|open-mistral).*",
        "open-mistral-nemo": r"mistral-nemo-.*",
        "open-mistral-7b": r"mistral-7b-.*",
        "open-mixtral-8x7b": r"mixtral-8x7b.*",
        "open-mixtral-8x22b": r"mixtral-8x22b.*",
        "ministral-3b-latest": r"ministral-(3-)?3b.*",
        "ministral-8b-latest": r"ministral-(3-)?8b.*",
        "ministral-14b-latest": r"ministral-(3-)?14b.*",
        "codestral-latest": r"codestral-\d.*",
        "devstral-small-latest": r"devstral-small-.*",
        "devstral-latest": r"devstral-.*",
        "magistral-small-latest": r"magistral-small-.*",
        "magistral-medium-latest": r"magistral-medium-.*",
        "pixtral-large-latest": r"pixtral-large.*",
    }
)
"""Cloud names, and the installed ids they stand for."""

STAND_INS = frozenset(
    {"mistral-tiny-latest", "mistral-small-latest", "mistral-medium-latest", "mistral-large-latest"}
)
"""Names that any chat model answers to, where their own family is not installed."""


def cloud_aliases(model_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The cloud names of each served model; the first is the default."""
    aliases: dict[str, list[str]] = {model_id: [] for model_id in model_ids}
    for name, family in FAMILIES.items():
        kin = [model_id for model_id in aliases if re.fullmatch(family, model_id.lower())]
        if kin:
            aliases[max(kin, key=_age)].append(name)
        elif name in STAND_INS and model_ids:
            aliases[model_ids[0]].append(name)
    return {model_id: tuple(names) for model_id, names in aliases.items()}


def tagged_ids(name: str, known: Iterable[str]) -> list[str]:
    """Ids that a name may mean which is written as Ollama's are, the newest first.

    ``ministral-3:8b`` and ``ministral-3:8b-instruct-q4_K_M`` are ``ministral-3-8b``, ``mistral:latest`` any
    ``mistral-7b``; a name without a tag may mean several sizes.
    """
    base, _, tag = name.strip().lower().partition(":")
    size = re.match(r"\d+(x\d+)?b", tag)
    if tag and not size and tag != "latest":
        return []
    wanted = re.escape(size[0]) if size else r"\d+(x\d+)?b"
    ids = list(known)
    if base in ids and not size:
        return [base]
    kin = [row_id for row_id in ids if re.fullmatch(rf"{re.escape(base)}-{wanted}(-.*)?", row_id.lower())]
    return sorted(kin, key=_age, reverse=True)


def _age(model_id: str) -> tuple[list[float], str]:
    """Versions compare as numbers, three digits and more as a month of release: 3.2 < 4 < 2409 < 2509."""
    versions = re.findall(r"(?<![\d.])v?(\d+(?:\.\d+)?)(?![\d.]*[bx])", model_id.lower())
    return [float(version) for version in versions], model_id
