"""Takes documents in: read apart, split, kept; given vectors in the background where a model makes them."""

from __future__ import annotations

import asyncio

from galerne.chat.client.api import ApiClient
from galerne.chat.documents.grounding import embedder_of
from galerne.chat.documents.pictures import read_picture
from galerne.chat.documents.reader import DocumentReader
from galerne.chat.documents.records import Document
from galerne.chat.documents.split import split
from galerne.chat.documents.store import DocumentStore
from galerne.errors import GalerneError
from galerne.images import sniff

_TEXTS_AT_ONCE = 16


class DocumentDesk:
    """Where documents are handed in.

    Args:
        client: the API, entered.
        reader: reads files.
    """

    def __init__(self, client: ApiClient, reader: DocumentReader | None = None) -> None:
        self._client = client
        self._reader = reader or DocumentReader()
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(
        self,
        store: DocumentStore,
        content: bytes,
        *,
        name: str,
        project_id: str | None = None,
        assistant_id: str | None = None,
    ) -> Document:
        """Read a file and keep it, as a draft unless a project or an assistant is named.

        An image, which only a question can show, is kept unread.

        Raises:
            ChatError: the leaf says why it is not read.
            ImageRefused: it is an image that cannot be shown.
        """
        if project_id is None and assistant_id is None and sniff(content):
            picture = await asyncio.to_thread(read_picture, content, name=name)
            return await asyncio.to_thread(store.add, content, name=name, read=(picture, ()))
        read = None
        if not await asyncio.to_thread(store.knows, content):
            reading = await self._reader.read(content, name=name)
            read = (reading, await asyncio.to_thread(split, reading))
        home = {"project_id": project_id, "assistant_id": assistant_id}
        document = await asyncio.to_thread(store.add, content, name=name, read=read, **home)
        task = asyncio.create_task(self._make_vectors(store, document))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return document

    async def close(self) -> None:
        """Leave vectors that are not made yet; the next question does without them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _make_vectors(self, store: DocumentStore, document: Document) -> None:
        try:
            model_id = embedder_of(await self._client.models())
            while model_id is not None:
                waiting = await asyncio.to_thread(
                    store.unvectored, document.file_hash, model_id=model_id, limit=_TEXTS_AT_ONCE
                )
                if not waiting:
                    return
                made = await self._client.embed([text for _, text in waiting], model=model_id)
                positions = (position for position, _ in waiting)
                vectors = dict(zip(positions, made.vectors, strict=True))
                await asyncio.to_thread(store.save_vectors, vectors, model_id=model_id)
        except GalerneError:
            return  # found by words all the same; the list of documents says so
