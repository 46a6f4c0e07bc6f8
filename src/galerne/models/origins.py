"""Where the files of the models folder came from, so that their checksum need not be worked out again."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

ORIGINS_NAME = "origins.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What was fetched, from where, and its checksum when it was.

    Attributes:
        fetched_at: UTC seconds.
    """

    repository: str
    filename: str
    revision: str
    sha256: str
    size_bytes: int
    fetched_at: float


def read_origins(folder: Path) -> dict[str, Origin]:
    """What is noted of the files of a folder, by name; nothing where the notes are missing or damaged."""
    try:
        noted = json.loads((folder / ORIGINS_NAME).read_text(encoding="utf-8"))
        return {name: Origin(**origin) for name, origin in noted.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def note_origin(folder: Path, name: str, origin: Origin | None) -> None:
    """Note where a file came from, or forget it; a folder that cannot be written loses only the note."""
    noted = {key: asdict(value) for key, value in read_origins(folder).items() if key != name}
    if origin is not None:
        noted[name] = asdict(origin)
    unfinished = folder / f"{ORIGINS_NAME}.unfinished"
    with contextlib.suppress(OSError):
        unfinished.write_text(json.dumps(noted, indent=1), encoding="utf-8")
        unfinished.replace(folder / ORIGINS_NAME)
