"""What a conversation stands on, in a file: its documents and its project, out and in.

Bytes that come in are a stranger's: they are read again in the limited process, and named anew.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from galerne.chat.archive.conversations import Thread, entries_of
from galerne.chat.documents.limits import LARGEST_DOCUMENT_BYTES
from galerne.chat.history.conversations import ConversationStore
from galerne.chat.history.records import ChatMessage, Conversation
from galerne.errors import InvalidRequest

_MOST_DOCUMENTS = 500
_LONGEST_INSTRUCTIONS = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Papers:
    """What the file says of one conversation.

    Attributes:
        project: name and instructions; ``None`` for no project.
        documents: id in the file, name and bytes of each.
        places: at which message of the conversation each was attached, by id; from 0.
    """

    project: tuple[str, str] | None
    documents: tuple[tuple[str, str, bytes], ...]
    places: Mapping[str, int] = field(default_factory=dict)


def papers_written(store: ConversationStore, conversation: Conversation) -> dict[str, Any]:
    """The documents and the project of a conversation, for its entry in a file."""
    found = store.documents.of(
        conversation_id=conversation.id,
        project_id=conversation.project_id,
        assistant_id=conversation.assistant_id,
    )
    places = {message.id: n for n, message in enumerate(store.messages(conversation.id))}
    written: dict[str, Any] = {
        "documents": [
            {
                "id": document.id,
                "name": document.name,
                "message": places.get(document.message_id or ""),
                "content": base64.b64encode(store.documents.content(document.id)).decode("ascii"),
            }
            for document in found
        ]
    }
    if conversation.project_id is not None:
        project = store.projects.project(conversation.project_id)
        written["project"] = {"name": project.name, "instructions": project.instructions}
    return written


def read_papers(content: bytes) -> list[Papers]:
    """What each conversation of a file stands on, in the order of ``read_archive``.

    Raises:
        InvalidRequest: it is not what ``papers_written`` writes.
    """
    return [_papers(entry, path=f"conversations[{n}]") for n, entry in enumerate(entries_of(content))]


def with_papers(thread: Thread, *, project_id: str | None, ids: Mapping[str, str]) -> Thread:
    """A thread of a project, citing documents by their new ids; what is lost is cited as gone."""
    conversation, messages = thread
    moved = dataclasses.replace(conversation, project_id=project_id)
    return moved, [_cited_anew(message, ids) for message in messages]


def _cited_anew(message: ChatMessage, ids: Mapping[str, str]) -> ChatMessage:
    citations = (
        dataclasses.replace(citation, document_id=ids.get(citation.document_id, ""))
        for citation in message.citations
    )
    return dataclasses.replace(message, citations=tuple(citations))


def _papers(entry: Any, *, path: str) -> Papers:
    facts: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
    raw = facts.get("documents")
    documents: Sequence[Any] = raw if isinstance(raw, list) else ()
    if len(documents) > _MOST_DOCUMENTS:
        raise InvalidRequest(path=f"{path}.documents", problem=f"more than {_MOST_DOCUMENTS}")
    project = facts.get("project")
    named: tuple[str, str] | None = None
    if isinstance(project, dict) and isinstance(project.get("name"), str):
        named = project["name"], str(project.get("instructions", ""))[:_LONGEST_INSTRUCTIONS]
    read = (_document(one, path=f"{path}.documents[{n}]") for n, one in enumerate(documents))
    said = ((one["id"], one.get("message")) for one in documents if isinstance(one, dict) and "id" in one)
    places = {key: n for key, n in said if isinstance(key, str) and type(n) is int and n >= 0}
    return Papers(project=named, documents=tuple(read), places=places)


def _document(raw: Any, *, path: str) -> tuple[str, str, bytes]:
    try:
        content = base64.b64decode(raw["content"], validate=True)
        document_id, name = raw["id"], raw["name"]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(path=path, problem="not a document of Galerne") from error
    if not isinstance(document_id, str) or not isinstance(name, str) or len(content) > LARGEST_DOCUMENT_BYTES:
        raise InvalidRequest(path=path, problem="not a document of Galerne")
    return document_id, name, content
