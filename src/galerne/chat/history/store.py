"""The chat store: everybody's conversations on disk, lent to each person as theirs alone.

What reads or writes conversations is bound to an owner first, by ``of``: no function takes an id alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import sqlalchemy as sa

from galerne.chat.documents.store import forget_documents, is_draft
from galerne.chat.documents.tables import documents
from galerne.chat.history.conversations import ConversationStore
from galerne.chat.history.ownership import Owner, is_of
from galerne.chat.history.records import MessageStatus
from galerne.chat.history.tables import conversations, messages, metadata
from galerne.chat.people.passwords import Hashing
from galerne.chat.people.store import PeopleStore
from galerne.clock import Clock
from galerne.storage import open_store, reading, writing


class ChatStore:
    """Holds the database, lends it to owners, and keeps house in it.

    Args:
        engine: an opened database; SQLite and PostgreSQL behave alike.
        clock: dates the messages.
        new_id: makes an id that nobody guesses.
        searchable: whether its tables have the index over the words.
        hashing: how much work a guess at a password costs.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(12),
        searchable: bool = True,
        hashing: Hashing | None = None,
    ) -> None:
        self._hashing = hashing or Hashing()
        self._engine = engine
        self._clock = clock
        self._new_id = new_id
        self._searchable = searchable

    def of(self, owner: Owner) -> ConversationStore:
        """The conversations, projects and documents of one owner; ``None`` is the person of this machine."""
        return ConversationStore(
            self._engine,
            owner=owner,
            clock=self._clock,
            new_id=self._new_id,
            searchable=self._searchable,
        )

    @property
    def people(self) -> PeopleStore:
        """Who has an account."""
        return PeopleStore(self._engine, clock=self._clock, hashing=self._hashing)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def n_conversations(self, owner: Owner) -> int:
        """How many conversations an owner has."""
        mine = is_of(conversations.c.owner, owner)
        query = sa.select(sa.func.count()).select_from(conversations).where(mine)
        with reading(self._engine) as connection:
            return int(connection.scalar(query) or 0)

    def hand_over(self, owner: Owner, *, to: Owner) -> None:
        """Give all that one owner has to another: what was there before accounts, to who has one."""
        with writing(self._engine) as connection:
            for table in _owned():
                statement = sa.update(table).where(is_of(table.c.owner, owner))
                connection.execute(statement.values(owner=to))

    def erase_all(self, owner: Owner) -> None:
        """Erase all that an owner has, for good: conversations, projects and documents."""
        mine = self.of(owner)
        mine.erase_every()
        for project in mine.projects.all():
            mine.projects.erase(project.id)
        with writing(self._engine) as connection:
            forget_documents(connection, is_of(documents.c.owner, owner))
            for table in _owned():
                connection.execute(sa.delete(table).where(is_of(table.c.owner, owner)))

    def close_interrupted(self) -> int:
        """Mark answers that a stopped daemon left half-written; return how many."""
        statement = sa.update(messages).where(messages.c.status == MessageStatus.WRITING)
        with writing(self._engine) as connection:
            result = connection.execute(
                statement.values(status=MessageStatus.FAILED, problem_code="interrupted")
            )
        return int(result.rowcount)

    def erase_untouched(self, *, for_s: float) -> None:
        """Erase what nobody has asked anything in for so long."""
        before = conversations.c.changed_at < self._clock.now_at() - for_s
        with writing(self._engine) as connection:
            old = sa.select(conversations.c.id).where(before)
            connection.execute(sa.delete(messages).where(messages.c.conversation_id.in_(old)))
            forget_documents(connection, documents.c.conversation_id.in_(old))
            connection.execute(sa.delete(conversations).where(before))

    def remove_drafts(self, *, for_s: float) -> None:
        """Remove what was attached and never sent, for so long."""
        old = documents.c.created_at < self._clock.now_at() - for_s
        with writing(self._engine) as connection:
            forget_documents(connection, sa.and_(old, is_draft()))


def _owned() -> list[sa.Table]:
    """Tables whose rows are somebody's."""
    return [table for table in metadata.sorted_tables if "owner" in table.c]


def open_conversations(url: str, *, clock: Clock, hashing: Hashing | None = None) -> ChatStore:
    """Open the chat store; what an earlier daemon left half-written is marked interrupted.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://…``.
        clock: dates the messages.
        hashing: how much work a guess at a password costs.

    Raises:
        StoreUnreachable: the database does not open.
    """
    store = open_chat(url, clock=clock, hashing=hashing)
    store.close_interrupted()
    return store


def open_chat(url: str, *, clock: Clock, hashing: Hashing | None = None) -> ChatStore:
    """Open the chat store beside a daemon that may be writing in it.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://…``.
        clock: dates the messages.
        hashing: how much work a guess at a password costs.

    Raises:
        StoreUnreachable: the database does not open.
    """
    engine = open_store(url, migrations="galerne.chat.migrations")
    return ChatStore(engine, clock=clock, hashing=hashing)
