"""Fetch a model file so that nothing is lost: resume, checksum, room on the disk, and no half file in sight.

What has arrived stands in ``NAME.part``; beside it ``NAME.blocks`` notes the checksum of each block as it
arrived. The next attempt keeps every block that is still what it was and fetches the others again, alone. The
file gets its name once the whole is what the hub says it is, and is a model.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from galerne.errors import DiskFull, DownloadCorrupt, ModelKept
from galerne.models.gguf import read_gguf_header

if TYPE_CHECKING:
    from galerne.models.hub import Hub, HubFile

BLOCK_BYTES = 4 << 20
N_ATTEMPTS = 2
"""How often a whole file is fetched whose checksum is wrong at the end."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Progress = Callable[[int], None]
"""Told how many bytes of the file are here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A file that is here.

    Attributes:
        kept_bytes: what an earlier attempt, or an earlier fetch, had left.
        mended_bytes: blocks of it that were no longer what they had been, and were fetched again.
        n_attempts: 2 where the first arrived with a wrong checksum.
        checked: whether the hub gave a checksum to check against.
    """

    path: Path
    size_bytes: int
    sha256: str
    kept_bytes: int = 0
    mended_bytes: int = 0
    n_attempts: int = 1
    checked: bool = True


def fetch(hub: Hub, file: HubFile, folder: Path, *, on_progress: Progress = lambda _: None) -> Fetched:
    """Have a file of the hub in a folder, whole and checked.

    Raises:
        DiskFull: there is no room, before or while it arrives; what has arrived is kept.
        HubUnreachable: the connection ends again and again; what has arrived is kept.
        HubRefused: the hub does not give it.
        DownloadCorrupt: it arrived twice with a wrong checksum.
        InvalidModelFile: it is what the hub has, and no usable model.
    """
    path = folder / file.name
    if path.is_file() and path.stat().st_size == file.size_bytes:
        on_progress(file.size_bytes)
        return Fetched(
            path=path,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            kept_bytes=file.size_bytes,
            checked=False,
        )
    folder.mkdir(parents=True, exist_ok=True)
    require_room(folder, file.size_bytes - _part_bytes(path))
    for attempt in range(1, N_ATTEMPTS + 1):
        part = _Part(path, file, on_progress)
        with part:
            mended_bytes = part.resume(hub)
            kept_bytes = part.tell()
            hub.read(file, cast(BinaryIO, part), from_byte=kept_bytes)
        found = part.sha256()
        if not file.sha256 or found == file.sha256:
            break
        part.drop()
        if attempt == N_ATTEMPTS:
            raise DownloadCorrupt(name=file.name, expected=file.sha256, found=found)
    read_gguf_header(part.path)
    part.finish()
    return Fetched(
        path=path,
        size_bytes=file.size_bytes,
        sha256=found,
        kept_bytes=kept_bytes,
        mended_bytes=mended_bytes,
        n_attempts=attempt,
        checked=bool(file.sha256),
    )


def require_room(folder: Path, needed_bytes: int) -> None:
    """Refuse before the first byte what the disk has no room for.

    Raises:
        DiskFull: with both numbers.
    """
    free_bytes = free_disk_bytes(folder)
    if needed_bytes > free_bytes:
        raise DiskFull(folder=str(folder), needed_bytes=needed_bytes, free_bytes=free_bytes)


