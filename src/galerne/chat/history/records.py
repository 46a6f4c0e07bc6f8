"""What the chat store holds: conversations, messages and how they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from galerne.chat.documents.records import Citation
from galerne.chat.history.tree import Place
from galerne.chat.tools.records import ToolUse

LONGEST_INSTRUCTIONS = 20_000
HOTTEST = 2.0
MOST_NEW_TOKENS = 131_072
_TITLE_CHARACTERS = 60


class MessageStatus(StrEnum):
    """How far a message has come."""

    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"
    CUT = "cut"
    """The answer reached the longest length allowed."""
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How a conversation is answered; ``None`` leaves it to the model.

    Attributes:
        instructions: the system prompt; empty for none.
        tools: names of the tools the model may call; ``None`` for those that ask nobody.
    """

    instructions: str = ""
    temperature: float | None = None
    max_new_tokens: int | None = None
    tools: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """One line of the history.

    Attributes:
        leaf_id: the last message of the branch that is shown; ``None`` for the newest.
        owner: whose it is; ``None`` where one person has it all.
        project_id: to which project it belongs.
        allowed_tools: tools a person has agreed to for the whole conversation.
        assistant_id: the assistant that answers in it.
    """

    id: str
    title: str
    created_at: float
    changed_at: float
    pinned: bool = False
    leaf_id: str | None = None
    manner: Manner = field(default_factory=Manner)
    owner: str | None = None
    project_id: str | None = None
    allowed_tools: tuple[str, ...] = ()
    assistant_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatMessage:
    """One message of a conversation.

    Attributes:
        parent_id: the message it answers; ``None`` for the first.
        problem_code: why it failed.
        receipt: what the answer cost, as last known.
        past_receipts: of the parts before it was continued, or before a tool replied.
        rendered: its blocks as HTML, by the renderer named in ``rendered_by``.
        citations: the passages it was given; ``[1]`` in it is the first.
        quoted: it is made of those passages, word for word; no model wrote it.
        opens_at: when the limit that refused it opens again.
        beside_id: another model's answer to the same question, to be seen beside it until one is kept.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: str
    content: str
    status: MessageStatus
    model_id: str | None
    problem_code: str | None
    receipt_id: str | None
    receipt: Mapping[str, Any] | None
    created_at: float
    past_receipts: tuple[Mapping[str, Any], ...] = ()
    rendered: tuple[str, ...] = ()
    rendered_by: str | None = None
    citations: tuple[Citation, ...] = ()
    quoted: bool = False
    tool_uses: tuple[ToolUse, ...] = ()
    beside_id: str | None = None
    opens_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadPage:
    """Some neighbouring messages of the branch that is shown.

    Attributes:
        places: of each message among its siblings, by id.
        earlier_id: before which the earlier ones are; ``None`` at the beginning.
        more_follow: the branch goes on after them.
        beside: the answer to be seen beside the last one, while neither is kept.
    """

    messages: tuple[ChatMessage, ...]
    places: Mapping[str, Place]
    earlier_id: str | None
    more_follow: bool = False
    beside: ChatMessage | None = None


def title_of(text: str) -> str:
    """The first words of a text, as a title."""
    line = " ".join(text.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    return line[:_TITLE_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"
