"""Model files that are arriving now, by what ``fetch`` keeps of them on the disk, whoever fetches them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STILL_S = 60.0
"""Written to no longer ago than this, a file is arriving; else its download was stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arriving:
    """A file on its way.

    Attributes:
        name: that it will have.
    """

    name: str
    arrived_bytes: int
    size_bytes: int


def arriving(folder: Path, *, now_at: float) -> tuple[Arriving, ...]:
    """The files that are arriving in a folder, by name; none where there is no folder.

    A download that was stopped is left out; so is one that checks for long what an earlier attempt left.
    """
    found = (_look(part, now_at=now_at) for part in sorted(folder.glob("*.part")))
    return tuple(entry for entry in found if entry is not None)


def _look(part: Path, *, now_at: float) -> Arriving | None:
    """A part whose notes say how large the whole is; ``None`` for any other, and once it is whole."""
    try:
        state = part.stat()
        with part.with_suffix(".blocks").open(encoding="ascii") as notes:
            _, size, _ = notes.readline().rsplit(" ", 2)
        size_bytes = int(size)
    except (OSError, ValueError):
        return None
    if size_bytes <= 0 or now_at - state.st_mtime > STILL_S:
        return None
    return Arriving(name=part.stem, arrived_bytes=min(state.st_size, size_bytes), size_bytes=size_bytes)