def free_disk_bytes(folder: Path) -> int:
    """Room on the disk of a folder, which need not exist yet."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return shutil.disk_usage(existing).free


def _part_bytes(path: Path) -> int:
    part = path.with_name(f"{path.name}.part")
    return part.stat().st_size if part.is_file() else 0


class _Part:
    """What has arrived of a file: written to by the hub's reader as if it were the file."""

    def __init__(self, path: Path, file: HubFile, on_progress: Progress) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self._final_path = path
        self._notes_path = path.with_name(f"{path.name}.blocks")
        self._file, self._on_progress = file, on_progress
        self._whole, self._block = hashlib.sha256(), hashlib.sha256()
        self._position = 0

    def __enter__(self) -> _Part:
        self.path.touch()
        self._data = self.path.open("r+b", buffering=0)
        try:
            fcntl.flock(self._data, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._data.close()
            raise ModelKept(model_id=self._file.name, problem="another command is fetching it") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._data.close()

    def resume(self, hub: Hub) -> int:
        """Keep the noted blocks that are still what they were, fetch the others again; the bytes of those."""
        mended_bytes = 0
        for position, noted in enumerate(self._read_notes()):
            start = position * BLOCK_BYTES
            self._data.seek(start)
            block = self._data.read(BLOCK_BYTES)
            if hashlib.sha256(block).hexdigest() != noted:
                again = io.BytesIO()
                end_byte = min(start + BLOCK_BYTES, self._file.size_bytes)
                hub.read(self._file, again, from_byte=start, to_byte=end_byte)
                block = again.getvalue()
                if hashlib.sha256(block).hexdigest() != noted:
                    break  # the notes are of something else: all from here on comes anew
                self._put(block, start)
                mended_bytes += len(block)
            self._whole.update(block)
            self._position += len(block)
            self._on_progress(self._position)
        self._data.truncate(self._position)
        self._rewrite_notes()
        return mended_bytes

    def write(self, data: bytes) -> int:
        """Take what has arrived; a block that is whole is noted."""
        view = memoryview(data)
        while view:
            room = BLOCK_BYTES - self._position % BLOCK_BYTES
            piece = view[:room]
            self._put(piece, self._position)
            self._whole.update(piece)
            self._block.update(piece)
            self._position += len(piece)
            if self._position % BLOCK_BYTES == 0 or self._position == self._file.size_bytes:
                self._note(self._block.hexdigest())
                self._block = hashlib.sha256()
            view = view[room:]
        self._on_progress(self._position)
        return len(data)

    def tell(self) -> int:
        """Bytes that are here."""
        return self._position

    def seek(self, position: int, whence: int = 0) -> int:
        """Begin anew: what a hub that cannot resume asks for. Nothing else is ever sought."""
        if (position, whence) != (0, 0):
            raise ValueError(f"a part is not sought to {position}")
        self._whole, self._block, self._position = hashlib.sha256(), hashlib.sha256(), 0
        return 0

    def truncate(self) -> int:
        """Forget what comes after."""
        self._data.truncate(self._position)
        self._rewrite_notes()
        return self._position

    def sha256(self) -> str:
        """Checksum of all that has arrived."""
        return self._whole.hexdigest()

    def finish(self) -> None:
        """The part becomes the file."""
        self.path.replace(self._final_path)
        self._notes_path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Forget it all."""
        self.path.unlink(missing_ok=True)
        self._notes_path.unlink(missing_ok=True)

    def _identity(self) -> str:
        return f"{self._file.sha256 or self._file.revision} {self._file.size_bytes} {BLOCK_BYTES}"

    def _read_notes(self) -> list[str]:
        """Checksums of the whole blocks, if they are of this very file."""
        try:
            first, *noted = self._notes_path.read_text(encoding="ascii").split("\n")
        except (OSError, ValueError):
            return []
        n_blocks = -(-self._file.size_bytes // BLOCK_BYTES)
        return [line for line in noted if line][:n_blocks] if first == self._identity() else []

    def _rewrite_notes(self) -> None:
        n_whole = -(-self._position // BLOCK_BYTES)
        noted = self._read_notes()[:n_whole]
        self._guarded(self._notes_path.write_text, "\n".join([self._identity(), *noted]) + "\n")

    def _note(self, checksum: str) -> None:
        def append() -> None:
            with self._notes_path.open("a", encoding="ascii") as notes:
                notes.write(checksum + "\n")

        self._guarded(append)

    def _put(self, data: bytes | memoryview, position: int) -> None:
        view = memoryview(data)
        self._data.seek(position)
        while view:
            view = view[self._guarded(self._data.write, view) :]

    def _guarded(self, act: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return act(*arguments)
        except OSError as error:
            raise self._told(error) from error

    def _told(self, error: OSError) -> Exception:
        if error.errno not in _NO_ROOM:
            return error
        needed_bytes = self._file.size_bytes - self._position
        folder = self._final_path.parent
        return DiskFull(folder=str(folder), needed_bytes=needed_bytes, free_bytes=free_disk_bytes(folder))
