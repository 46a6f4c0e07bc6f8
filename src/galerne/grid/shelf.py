"""The last reading on disk, so that a restart or a day without a network does not begin from nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from galerne.grid.json_answer import number_of
from galerne.grid.reading import MOST_G_PER_KWH, GridReading

MOST_BYTES = 65536


class Shelf:
    """Keeps one small document per name in a folder; whatever cannot be read there counts as absent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, document: Any) -> None:
        """Keep a document; a disk that is full only costs the memory of it."""
        path = self._folder / f"{name}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(document), encoding="utf-8")
            fresh.replace(path)
        except OSError:
            return

    def get(self, name: str) -> Any:
        """The document of that name; None where there is none that can be read."""
        path = self._folder / f"{name}.json"
        try:
            if path.stat().st_size > MOST_BYTES:
                return None
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None

    def put_reading(self, name: str, reading: GridReading) -> None:
        """Keep a reading."""
        self.put(name, dataclasses.asdict(reading))

    def reading(self, name: str, *, zone: str) -> GridReading | None:
        """The reading of that name, if it is one of this zone."""
        document = self.get(name)
        try:
            direct = document["direct_g_per_kwh"]
            reading = GridReading(
                zone=str(document["zone"]),
                as_of_at=number_of(document["as_of_at"]),
                g_per_kwh=number_of(document["g_per_kwh"]),
                direct_g_per_kwh=None if direct is None else number_of(direct),
                source=str(document["source"]),
            )
        except (KeyError, TypeError, ValueError):
            return None
        return reading if reading.zone == zone and 0 <= reading.g_per_kwh <= MOST_G_PER_KWH else None
