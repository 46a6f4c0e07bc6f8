"""Conversations on disk: a tree of messages each, with the receipt of every answer.

Private and erasable, apart from the ledger, which keeps no text.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from galerne.chat.bill import Bill, bill_of
from galerne.chat.bill_sum import sum_receipts
from galerne.chat.documents.records import Citation
from galerne.chat.documents.store import DocumentStore, fold_log, forget_documents
from galerne.chat.documents.tables import documents
from galerne.chat.projects import ProjectStore
from galerne.chat.records import ChatMessage, Conversation, Manner, MessageStatus, ThreadPage, title_of
from galerne.chat.search import SearchHit, find_conversations, fold
from galerne.chat.tables import (
    MESSAGE_COLUMNS,
    SUMS,
    conversation_of,
    conversation_row,
    conversations,
    message_of,
    message_row,
    messages,
)
from galerne.chat.tools.records import ToolUse
from galerne.chat.tree import MessageTree
from galerne.clock import Clock
from galerne.errors import UnknownConversation
from galerne.storage import open_store, reading, writing

PAGE_MESSAGES = 40
"""How many messages a page shows at first, and more at a time."""


class ConversationStore:
    """Reads and writes conversations. Every method is a few short transactions.

    Args:
        engine: an opened database; SQLite and PostgreSQL behave alike.
        clock: dates the messages.
        new_id: makes an id that nobody guesses.
        searchable: whether its tables have the index over the words.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_urlsafe(12),
        searchable: bool = True,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._new_id = new_id
        self._searchable = searchable

    @property
    def projects(self) -> ProjectStore:
        """The projects to which these conversations may belong."""
        return ProjectStore(self._engine, clock=self._clock, new_id=self._new_id)

    @property
    def documents(self) -> DocumentStore:
        """The documents that these conversations stand on."""
        return DocumentStore(self._engine, clock=self._clock, new_id=self._new_id)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def now_at(self) -> float:
        """The moment, by the clock that dates the messages."""
        return self._clock.now_at()

    # Reading

    def conversations(self, *, limit: int = 200, project_id: str | None = None) -> list[Conversation]:
        """The history, or that of a project: what is pinned first, then the latest first."""
        order = (conversations.c.pinned.desc(), conversations.c.changed_at.desc())
        query = sa.select(conversations).order_by(*order).limit(limit)
        if project_id is not None:
            query = query.where(conversations.c.project_id == project_id)
        with reading(self._engine) as connection:
            return [conversation_of(row) for row in connection.execute(query)]

    def conversation(self, conversation_id: str) -> Conversation:
        """One conversation by its id.

        Raises:
            UnknownConversation: there is none.
        """
        query = sa.select(conversations).where(conversations.c.id == conversation_id)
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

    def page_around(self, message_id: str, *, limit: int = PAGE_MESSAGES) -> ThreadPage:
        """The messages around one of them; its branch is shown from now on."""
        conversation_id = self.message(message_id).conversation_id
        tree, leaf_id = self._tree(conversation_id), self.conversation(conversation_id).leaf_id
        if message_id not in tree.path(leaf_id):
            self.show_branch(message_id)
            leaf_id = tree.newest_leaf(message_id)
        path = tree.path(leaf_id)
        end = path.index(message_id) + limit // 2
        before_id = path[end] if end < len(path) else None
        return self._page(tree, leaf_id, before_id=before_id, limit=limit)

    def page_from(self, message_id: str) -> ThreadPage:
        """A message and all that follows it on the branch that is shown."""
        conversation_id = self.message(message_id).conversation_id
        leaf_id, tree = self.conversation(conversation_id).leaf_id, self._tree(conversation_id)
        path = tree.path(leaf_id)
        n_following = len(path) - path.index(message_id) if message_id in path else 0
        return self._page(tree, leaf_id, before_id=None, limit=n_following)

    def messages(self, conversation_id: str) -> list[ChatMessage]:
        """Every message of every branch, the oldest first."""
        self.conversation(conversation_id)
        query = sa.select(*MESSAGE_COLUMNS).where(messages.c.conversation_id == conversation_id)
        with reading(self._engine) as connection:
            return [message_of(row) for row in connection.execute(query.order_by(messages.c.position))]

    def bill(self, conversation_id: str) -> Bill:
        """What all answers of a conversation cost, those of other branches too."""
        with reading(self._engine) as connection:
            return sum_receipts(connection, conversation_id)

    def search(self, query: str, *, limit: int = 30, project_id: str | None = None) -> list[SearchHit]:
        """The conversations, of a project or all, that hold every word in one message or in the title."""
        with reading(self._engine) as connection:
            return find_conversations(
                connection, query, limit=limit, indexed=self._searchable, project_id=project_id
            )

    # Asking

    def begin(
        self,
        question: str,
        *,
        conversation_id: str | None,
        model_id: str | None,
        after_id: str | None = None,
        manner: Manner | None = None,
        project_id: str | None = None,
    ) -> tuple[ChatMessage, ChatMessage]:
        """Write a question and the answer to come, in a new conversation if none is named.

        Args:
            question: what is asked.
            conversation_id: where; ``None`` for a new one.
            model_id: which model will answer.
            after_id: the message it follows; ``None`` for the last of the branch that is shown.
            manner: how to answer from now on; ``None`` keeps the conversation's.
            project_id: to which a new conversation belongs.

        Raises:
            UnknownConversation: the conversation named is not there, or has no such message.
        """
        home, parent_id = conversation_id, None
        if home is not None:
            conversation, tree = self.conversation(home), self._tree(home)
            if after_id and after_id not in tree:
                raise UnknownConversation(conversation_id=after_id)
            path = tree.path(after_id or conversation.leaf_id)
            parent_id = path[-1] if path else None
        else:
            home = self._new_id()
            at = self._clock.now_at()
            title = title_of(question)
            row = conversation_row(
                Conversation(id=home, title=title, created_at=at, changed_at=at, project_id=project_id)
            )
            with writing(self._engine) as connection:
                connection.execute(sa.insert(conversations).values(**row))
        if manner is not None:
            self.set_manner(home, manner)
        return self._ask(question, conversation_id=home, parent_id=parent_id, model_id=model_id)

    def edit(
        self, message_id: str, question: str, *, model_id: str | None
    ) -> tuple[ChatMessage, ChatMessage]:
        """Ask a question again in other words: a branch beside it."""
        old = self.message(message_id)
        if old.role != "user":
            raise UnknownConversation(conversation_id=message_id)
        return self._ask(
            question, conversation_id=old.conversation_id, parent_id=old.parent_id, model_id=model_id
        )

    def regenerate(self, message_id: str, *, model_id: str | None) -> ChatMessage:
        """Begin another answer to the same question: a branch beside the old one."""
        old = self.message(message_id)
        if old.role != "assistant" or old.parent_id is None:
            raise UnknownConversation(conversation_id=message_id)
        answer = self._new_message("assistant", old.conversation_id, old.parent_id)
        answer = dataclasses.replace(answer, model_id=model_id)
        self._write(answer)
        return answer

    def resume(self, message_id: str) -> ChatMessage:
        """Open an answer again that was cut, stopped or interrupted; what is written and paid stays."""
        old = self.message(message_id)
        if old.role != "assistant" or old.status in {MessageStatus.WRITING, MessageStatus.DONE}:
            raise UnknownConversation(conversation_id=message_id)
        self.begin_round(message_id)
        statement = sa.update(messages).where(messages.c.id == message_id)
        with writing(self._engine) as connection:
            connection.execute(statement.values(status=MessageStatus.WRITING, problem_code=None))
        return self.message(message_id)

    def show_branch(self, message_id: str) -> str:
        """Show the branch that goes through a message; return its conversation."""
        conversation_id = self.message(message_id).conversation_id
        leaf_id = self._tree(conversation_id).newest_leaf(message_id)
        self._change(conversation_id, leaf_id=leaf_id)
        return conversation_id

    # Answering

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
        known = {"model_id": model_id, "problem_code": problem_code, "receipt_id": receipt_id}
        values = {"content": content, "status": status, **{k: v for k, v in known.items() if v is not None}}
        with writing(self._engine) as connection:
            connection.execute(sa.update(messages).where(messages.c.id == message_id).values(**values))
        if receipt:
            self.save_receipt(message_id, receipt=receipt)

    def save_receipt(self, message_id: str, *, receipt: Mapping[str, Any]) -> None:
        """Write a revision of a receipt of this answer, the present one or a past one."""
        message = self.message(message_id)
        past = [dict(receipt if old["id"] == receipt["id"] else old) for old in message.past_receipts]
        is_past = any(old["id"] == receipt["id"] for old in past)
        latest = message.receipt if is_past else dict(receipt)
        bill = bill_of([*past, *([latest] if latest else [])])
        values = {name: getattr(bill, name) for name in (*SUMS, "method")} | {"past_receipts": past or None}
        if not is_past:
            values |= {"receipt": latest, "receipt_id": receipt["id"]}
        statement = sa.update(messages).where(messages.c.id == message_id)
        with writing(self._engine) as connection:
            connection.execute(statement.values(**values))

    def save_tool_uses(self, message_id: str, uses: Sequence[ToolUse]) -> None:
        """Write the tools an answer has called so far."""
        statement = sa.update(messages).where(messages.c.id == message_id)
        with writing(self._engine) as connection:
            connection.execute(statement.values(tool_uses=[dataclasses.asdict(use) for use in uses] or None))

    def begin_round(self, message_id: str) -> None:
        """Put the receipt of a part that is written among the past ones: the next part has its own."""
        old = self.message(message_id)
        past = [*old.past_receipts, *([old.receipt] if old.receipt else [])]
        statement = sa.update(messages).where(messages.c.id == message_id)
        with writing(self._engine) as connection:
            connection.execute(statement.values(past_receipts=past or None, receipt=None, receipt_id=None))

    def allow_tool(self, conversation_id: str, name: str) -> None:
        """Remember that a tool may be used in a conversation without asking again."""
        allowed = {*self.conversation(conversation_id).allowed_tools, name}
        self._change(conversation_id, allowed_tools=sorted(allowed))

    def save_rendered(self, message_id: str, blocks: Sequence[str], *, by: str) -> None:
        """Keep the blocks of an answer that changes no more, and who drew them."""
        statement = sa.update(messages).where(messages.c.id == message_id)
        with writing(self._engine, survives_power_loss=False) as connection:
            connection.execute(statement.values(rendered=list(blocks), rendered_by=by))

    def save_grounds(
        self,
        message_id: str,
        citations: Sequence[Citation],
        *,
        quoted: bool,
        receipts: Sequence[Mapping[str, Any]] = (),
    ) -> ChatMessage:
        """Write what an answer stands on, before it is written; return it as it is then."""
        past = [*self.message(message_id).past_receipts, *receipts]
        bill = bill_of(past)
        sums = {name: getattr(bill, name) for name in (*SUMS, "method")} if past else {}
        values = {"citations": [entry.facts() for entry in citations] or None, "quoted": quoted}
        statement = sa.update(messages).where(messages.c.id == message_id)
        with writing(self._engine) as connection:
            connection.execute(statement.values(**values, **sums, past_receipts=past or None))
        return self.message(message_id)

    def close_interrupted(self) -> int:
        """Mark answers that a stopped daemon left half-written; return how many."""
        statement = sa.update(messages).where(messages.c.status == MessageStatus.WRITING)
        with writing(self._engine) as connection:
            result = connection.execute(
                statement.values(status=MessageStatus.FAILED, problem_code="interrupted")
            )
        return int(result.rowcount)

    # Keeping order

    def rename(self, conversation_id: str, *, title: str) -> None:
        """Give a conversation another title."""
        title = title_of(title)
        self._change(conversation_id, title=title, title_key=fold(title))

    def pin(self, conversation_id: str, *, pinned: bool) -> None:
        """Keep a conversation at the top of the history, or no more."""
        self._change(conversation_id, pinned=pinned)

    def set_manner(self, conversation_id: str, manner: Manner) -> None:
        """Say how a conversation is answered from now on."""
        self._change(conversation_id, **dataclasses.asdict(manner))

    def add(self, threads: Iterable[tuple[Conversation, Sequence[ChatMessage]]]) -> None:
        """Write whole conversations that come from elsewhere: all of them or none."""
        with writing(self._engine) as connection:
            for conversation, thread in threads:
                connection.execute(sa.insert(conversations).values(**conversation_row(conversation)))
                if thread:
                    connection.execute(sa.insert(messages), [message_row(message) for message in thread])

    def erase(self, conversation_id: str) -> None:
        """Delete a conversation for good: its text leaves the file too."""
        self.conversation(conversation_id)
        sqlite = self._searchable and self._engine.dialect.name == "sqlite"
        with writing(self._engine) as connection:
            if sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.execute(sa.delete(messages).where(messages.c.conversation_id == conversation_id))
            connection.execute(sa.delete(conversations).where(conversations.c.id == conversation_id))
            forget_documents(connection, documents.c.conversation_id == conversation_id)
            if sqlite:  # the index only marks words as deleted until its parts are joined
                connection.exec_driver_sql("INSERT INTO message_search(message_search) VALUES ('optimize')")
        if sqlite:
            fold_log(self._engine)

    def erase_untouched(self, *, for_s: float) -> None:
        """Erase what nobody has asked anything in for so long."""
        before = conversations.c.changed_at < self._clock.now_at() - for_s
        with writing(self._engine) as connection:
            old = sa.select(conversations.c.id).where(before)
            connection.execute(sa.delete(messages).where(messages.c.conversation_id.in_(old)))
            forget_documents(connection, documents.c.conversation_id.in_(old))
            connection.execute(sa.delete(conversations).where(before))

    def _page(
        self, tree: MessageTree, leaf_id: str | None, *, before_id: str | None, limit: int
    ) -> ThreadPage:
        path = tree.path(leaf_id)
        end = path.index(before_id) if before_id in path else len(path)
        start = max(0, end - limit)
        shown = path[start:end]
        return ThreadPage(
            messages=tuple(self._read(shown)),
            places={message_id: tree.place(message_id) for message_id in shown},
            earlier_id=path[start] if start else None,
            more_follow=end < len(path),
        )

    def _tree(self, conversation_id: str) -> MessageTree:
        query = (
            sa.select(messages.c.id, messages.c.parent_id)
            .where(messages.c.conversation_id == conversation_id)
            .order_by(messages.c.position)
        )
        with reading(self._engine) as connection:
            return MessageTree((row.id, row.parent_id) for row in connection.execute(query))

    def _read(self, message_ids: Sequence[str]) -> list[ChatMessage]:
        by_id: dict[str, ChatMessage] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(message_ids), 500):
                query = sa.select(*MESSAGE_COLUMNS).where(messages.c.id.in_(message_ids[start : start + 500]))
                by_id |= {row.id: message_of(row) for row in connection.execute(query)}
        return [by_id[message_id] for message_id in message_ids if message_id in by_id]

    def _ask(
        self, question: str, *, conversation_id: str, parent_id: str | None, model_id: str | None
    ) -> tuple[ChatMessage, ChatMessage]:
        asked = self._new_message("user", conversation_id, parent_id)
        asked = dataclasses.replace(asked, content=question, status=MessageStatus.DONE)
        answer = self._new_message("assistant", conversation_id, asked.id)
        answer = dataclasses.replace(answer, model_id=model_id)
        self._write(asked, answer)
        return asked, answer

    def _new_message(self, role: str, conversation_id: str, parent_id: str | None) -> ChatMessage:
        return ChatMessage(
            id=self._new_id(),
            conversation_id=conversation_id,
            parent_id=parent_id,
            role=role,
            content="",
            status=MessageStatus.WRITING,
            model_id=None,
            problem_code=None,
            receipt_id=None,
            receipt=None,
            created_at=self._clock.now_at(),
        )

    def _write(self, *added: ChatMessage) -> None:
        """Add messages; the last of them is the leaf that is shown from now on."""
        changed = {"changed_at": added[-1].created_at, "leaf_id": added[-1].id}
        home = conversations.c.id == added[-1].conversation_id
        with writing(self._engine) as connection:
            connection.execute(sa.update(conversations).where(home).values(**changed))
            for message in added:
                connection.execute(sa.insert(messages).values(**message_row(message)))

    def _change(self, conversation_id: str, **values: Any) -> None:
        statement = sa.update(conversations).where(conversations.c.id == conversation_id)
        with writing(self._engine) as connection:
            if connection.execute(statement.values(**values)).rowcount == 0:
                raise UnknownConversation(conversation_id=conversation_id)


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
