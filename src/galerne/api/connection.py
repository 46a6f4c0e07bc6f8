"""Work that lasts only as long as somebody listens."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")

CLIENT_LEFT = 499
"""Status in the log of a request whose client did not wait; nobody reads it."""


async def while_connected(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """Do the work; cancel it at once if the client leaves.

    Args:
        work: must release what it holds when cancelled.
        receive: the connection, its body already read.

    Raises:
        ClientDisconnect: the client left first; the work has been cancelled and has ended.
    """
    worker = asyncio.ensure_future(work)
    listener = asyncio.ensure_future(_departure(receive))
    try:
        await asyncio.wait((worker, listener), return_when=asyncio.FIRST_COMPLETED)
        if worker.done():
            return worker.result()
        raise ClientDisconnect
    finally:
        worker.cancel()
        listener.cancel()
        await asyncio.gather(worker, listener, return_exceptions=True)


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
