"""A room for each person: stores, connection, answers under way and tools that are theirs alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from galerne.chat.client.api import ApiClient
from galerne.chat.documents.desk import DocumentDesk
from galerne.chat.history.ownership import Owner
from galerne.chat.history.store import ChatStore
from galerne.chat.history.temporary import Stores
from galerne.chat.tools.own import own_tools
from galerne.chat.tools.toolbox import Toolbox
from galerne.chat.web.answers import AnswerDesk
from galerne.chat.web.parts import Visitor, Web
from galerne.clock import SystemClock

_TEMPORARY_S = 3_600.0
_DRAFTS_S = 86_400.0
_LOOK_EVERY_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Room:
    client: ApiClient
    stores: Stores
    desk: AnswerDesk
    toolbox: Toolbox
    documents: DocumentDesk


class Rooms:
    """Makes rooms as people come, and keeps them while the daemon runs: answers go on when tabs close.

    Args:
        client: our API as the owner of the machine asks it, not yet entered.
        kept: conversations on disk.
        temporary: conversations in memory.
        toolbox: what models may call for the owner of the machine.
    """

    def __init__(
        self, client: ApiClient, *, kept: ChatStore, temporary: ChatStore, toolbox: Toolbox | None
    ) -> None:
        self._client = client
        self._kept = kept
        self._temporary = temporary
        self._toolbox = toolbox or Toolbox(own_tools(client, clock=SystemClock()))
        self._rooms: dict[Owner, _Room] = {}
        self._making = asyncio.Lock()

    async def of(self, visitor: Visitor) -> Web:
        """The parts behind a visitor's pages."""
        async with self._making:
            room = self._rooms.get(visitor.owner)
            if room is None:
                room = self._rooms[visitor.owner] = await self._make(visitor)
        return Web(
            visitor=visitor,
            client=room.client,
            stores=room.stores,
            desk=room.desk,
            toolbox=room.toolbox,
            documents=room.documents,
        )

    async def leave(self, owner: Owner) -> None:
        """Stop all that is under way for an owner."""
        room = self._rooms.pop(owner, None)
        if room is None:
            return
        await room.desk.close()
        await room.documents.close()
        if room.client is not self._client:
            await room.client.__aexit__(None, None, None)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The rooms, for as long as the block lasts."""
        async with self._client, self._toolbox:
            forgetting = asyncio.create_task(self._forget())
            try:
                yield
            finally:
                forgetting.cancel()
                await asyncio.gather(forgetting, return_exceptions=True)
                for owner in list(self._rooms):
                    await self.leave(owner)
                self._temporary.close()

    async def _make(self, visitor: Visitor) -> _Room:
        client, toolbox = self._client, self._toolbox
        if visitor.person is not None:
            client = self._client.on_behalf_of(visitor.person.name)
            await client.__aenter__()
            toolbox = toolbox.asking(own_tools(client, clock=SystemClock()))
        owner = visitor.owner
        stores = Stores(kept=self._kept.of(owner), temporary=self._temporary.of(owner))
        desk = AnswerDesk(client, stores, toolbox)
        documents = DocumentDesk(client)
        return _Room(client=client, stores=stores, desk=desk, toolbox=toolbox, documents=documents)

    async def _forget(self) -> None:
        """Erase what is not to stay: temporary conversations left alone, documents that were never sent."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await asyncio.to_thread(self._temporary.erase_untouched, for_s=_TEMPORARY_S)
            await asyncio.to_thread(self._temporary.remove_drafts, for_s=_TEMPORARY_S)
            await asyncio.to_thread(self._kept.remove_drafts, for_s=_DRAFTS_S)
