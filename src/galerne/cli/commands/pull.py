"""``galerne pull``: fetch a model, so that nothing is lost and nothing half is left in sight."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from galerne.chat.bill.figures import number, quantity
from galerne.cli.foundation import Foundation, lay_foundation
from galerne.cli.screen import make_console, print_json_line
from galerne.cli.settings import Settings, read_settings
from galerne.clock import Clock, SystemClock
from galerne.errors import DoesNotFit, Offline
from galerne.language import phrases
from galerne.machine import free_memory_bytes
from galerne.models.origins import Origin, note_origin

if TYPE_CHECKING:
    from galerne.cli.choosing import Choice
    from galerne.models.fetch import Fetched
    from galerne.models.hub import Hub, HubFile

LINE_EVERY_S = 5.0
"""Between two lines of progress where no bar can be drawn."""
_QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}


def pull(*, name: str, format_id: str, blind: bool, anyway: bool, offline: bool, as_json: bool) -> None:
    """Choose a file, check that there is room, and fetch it.

    Raises:
        Offline: it would need the network, which is forbidden.
        DoesNotFit: this machine's memory could never hold it, and nobody said to fetch it anyway.
        ModelError: as the hub, the disk and the file itself fail.
    """
    settings = read_settings(os.environ)
    if offline or settings.offline:
        raise Offline(name=name, address=settings.hub)
    os.environ.update(_QUIET)  # read by huggingface_hub when it loads: no telemetry, and parts that resume
    from galerne.cli.choosing import with_eyes
    from galerne.models.fetch import fetch, free_disk_bytes, require_room
    from galerne.models.hub import Hub

    foundation = lay_foundation(settings, clock=SystemClock())
    teller = _Teller(settings, as_json=as_json)
    hub = Hub(settings.hub)
    choice = _choose(foundation, hub, name, format_id=format_id)
    choice = choice if blind else with_eyes(choice, hub)
    machine_bytes = foundation.machine().memory_bytes
    if choice.size_bytes > machine_bytes and not anyway:
        raise DoesNotFit(needed_bytes=choice.size_bytes, free_bytes=machine_bytes)
    folder = settings.models_folder
    waiting = [file for file in choice.all_files if not (folder / file.name).is_file()]
    teller.begin(choice, folder=folder, free_bytes=free_disk_bytes(folder))
    require_room(folder, sum(file.size_bytes - _here_bytes(folder / f"{file.name}.part") for file in waiting))
    done_bytes = 0
    try:
        with teller.progress(choice.size_bytes, clock=foundation.clock) as note:
            for file in choice.all_files:
                fetched = fetch(hub, file, folder, on_progress=_after(done_bytes, note))
                done_bytes += file.size_bytes
                teller.fetched(fetched)
                if fetched.kept_bytes < file.size_bytes or fetched.checked:
                    note_origin(folder, file.name, _origin(file, fetched, foundation.clock))
    except KeyboardInterrupt:
        teller.stopped()
        raise
    teller.end(choice, folder=folder)


def _origin(file: HubFile, fetched: Fetched, clock: Clock) -> Origin:
    return Origin(
        repository=file.repository,
        filename=file.filename,
        revision=file.revision,
        sha256=fetched.sha256,
        size_bytes=file.size_bytes,
        fetched_at=clock.now_at(),
    )


def _after(before_bytes: int, note: Callable[[int], None]) -> Callable[[int], None]:
    return lambda here_bytes: note(before_bytes + here_bytes)


def _here_bytes(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _choose(foundation: Foundation, hub: Hub, name: str, *, format_id: str) -> Choice:
    from galerne.cli.choosing import choose_known, choose_on_hub
    from galerne.models.hub import read_reference

    free_bytes = float(free_memory_bytes())
    reference = read_reference(name, address=hub.address)
    if reference is not None:
        return choose_on_hub(reference, format_id=format_id, free_bytes=free_bytes, hub=hub)
    return choose_known(
        foundation.catalog, foundation.machine(), name, format_id=format_id, free_bytes=free_bytes, hub=hub
    )


class _Teller:
    """Says what happens: a bar on a terminal, lines in a pipe, one JSON object a line for a program."""

    def __init__(self, settings: Settings, *, as_json: bool) -> None:
        self._settings, self._language, self._as_json = settings, settings.language, as_json
        self._words = phrases("galerne.cli", settings.language)
        self._console = make_console()

    def begin(self, choice: Choice, *, folder: Path, free_bytes: int) -> None:
        """What will be fetched, from where, and whether it fits."""
        first = choice.files[0]
        if self._as_json:
            self._line(
                event="chosen",
                files=[file.filename for file in choice.all_files],
                repository=first.repository,
                format_id=choice.format_id,
                size_bytes=choice.size_bytes,
                free_disk_bytes=free_bytes,
                fits=choice.fits,
                model_id=choice.model.id if choice.model else None,
                licence=choice.model.licence if choice.model else None,
            )
            return
        self._say(
            "pull_from",
            file=first.name if len(choice.files) == 1 else f"{first.name} (+{len(choice.files) - 1})",
            repository=first.repository,
            size=self._bytes(sum(file.size_bytes for file in choice.files)),
        )
        if choice.eyes is not None:
            self._say("pull_eyes", file=choice.eyes.name, size=self._bytes(choice.eyes.size_bytes))
        self._say("pull_into", folder=folder, free=self._bytes(free_bytes))
        if choice.fit is not None and choice.fits:
            speed = number(choice.fit.tokens_per_s, language=self._language, digits=2)
            self._say("pull_fits", needed=self._bytes(choice.fit.needed_bytes), speed=speed)
        elif not choice.fits:
            self._say("pull_does_not_fit")
        if choice.model and not choice.model.commercial_use:
            self._say("not_commercial", licence=choice.model.licence)

    @contextmanager
    def progress(self, total_bytes: int, *, clock: Clock) -> Iterator[Callable[[int], None]]:
        """Tells of bytes that are here, with speed and time left."""
        if not self._as_json and self._console.is_terminal:
            columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
            with Progress(TextColumn("{task.percentage:>3.0f} %"), *columns, console=self._console) as bar:
                task = bar.add_task("", total=total_bytes)
                yield lambda here_bytes: bar.update(task, completed=here_bytes)
            return
        lines = _Lines(total_bytes, clock=clock)
        yield lambda here_bytes: self._tell_line(lines, here_bytes)

    def _tell_line(self, lines: _Lines, here_bytes: int) -> None:
        if not lines.is_due(here_bytes):
            return
        bytes_per_s, left_s = lines.pace(here_bytes)
        if self._as_json:
            self._line(
                event="progress",
                here_bytes=here_bytes,
                total_bytes=lines.total_bytes,
                bytes_per_s=bytes_per_s,
                left_s=left_s,
            )
            return
        self._say(
            "pull_progress",
            here=self._bytes(here_bytes),
            total=self._bytes(lines.total_bytes),
            speed=quantity(bytes_per_s, "B/s", language=self._language),
            left=number(left_s, language=self._language, digits=2),
        )

    def fetched(self, fetched: Fetched) -> None:
        """A file is here."""
        if self._as_json:
            self._line(
                event="file",
                path=str(fetched.path),
                size_bytes=fetched.size_bytes,
                sha256=fetched.sha256,
                kept_bytes=fetched.kept_bytes,
                mended_bytes=fetched.mended_bytes,
                n_attempts=fetched.n_attempts,
                checked=fetched.checked,
            )
            return
        if fetched.n_attempts > 1:
            self._say("pull_again")
        if fetched.kept_bytes == fetched.size_bytes and not fetched.checked:
            self._say("pull_was_here", path=fetched.path)
        else:
            key = "pull_checked" if fetched.checked else "pull_unchecked"
            self._say(key, path=fetched.path, sha256=fetched.sha256)

    def stopped(self) -> None:
        """Ctrl-C: nothing is lost."""
        if not self._as_json:
            self._say("pull_stopped")

    def end(self, choice: Choice, *, folder: Path) -> None:
        """How it is called now."""
        from galerne.cli.installed import installed

        first = folder / choice.files[0].name
        found = installed(self._settings).files
        model_id = next((file.model_id for file in found if first in file.pieces), first.stem)
        if self._as_json:
            self._line(event="done", model_id=model_id, path=str(first))
        else:
            self._say("pull_done", model=model_id)

    def _bytes(self, n_bytes: float) -> str:
        return str(quantity(n_bytes, "B", language=self._language))

    def _say(self, key: str, **facts: Any) -> None:
        self._console.print(self._words[key].format(**facts), markup=False, soft_wrap=True)

    def _line(self, **facts: Any) -> None:
        print_json_line(facts)


class _Lines:
    """When a line of progress is due, and what it says."""

    def __init__(self, total_bytes: int, *, clock: Clock) -> None:
        self.total_bytes = total_bytes
        self._clock = clock
        self._began_s = self._told_s = clock.monotonic_s()
        self._began_bytes: int | None = None

    def is_due(self, here_bytes: int) -> bool:
        """At the end, and every few seconds before."""
        if self._began_bytes is None:
            self._began_bytes = here_bytes
        now_s = self._clock.monotonic_s()
        if here_bytes < self.total_bytes and now_s - self._told_s < LINE_EVERY_S:
            return False
        self._told_s = now_s
        return True

    def pace(self, here_bytes: int) -> tuple[float, float]:
        """Bytes per second so far, and seconds left at that pace."""
        elapsed_s = self._clock.monotonic_s() - self._began_s
        came_bytes = here_bytes - (self._began_bytes or 0)
        bytes_per_s = came_bytes / elapsed_s if elapsed_s > 0 else 0.0
        left_s = (self.total_bytes - here_bytes) / bytes_per_s if bytes_per_s else 0.0
        return bytes_per_s, left_s
