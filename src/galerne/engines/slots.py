"""The places in which an engine generates answers at once, and the line before them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator


class Slots:
    """Waits here, not in the server: its connections are few and its waiting is not told."""

    def __init__(self, n_slots: int) -> None:
        self.n_slots = n_slots
        self.n_active = 0
        self.n_waiting = 0
        self._free = asyncio.Semaphore(n_slots)

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncGenerator[None, None]:
        """Hold one place; waits until there is one."""
        self.n_waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.n_waiting -= 1
        self.n_active += 1
        try:
            yield
        finally:
            self.n_active -= 1
            self._free.release()
