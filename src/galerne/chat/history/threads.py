"""What one person reads of their conversations: lists, threads, pages of them, sums, what a search finds."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from galerne.chat.bill.amounts import Bill
from galerne.chat.bill.sums import sum_receipts
from galerne.chat.history.ownership import Owner, in_conversation_of, is_of
from galerne.chat.history.records import ChatMessage, Conversation, ThreadPage
from galerne.chat.history.search import SearchHit, find_conversations
from galerne.chat.history.tables import MESSAGE_COLUMNS, conversation_of, conversations, message_of, messages
from galerne.chat.history.tree import MessageTree
from galerne.clock import Clock
from galerne.errors import UnknownConversation
from galerne.storage import reading

PAGE_MESSAGES = 40
"""How many messages a page shows at first, and more at a time."""


class Threads:
    """Reads the conversations of one owner; those of anybody else are not there.

    Args:
        engine: an opened database; SQLite and PostgreSQL behave alike.
        owner: whose; ``None`` for the person of this machine.
        clock: dates the messages.
        new_id: makes an id that nobody guesses.
        searchable: whether its tables have the index over the words.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        owner: Owner,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(12),
        searchable: bool = True,
    ) -> None:
        self._engine = engine
        self._owner = owner
        self._clock = clock
        self._new_id = new_id
        self._searchable = searchable

    @property
    def owner(self) -> Owner:
        """Whose conversations these are."""
        return self._owner

    def now_at(self) -> float:
        """The moment, by the clock that dates the messages."""
        return self._clock.now_at()

    def conversations(
        self, *, limit: int = 200, project_id: str | None = None, assistant_id: str | None = None
    ) -> list[Conversation]:
        """The history, or that of a project or an assistant: what is pinned first, then the latest first."""
        order = (conversations.c.pinned.desc(), conversations.c.changed_at.desc())
        mine = is_of(conversations.c.owner, self._owner)
        query = sa.select(conversations).where(mine).order_by(*order).limit(limit)
        if project_id is not None:
            query = query.where(conversations.c.project_id == project_id)
        if assistant_id is not None:
            query = query.where(conversations.c.assistant_id == assistant_id)
        with reading(self._engine) as connection:
            return [conversation_of(row) for row in connection.execute(query)]

    def conversation(self, conversation_id: str) -> Conversation:
        """One conversation by its id.

        Raises:
            UnknownConversation: there is none.
        """
        query = sa.select(conversations).where(self._is_mine(conversation_id))
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownConversation(conversation_id=conversation_id)
        return conversation_of(row)

    def message(self, message_id: str) -> ChatMessage:
        """One message by its id.

        Raises:
            UnknownConversation: there is none.
        """
        found = self._read([message_id])
        if not found:
            raise UnknownConversation(conversation_id=message_id)
        return found[0]

    def thread(self, conversation_id: str) -> list[ChatMessage]:
        """The messages from the first to the last, along the branch that is shown."""
        conversation = self.conversation(conversation_id)
        return self._read(self._tree(conversation_id).path(conversation.leaf_id))

    def path(self, message_id: str) -> list[ChatMessage]:
        """The messages from the first to this one."""
        return self._read(self._tree(self.message(message_id).conversation_id).path(message_id))

    def page(
        self, conversation_id: str, *, before_id: str | None = None, limit: int = PAGE_MESSAGES
    ) -> ThreadPage:
        """The last messages of the branch that is shown, or those before one of them."""
        leaf_id = self.conversation(conversation_id).leaf_id
        return self._page(self._tree(conversation_id), leaf_id, before_id=before_id, limit=limit)

    def page_from(self, message_id: str) -> ThreadPage:
        """A message and all that follows it on the branch that is shown."""
        conversation_id = self.message(message_id).conversation_id
        leaf_id, tree = self.conversation(conversation_id).leaf_id, self._tree(conversation_id)
        path = tree.path(leaf_id)
        n_following = len(path) - path.index(message_id) if message_id in path else 0
        return self._page(tree, leaf_id, before_id=None, limit=n_following)

    def forks(self, conversation_id: str) -> list[list[tuple[ChatMessage, bool]]]:
        """Where the branch that is shown could have gone another way: each way, and whether it is shown."""
        leaf_id, tree = self.conversation(conversation_id).leaf_id, self._tree(conversation_id)
        path = tree.path(leaf_id)
        ways = [tree.siblings(message_id) for message_id in path if tree.place(message_id).of > 1]
        return [[(message, message.id in path) for message in self._read(ids)] for ids in ways]

    def messages(self, conversation_id: str) -> list[ChatMessage]:
        """Every message of every branch, the oldest first."""
        self.conversation(conversation_id)
        mine = self._of_mine()
        query = sa.select(*MESSAGE_COLUMNS).where(messages.c.conversation_id == conversation_id, mine)
        with reading(self._engine) as connection:
            return [message_of(row) for row in connection.execute(query.order_by(messages.c.position))]

    def bill(self, conversation_id: str) -> Bill:
        """What all answers of a conversation cost, those of other branches too."""
        with reading(self._engine) as connection:
            return sum_receipts(connection, conversation_id, owner=self._owner)

    def search(self, query: str, *, limit: int = 30, project_id: str | None = None) -> list[SearchHit]:
        """The conversations, of a project or all, that hold every word in one message or in the title."""
        with reading(self._engine) as connection:
            return find_conversations(
                connection,
                query,
                owner=self._owner,
                limit=limit,
                indexed=self._searchable,
                project_id=project_id,
            )

    def _page(
        self, tree: MessageTree, leaf_id: str | None, *, before_id: str | None, limit: int
    ) -> ThreadPage:
        path = tree.path(leaf_id)
        end = path.index(before_id) if before_id in path else len(path)
        start = max(0, end - limit)
        shown = path[start:end]
        read = self._read(shown)
        beside_id = read[-1].beside_id if read and end == len(path) else None
        return ThreadPage(
            messages=tuple(read),
            beside=next(iter(self._read([beside_id])), None) if beside_id else None,
            places={message_id: tree.place(message_id) for message_id in shown},
            earlier_id=path[start] if start else None,
            more_follow=end < len(path),
        )

    def _tree(self, conversation_id: str) -> MessageTree:
        query = (
            sa.select(messages.c.id, messages.c.parent_id)
            .where(messages.c.conversation_id == conversation_id, self._of_mine())
            .order_by(messages.c.position)
        )
        with reading(self._engine) as connection:
            return MessageTree((row.id, row.parent_id) for row in connection.execute(query))

    def _read(self, message_ids: Sequence[str]) -> list[ChatMessage]:
        by_id: dict[str, ChatMessage] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(message_ids), 500):
                these = messages.c.id.in_(message_ids[start : start + 500])
                query = sa.select(*MESSAGE_COLUMNS).where(these, self._of_mine())
                by_id |= {row.id: message_of(row) for row in connection.execute(query)}
        return [by_id[message_id] for message_id in message_ids if message_id in by_id]

    def _is_mine(self, conversation_id: str) -> sa.ColumnElement[bool]:
        """That a row of ``conversation`` is this one, and this owner's."""
        return sa.and_(conversations.c.id == conversation_id, is_of(conversations.c.owner, self._owner))

    def _of_mine(self) -> sa.ColumnElement[bool]:
        """That a row of ``message`` belongs to a conversation of this owner."""
        return in_conversation_of(self._owner, messages.c.conversation_id)
