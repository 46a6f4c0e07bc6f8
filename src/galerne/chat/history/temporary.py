"""Conversations that leave no trace: a store in memory, gone with the daemon."""

from __future__ import annotations

import secrets
from contextlib import nullcontext
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from galerne.chat.documents.tables import INDEX_SQLITE
from galerne.chat.history.conversations import ConversationStore
from galerne.chat.history.store import ChatStore
from galerne.chat.history.tables import metadata
from galerne.clock import Clock

_MARK = "temporary-"


def open_temporary(*, clock: Clock) -> ChatStore:
    """A store of the same manners that no disk sees; of its words, those of documents alone are indexed."""
    # Such a database lives in its one connection: the pool keeps it, and lends it to one thread at a time.
    engine = sa.create_engine(
        "sqlite://",
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )
    metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in INDEX_SQLITE:
            connection.exec_driver_sql(statement)
    engine = engine.execution_options(galerne_store="chat", galerne_turns=nullcontext())
    return ChatStore(engine, clock=clock, new_id=_new_id, searchable=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stores:
    """Where the conversations of one owner are: those that are kept and those that leave no trace."""

    kept: ConversationStore
    temporary: ConversationStore

    def of(self, record_id: str) -> ConversationStore:
        """The store of a conversation or message, by its id."""
        return self.temporary if is_temporary(record_id) else self.kept


def is_temporary(record_id: str) -> bool:
    """Whether a conversation or message is of such a store, by its id."""
    return record_id.startswith(_MARK)


def _new_id() -> str:
    return _MARK + secrets.token_urlsafe(12)
