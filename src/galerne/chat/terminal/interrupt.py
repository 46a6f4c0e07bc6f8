"""Ctrl-C as "enough of this", not as "out of here"."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any


async def until_interrupted(work: Coroutine[Any, Any, None]) -> bool:
    """Run ``work`` until it ends or Ctrl-C stops it; tell whether it came to its end."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    # Some places have no such signals (another thread, Windows); there Ctrl-C ends the program as usual.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        return False
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGINT)
    return True
