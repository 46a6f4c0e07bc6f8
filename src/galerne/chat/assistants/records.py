"""What an assistant is, and how a conversation with one is answered."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from galerne.chat.history.records import Manner

LONGEST_NAME = 60
LONGEST_PURPOSE = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What a person says of an assistant, and what a file of one holds.

    Attributes:
        purpose: one line for people; the model does not see it.
        model_id: which model answers; ``None`` for the first of the server.
        manner: instructions, parameters and tools.
    """

    name: str
    purpose: str = ""
    model_id: str | None = None
    manner: Manner = field(default_factory=Manner)


@dataclass(frozen=True, kw_only=True, slots=True)
class Assistant:
    """An assistant that is kept.

    Attributes:
        owner: whose it is; ``None`` where one person has it all.
    """

    id: str
    profile: Profile
    created_at: float
    changed_at: float
    owner: str | None = None


def manner_for(conversation: Manner, *, assistant: Profile | None, shared: str = "") -> Manner:
    """How a conversation is answered.

    Instructions add up: the project's, the assistant's, the conversation's own. Of the parameters, the
    conversation's own win. The tools that the assistant states stand in place of the conversation's, so that
    taking one away from an assistant takes it away everywhere.

    Args:
        conversation: its own manner.
        assistant: the one it has.
        shared: instructions of its project.
    """
    theirs = assistant.manner if assistant else Manner()
    texts = (shared, theirs.instructions, conversation.instructions)
    own_heat, own_length = conversation.temperature, conversation.max_new_tokens
    return dataclasses.replace(
        conversation,
        instructions="\n\n".join(text for text in texts if text),
        temperature=theirs.temperature if own_heat is None else own_heat,
        max_new_tokens=theirs.max_new_tokens if own_length is None else own_length,
        tools=conversation.tools if theirs.tools is None else theirs.tools,
    )
