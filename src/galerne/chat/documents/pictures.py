"""Images that a person shows: kept like documents, without passages, and given to models that see.

Their bytes stay as they came: nothing here unpacks a picture. A browser gets them with the kind that their
first bytes say, and with a policy under which they can run nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from galerne.chat.documents.records import Document, DocumentKind, Reading
from galerne.chat.documents.store import DocumentStore
from galerne.images import read_image

MOST_SHOWN_BYTES = 11 * 2**20
"""Of all images of a conversation together, the latest first: a request to the API has 16 MiB, in base64."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What a question shows: addresses that hold images, and names of those too many to be shown again."""

    urls: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def read_picture(content: bytes, *, name: str) -> Reading:
    """What is in an image, for the store: its kind and no text.

    Raises:
        ImageRefused: it is none that is taken.
    """
    image = read_image(content, path=name)
    return Reading(kind=DocumentKind(image.media_type.removeprefix("image/")), pieces=())


def media_type(document: Document) -> str:
    """What a browser is told that an image is."""
    return f"image/{document.kind.value}"


def with_text(documents: Iterable[Document]) -> list[Document]:
    """Those of them that can be read and cited."""
    return [document for document in documents if not document.kind.is_image]


def shown_in(store: DocumentStore, conversation_id: str, message_ids: Sequence[str]) -> dict[str, Shown]:
    """What each of these messages shows, as far as it may be sent."""
    pictures: dict[str | None, list[Document]] = {}
    for document in store.of(conversation_id=conversation_id):
        if document.kind.is_image:
            pictures.setdefault(document.message_id, []).append(document)
    shown: dict[str, Shown] = {}
    left_bytes = MOST_SHOWN_BYTES
    for message_id in reversed(message_ids):
        urls, left_out = [], []
        for document in pictures.get(message_id, ()):
            if document.size_bytes > left_bytes:
                left_out.append(document.name)
                continue
            left_bytes -= document.size_bytes
            urls.append(read_image(store.content(document.id), path=document.name).data_url())
        if urls or left_out:
            shown[message_id] = Shown(urls=tuple(urls), left_out=tuple(left_out))
    return shown


def show_again(store: DocumentStore, *, conversation_id: str, old_id: str, new_id: str) -> None:
    """Let a question in other words show what the old one showed."""
    for document in store.of(conversation_id=conversation_id):
        if document.kind.is_image and document.message_id == old_id:
            content = store.content(document.id)
            home = {"conversation_id": conversation_id, "message_id": new_id}
            store.add(content, name=document.name, read=None, **home)
