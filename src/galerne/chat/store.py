"""Conversations on disk: a tree of messages each, with the receipt of every answer.

Private and erasable, apart from the ledger, which keeps no text.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from galerne.clock import Clock
from galerne.errors import UnknownConversation
from galerne.storage import open_store, reading, writing

metadata = sa.MetaData()

_conversations = sa.Table(
    "conversation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False, index=True),
)
_messages = sa.Table(
    "message",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column(
        "conversation_id", sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("parent_id", sa.Text, nullable=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("model_id", sa.Text, nullable=True),
    sa.Column("problem_code", sa.Text, nullable=True),
    sa.Column("receipt_id", sa.Text, nullable=True),
    sa.Column("receipt", sa.JSON, nullable=True),
    sa.Column("created_at", sa.Float, nullable=False),
)

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
class Conversation:
    """One line of the history."""

    id: str
    title: str
    created_at: float
    changed_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatMessage:
    """One message of a conversation.

    Attributes:
        parent_id: the message it answers; ``None`` for the first.
        problem_code: why it failed.
        receipt: what the answer cost, as last known.
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


class ConversationStore:
    """Reads and writes conversations. Every method is one short transaction.

    Args:
        engine: an opened database; SQLite and PostgreSQL behave alike.
        clock: dates the messages.
        new_id: makes an id that nobody guesses.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(12),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._new_id = new_id

    def conversations(self, *, limit: int = 200) -> list[Conversation]:
        """The history, the latest first."""
        query = sa.select(_conversations).order_by(_conversations.c.changed_at.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [Conversation(**row._mapping) for row in connection.execute(query)]

    def conversation(self, conversation_id: str) -> Conversation:
        """One conversation by its id.

        Raises:
            UnknownConversation: there is none.
        """
        query = sa.select(_conversations).where(_conversations.c.id == conversation_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownConversation(conversation_id=conversation_id)
        return Conversation(**row._mapping)

    def thread(self, conversation_id: str) -> list[ChatMessage]:
        """The messages from the first to the newest, along the newest branch."""
        self.conversation(conversation_id)
        query = (
            sa.select(_messages)
            .where(_messages.c.conversation_id == conversation_id)
            .order_by(_messages.c.position)
        )
        with reading(self._engine) as connection:
            found = [_message(row) for row in connection.execute(query)]
        by_id = {message.id: message for message in found}
        branch: list[ChatMessage] = []
        at: ChatMessage | None = found[-1] if found else None
        while at is not None:
            branch.append(at)
            at = by_id.get(at.parent_id or "")
        return branch[::-1]

    def message(self, message_id: str) -> ChatMessage:
        """One message by its id.

        Raises:
            UnknownConversation: there is none.
        """
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(_messages).where(_messages.c.id == message_id)).first()
        if row is None:
            raise UnknownConversation(conversation_id=message_id)
        return _message(row)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def begin(
        self, question: str, *, conversation_id: str | None, model_id: str | None
    ) -> tuple[ChatMessage, ChatMessage]:
        """Write a question and the answer to come, in a new conversation if none is named.

        Raises:
            UnknownConversation: the conversation named is not there.
        """
        at = self._clock.now_at()
        thread = self.thread(conversation_id) if conversation_id else []
        home = conversation_id or self._new_id()
        common = {"conversation_id": home, "problem_code": None, "receipt_id": None, "created_at": at}
        asked = common | {
            "id": self._new_id(),
            "parent_id": thread[-1].id if thread else None,
            "role": "user",
            "content": question,
            "status": MessageStatus.DONE,
            "model_id": None,
        }
        answer = common | {
            "id": self._new_id(),
            "parent_id": asked["id"],
            "role": "assistant",
            "content": "",
            "status": MessageStatus.WRITING,
            "model_id": model_id,
        }
        with writing(self._engine) as connection:
            if conversation_id is None:
                row = {"id": home, "title": title_of(question), "created_at": at, "changed_at": at}
                connection.execute(sa.insert(_conversations).values(**row))
            else:
                self._touch(connection, home, at=at)
            connection.execute(sa.insert(_messages), [asked | {"receipt": sa.null()}])
            connection.execute(sa.insert(_messages), [answer | {"receipt": sa.null()}])
        return self.message(str(asked["id"])), self.message(str(answer["id"]))

    def save_answer(
        self,
        message_id: str,
        *,
        content: str,
        status: MessageStatus,
        model_id: str | None = None,
        problem_code: str | None = None,
        receipt_id: str | None = None,
        receipt: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what an answer is by now; what is not given stays as it was."""
        known = {
            "model_id": model_id,
            "problem_code": problem_code,
            "receipt_id": receipt["id"] if receipt else receipt_id,
            "receipt": dict(receipt) if receipt else None,
        }
        values = {"content": content, "status": status, **{k: v for k, v in known.items() if v is not None}}
        with writing(self._engine) as connection:
            connection.execute(sa.update(_messages).where(_messages.c.id == message_id).values(**values))

    def save_receipt(self, message_id: str, *, receipt: Mapping[str, Any]) -> None:
        """Write a later revision of the receipt."""
        statement = sa.update(_messages).where(_messages.c.id == message_id)
        with writing(self._engine) as connection:
            connection.execute(statement.values(receipt=dict(receipt), receipt_id=receipt["id"]))

    def rename(self, conversation_id: str, *, title: str) -> None:
        """Give a conversation another title."""
        self.conversation(conversation_id)
        statement = sa.update(_conversations).where(_conversations.c.id == conversation_id)
        with writing(self._engine) as connection:
            connection.execute(statement.values(title=title_of(title)))

    def erase(self, conversation_id: str) -> None:
        """Delete a conversation for good: its text leaves the file too."""
        self.conversation(conversation_id)
        sqlite = self._engine.dialect.name == "sqlite"
        with writing(self._engine) as connection:
            if sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.execute(sa.delete(_messages).where(_messages.c.conversation_id == conversation_id))
            connection.execute(sa.delete(_conversations).where(_conversations.c.id == conversation_id))
        if sqlite:
            self._fold_log()

    def close_interrupted(self) -> int:
        """Mark answers that a stopped daemon left half-written; return how many."""
        statement = sa.update(_messages).where(_messages.c.status == MessageStatus.WRITING)
        with writing(self._engine) as connection:
            result = connection.execute(
                statement.values(status=MessageStatus.FAILED, problem_code="interrupted")
            )
        return int(result.rowcount)

    def _touch(self, connection: sa.Connection, conversation_id: str, *, at: float) -> None:
        statement = sa.update(_conversations).where(_conversations.c.id == conversation_id)
        connection.execute(statement.values(changed_at=at))

    def _fold_log(self) -> None:
        # The write-ahead log would keep the erased text until its next checkpoint.
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()


def open_conversations(url: str, *, clock: Clock) -> ConversationStore:
    """Open the chat store; what an earlier daemon left half-written is marked interrupted.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://…``.
        clock: dates the messages.

    Raises:
        StoreUnreachable: the database does not open.
    """
    store = ConversationStore(open_store(url, migrations="galerne.chat.migrations"), clock=clock)
    store.close_interrupted()
    return store


def title_of(text: str) -> str:
    """The first words of a text, as a title."""
    line = " ".join(text.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    return line[:_TITLE_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"


def _message(row: sa.Row[Any]) -> ChatMessage:
    facts = dict(row._mapping)
    facts.pop("position")
    facts["status"] = MessageStatus(facts["status"])
    return ChatMessage(**facts)
