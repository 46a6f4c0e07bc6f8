"""One thread writes the ledger; whoever comes while it writes shares the next transaction."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from galerne.errors import StoreUnreachable
from galerne.ledger.events import Events
from galerne.ledger.store import DEFAULT_WRITER, Ledger

T = TypeVar("T")
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Item:
    events: Events
    future: Future[Any]
    result: Any

    def succeed(self) -> None:
        if not self.future.done():
            self.future.set_result(self.result)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class LedgerWriter:
    """Group commit: a disk flush serves all who wait for it.

    Events that the database could not take are kept, in order, and tried again: their promise fails with
    ``StoreUnreachable``, so that nobody takes them for durable, but nothing is lost when it is back. Writing
    an event twice changes nothing.
    """

    def __init__(self, ledger: Ledger, *, writer_id: str = DEFAULT_WRITER) -> None:
        self._ledger = ledger
        self._writer_id = writer_id
        self._items: list[_Item] = []
        self._kept: list[_Item] = []
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def submit(self, events: Events, result: T) -> Future[T]:
        """Write events; the future gives ``result`` once they are durable."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # a client that leaves does not undo what is being written
        with self._wake:
            if self._closing:
                raise ValueError("the ledger writer is closed")
            self._items.append(_Item(events, future, result))
            self._wake.notify()
        return future

    def close(self) -> None:
        """Write what is left and stop.

        Raises:
            StoreUnreachable: something could not be written.
        """
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        if self._kept:
            raise StoreUnreachable(store="ledger", problem="the last events could not be written")

    def _run(self) -> None:
        closing = False
        while not closing:
            with self._wake:
                if not self._items and not self._closing:
                    self._wake.wait(_RETRY_S if self._kept else None)
                items, self._items = [*self._kept, *self._items], []
                closing = self._closing
            self._kept = []
            if items:
                self._write(items)

    def _write(self, items: list[_Item]) -> None:
        try:
            self._ledger.append(Events.joined(item.events for item in items), writer_id=self._writer_id)
        except StoreUnreachable as error:
            self._kept += items
            for item in items:
                item.fail(error)
        except Exception as error:  # noqa: BLE001  # whoever waits is told; the thread must live
            if len(items) == 1:
                items[0].fail(error)
                return
            for item in items:  # one is at fault: the others are not refused for it
                self._write([item])
        else:
            for item in items:
                item.succeed()
