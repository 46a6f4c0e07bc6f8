"""The electricity now: a reading fetched in the background, or the packaged figures where there is none.

Nobody who asks for the signal waits for a network. A source is asked in a thread of its own, every quarter
of an hour; after a failure again a minute later, then less and less often.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from galerne.clock import Clock
from galerne.errors import NoSignal
from galerne.grid.reading import GridReading, GridSource
from galerne.grid.shelf import Shelf

EVERY_S = 900.0
RETRY_S = 60.0


class LiveGrid:
    """Keeps the newest reading of one zone.

    Args:
        source: asked in the background, between ``__enter__`` and ``__exit__``.
        zone: id of the zone.
        clock: time.
        shelf: where the last reading is kept between lives.

    Raises:
        NoSignal: the source does not know the zone.
    """

    def __init__(self, source: GridSource, *, zone: str, clock: Clock, shelf: Shelf) -> None:
        if not source.serves(zone):
            raise NoSignal(zone=zone, what="live signal", why=f"{source.name} does not serve this zone")
        self._source = source
        self._zone = zone
        self._clock = clock
        self._shelf = shelf
        self._name = f"{source.name}-{zone}"
        self._reading = shelf.reading(self._name, zone=zone)
        self._problem = ""
        self._refresher = Refresher(self.refresh, name=f"galerne-grid-{self._name}")

    def __enter__(self) -> Self:
        """Begin to ask."""
        self._refresher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop asking."""
        self._refresher.stop()

    @property
    def source(self) -> str:
        """Name of the source that is asked."""
        return self._source.name

    @property
    def problem(self) -> str:
        """Why the last request failed; empty when it did not."""
        return self._problem

    def reading(self) -> GridReading | None:
        """The newest reading if it still stands for now."""
        reading, now_at = self._reading, self._clock.now_at()
        if reading is None or not -self._source.fresh_s <= now_at - reading.as_of_at <= self._source.fresh_s:
            return None
        return reading

    def refresh(self) -> bool:
        """Ask the source now; returns whether it answered."""
        try:
            reading = self._source.read(self._zone, at=self._clock.now_at())
        except NoSignal as error:
            self._problem = error.why or str(error)
            return False
        self._reading, self._problem = reading, ""
        self._shelf.put_reading(self._name, reading)
        return True


class Refresher:
    """Calls a function every quarter of an hour in a thread, and more often again after a failure."""

    def __init__(self, refresh: Callable[[], bool], *, name: str) -> None:
        self._refresh = refresh
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with a first call at once."""
        self._thread.start()

    def stop(self) -> None:
        """End; a request that is under way is not waited for."""
        self._stopping.set()

    def _run(self) -> None:
        retry_s = RETRY_S
        while not self._stopping.is_set():
            if self._refresh():
                wait_s, retry_s = EVERY_S, RETRY_S
            else:
                wait_s, retry_s = retry_s, min(2 * retry_s, EVERY_S)
            self._stopping.wait(wait_s)
