"""Which assistant a question is for: the one it begins with (``@name``), or the one its form names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from galerne.chat.assistants import Assistant, manner_for, mentioned
from galerne.chat.client.api import ApiClient
from galerne.chat.history.conversations import ConversationStore
from galerne.chat.history.records import Conversation, Manner
from galerne.chat.history.temporary import is_temporary
from galerne.chat.web.parts import Web


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A question, and who is to answer it.

    Attributes:
        question: without the ``@name`` it began with.
        model: ``None`` for the first of the server.
        assistant: that a conversation has from this question on; ``None`` to leave it as it is.
        is_named: the question itself named it.
    """

    question: str
    model: str | None
    assistant: Assistant | None = None
    is_named: bool = False

    @property
    def named_assistant(self) -> dict[str, Any] | None:
        """The assistant that the question named, for who shows the reply."""
        return named(self.assistant) if self.assistant and self.is_named else None


async def choose(web: Web, form: Mapping[str, str], *, conversation_id: str | None) -> Choice:
    """Who is to answer a question; a conversation that exists is given the assistant that it names.

    A temporary conversation has none: an assistant and its documents are kept, and it is not.

    Raises:
        UnknownAssistant: the form names one that is not there.
    """
    question, model = form.get("question", "").strip(), form.get("model") or None
    if is_temporary(conversation_id or "") or (conversation_id is None and form.get("temporary")):
        return Choice(question=question, model=model)
    store = web.stores.kept.assistants
    if question.startswith("@"):
        found = mentioned(question, await asyncio.to_thread(store.all))
        if found is not None:
            assistant, question = found
            if conversation_id is not None:
                await asyncio.to_thread(store.give, conversation_id, assistant_id=assistant.id)
            model = await _served(web.client, assistant) or model
            return Choice(question=question, model=model, assistant=assistant, is_named=True)
    if conversation_id is None and (assistant_id := form.get("assistant")):
        assistant = await asyncio.to_thread(store.assistant, assistant_id)
        return Choice(
            question=question, model=model or await _served(web.client, assistant), assistant=assistant
        )
    return Choice(question=question, model=model)


def combined_manner(store: ConversationStore, conversation: Conversation) -> Manner:
    """How a conversation is answered, with what its project and its assistant say."""
    shared, profile = "", None
    if conversation.project_id is not None:
        shared = store.projects.project(conversation.project_id).instructions
    if conversation.assistant_id is not None:
        profile = store.assistants.assistant(conversation.assistant_id).profile
    return manner_for(conversation.manner, assistant=profile, shared=shared)


def named(assistant: Assistant) -> dict[str, Any]:
    """What a list of assistants says of one, as JSON."""
    profile = assistant.profile
    return {
        "id": assistant.id,
        "name": profile.name,
        "purpose": profile.purpose,
        "model": profile.model_id,
    }


async def _served(client: ApiClient, assistant: Assistant) -> str | None:
    """The assistant's model, if it is on this machine."""
    wanted = assistant.profile.model_id
    if wanted is None or wanted not in {entry["id"] for entry in await client.models()}:
        return None
    return wanted
