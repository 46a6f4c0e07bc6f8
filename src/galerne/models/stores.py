"""Models that other programs keep on this computer, read where they lie: nothing is copied or changed.

Ollama keeps blobs named by their hash, and a manifest per name; its blobs are GGUF files. LM Studio and the
cache of Hugging Face keep files under their own names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLLAMA_STORE = "ollama"
OLLAMA_MODEL = "application/vnd.ollama.image.model"
OLLAMA_PROJECTOR = "application/vnd.ollama.image.projector"
_DEFAULT_HOST, _DEFAULT_OWNER = "registry.ollama.ai", "library"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A model file of another program.

    Attributes:
        name: what that program calls it; empty where the file's own name says it.
        store: ``ollama``, ``lm-studio`` or ``hugging-face``.
        sha256: where the store says it.
        projector: the file that gives it eyes, where the store says which.
    """

    path: Path
    store: str
    name: str = ""
    sha256: str = ""
    projector: Path | None = None


def default_stores(home: Path, *, ollama: str | None = None) -> tuple[Path, ...]:
    """Folders where other programs keep models, those that exist.

    Args:
        home: of the user.
        ollama: what OLLAMA_MODELS says.
    """
    ollamas = (
        [Path(ollama)] if ollama else [home / ".ollama/models", Path("/usr/share/ollama/.ollama/models")]
    )
    others = [home / ".lmstudio/models", home / ".cache/lm-studio/models", home / ".cache/huggingface/hub"]
    return tuple(folder for folder in [*ollamas, *others] if _is_folder(folder))


def stored_files(folder: Path) -> Iterator[StoredFile]:
    """Every model file of a store, whichever program's it is; nothing where it cannot be read."""
    try:
        if (folder / "manifests").is_dir():
            yield from _ollama(folder)
        elif any(folder.glob("models--*")):
            for path in sorted(folder.glob("models--*/snapshots/*/**/*.gguf")):
                yield StoredFile(path=path, store="hugging-face")
        else:
            for path in sorted(folder.glob("*/*/*.gguf")):
                yield StoredFile(path=path, store="lm-studio")
    except OSError:
        return


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _ollama(folder: Path) -> Iterator[StoredFile]:
    manifests = folder / "manifests"
    for path in sorted(manifests.glob("*/*/*/*")):
        digest = _digest(path, OLLAMA_MODEL)
        blob = folder / "blobs" / f"sha256-{digest}"
        if digest and blob.is_file():
            name = _ollama_name(*path.relative_to(manifests).parts)
            eyes = _digest(path, OLLAMA_PROJECTOR)
            projector = folder / "blobs" / f"sha256-{eyes}"
            yield StoredFile(
                path=blob,
                store=OLLAMA_STORE,
                name=name,
                sha256=digest,
                projector=projector if eyes and projector.is_file() else None,
            )


def _ollama_name(host: str, owner: str, model: str, tag: str) -> str:
    """``mistral-nemo:latest``; owner and host only where they are not the usual ones."""
    steps = (
        [host, owner, model]
        if host != _DEFAULT_HOST
        else [owner, model]
        if owner != _DEFAULT_OWNER
        else [model]
    )
    return f"{'/'.join(steps)}:{tag}"


def _digest(manifest: Path, media_type: str) -> str:
    """The hash of a layer that a manifest names; empty where it names none, or is damaged."""
    try:
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        digests = [layer["digest"] for layer in layers if layer["mediaType"] == media_type]
        kind, _, digest = digests[0].partition(":") if digests else ("", "", "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    is_hash = (
        kind == "sha256" and len(digest) == 64 and all(letter in "0123456789abcdef" for letter in digest)
    )
    return digest if is_hash else ""
