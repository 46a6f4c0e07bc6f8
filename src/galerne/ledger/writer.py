"""One thread writes the ledger; whoever comes while it writes shares the next transaction."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from galerne.errors import GalerneError, StoreUnreachable
from galerne.ledger.store import Events, Ledger

T = TypeVar("T")
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Item:
    events: Events
    future: Future[Any]
    result: Any


class LedgerWriter:
    """Group commit: a disk flush serves all who wait for it.

    Events that could not be written are kept, in order, and tried again: their promise fails with
    ``StoreUnreachable`` so that nobody takes them for durable, but no energy is lost when the database is
    back. Writing an event twice changes nothing.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._items: list[_Item] = []
        self._backlog = Events()
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
        if self._backlog != Events():
            raise StoreUnreachable(store="ledger", problem="the last events could not be written")

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._items and not self._closing:
                    self._wake.wait(_RETRY_S if self._backlog != Events() else None)
                items, self._items = self._items, []
                closing = self._closing
            if items or self._backlog != Events():
                self._write(items)
            if closing and not items:
                return

    def _write(self, items: list[_Item]) -> None:
        together = self._backlog
        for item in items:
            together += item.events
        try:
            self._ledger.append(together)
        except StoreUnreachable as error:
            self._backlog = together
            _fail(items, error)
        except Exception as error:  # noqa: BLE001  # whoever waits is told; the thread must live
            self._backlog = Events()
            if len(items) > 1 and isinstance(error, GalerneError):
                for item in items:  # one is at fault: do not refuse the others for it
                    self._write([item])
            else:
                _fail(items, error)
        else:
            self._backlog = Events()
            for item in items:
                item.future.set_result(item.result)


def _fail(items: list[_Item], error: Exception) -> None:
    for item in items:
        item.future.set_exception(error)
