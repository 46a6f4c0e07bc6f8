"""The pages of a daemon and the conversations behind them: made at once, or when they are first asked for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from galerne.cli.foundation import Foundation
from galerne.storage import sqlite_url

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from galerne.chat.history.store import ChatStore
    from galerne.chat.web.guard import PageKeys


class Conversations:
    """The chat store, opened when it is first needed; whoever only asks the API never needs it."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._opening = threading.Lock()
        self._store: ChatStore | None = None

    def store(self) -> ChatStore:
        """The open store.

        Raises:
            StoreUnreachable: the database does not open.
        """
        from galerne.chat.history.store import open_conversations

        with self._opening:
            if self._store is None:
                url = sqlite_url(self._foundation.settings.chat_path)
                self._store = open_conversations(url, clock=self._foundation.clock)
            return self._store

    def have_people(self) -> bool:
        """Whether somebody has an account here; where nothing was ever kept, nobody has."""
        if self._store is None and not self._foundation.settings.chat_path.exists():
            return False
        return self.store().people.exist()

    def close(self) -> None:
        """Give the connections back."""
        if self._store is not None:
            self._store.close()


@contextlib.asynccontextmanager
async def open_pages(
    foundation: Foundation, conversations: Conversations, *, base_url: str, own_key: str, keys: PageKeys
) -> AsyncIterator[ASGIApp]:
    """The pages with their tools, for as long as the block lasts.

    Args:
        foundation: settings and facts.
        conversations: what the pages show and keep.
        base_url: where this daemon answers; the pages are a client of it.
        own_key: what they send.
        keys: who may come in.

    Raises:
        GalerneError: whatever does not open.
    """
    await asyncio.to_thread(load_pages)
    from galerne.chat.client.api import ApiClient
    from galerne.chat.tools.configuration import read_tool_file
    from galerne.chat.tools.mcp_servers import McpServer
    from galerne.chat.tools.own import own_tools
    from galerne.chat.tools.toolbox import Toolbox
    from galerne.chat.tools.web_page import web_page_tool
    from galerne.chat.web import create_web

    settings = foundation.settings
    client = ApiClient(base_url, key=own_key)
    # Our own tools, those of the servers in the data folder's file, and the web where we may go there.
    outside = () if settings.offline else (web_page_tool(),)
    servers = [McpServer(entry) for entry in read_tool_file(settings.tools_path)]
    toolbox = Toolbox((*own_tools(client, clock=foundation.clock), *outside), servers)
    web = create_web(client, store=conversations.store(), keys=keys, toolbox=toolbox)
    async with web.router.lifespan_context(web):
        yield web


def load_pages() -> None:
    """Import what the pages are made of: half a second, for a thread."""
    import galerne.chat.tools.mcp_servers
    import galerne.chat.tools.own
    import galerne.chat.tools.web_page
    import galerne.chat.web  # noqa: F401


@contextlib.asynccontextmanager
async def on_demand(
    open_application: Callable[[], AbstractAsyncContextManager[ASGIApp]],
) -> AsyncIterator[ASGIApp]:
    """An application that is opened at its first request, and closed with the block.

    It lives in a task of its own: what it opens is closed where it was opened.
    """
    asked, leaving = asyncio.Event(), asyncio.Event()
    opened: asyncio.Future[ASGIApp] = asyncio.get_running_loop().create_future()

    async def keep() -> None:
        await asked.wait()
        try:
            async with open_application() as application:
                opened.set_result(application)
                await leaving.wait()
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        application = await asyncio.shield(opened)
        await application(scope, receive, send)

    keeping = asyncio.create_task(keep(), name="galerne-pages")
    try:
        yield answer
    finally:
        leaving.set()
        if not asked.is_set():
            keeping.cancel()
        await asyncio.wait({keeping})
