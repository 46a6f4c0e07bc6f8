"""Conversations of one person: a tree of messages each, with the receipt of every answer.

Private and erasable, apart from the ledger, which keeps no text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from galerne.chat.assistants import AssistantStore
from galerne.chat.documents.store import DocumentStore, fold_log, forget_documents
from galerne.chat.documents.tables import documents
from galerne.chat.history.ownership import is_of
from galerne.chat.history.projects import ProjectStore
from galerne.chat.history.records import (
    ChatMessage,
    Conversation,
    Manner,
    MessageStatus,
    ThreadPage,
    title_of,
)
from galerne.chat.history.search import fold
from galerne.chat.history.tables import conversation_row, conversations, message_row, messages
from galerne.chat.history.threads import PAGE_MESSAGES
from galerne.chat.history.written import WrittenAnswers
from galerne.errors import UnknownConversation
from galerne.storage import writing


class ConversationStore(WrittenAnswers):
    """Reads and writes the conversations of one owner. Every method is a few short transactions."""

    @property
    def projects(self) -> ProjectStore:
        """The projects to which these conversations may belong."""
        return ProjectStore(self._engine, owner=self._owner, clock=self._clock, new_id=self._new_id)

    @property
    def assistants(self) -> AssistantStore:
        """The assistants that these conversations may have."""
        return AssistantStore(self._engine, owner=self._owner, clock=self._clock, new_id=self._new_id)

    @property
    def documents(self) -> DocumentStore:
        """The documents that these conversations stand on."""
        return DocumentStore(self._engine, owner=self._owner, clock=self._clock, new_id=self._new_id)

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
        assistant_id: str | None = None,
    ) -> tuple[ChatMessage, ChatMessage]:
        """Write a question and the answer to come, in a new conversation if none is named.

        Args:
            question: what is asked.
            conversation_id: where; ``None`` for a new one.
            model_id: which model will answer.
            after_id: the message it follows; ``None`` for the last of the branch that is shown.
            manner: how to answer from now on; ``None`` keeps the conversation's.
            project_id: to which a new conversation belongs.
            assistant_id: that a new conversation has.

        Raises:
            UnknownConversation: the conversation named is not there, or has no such message.
            UnknownProject: the project named is not there.
            UnknownAssistant: nor is the assistant.
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
            if project_id is not None:
                self.projects.project(project_id)
            if assistant_id is not None:
                self.assistants.assistant(assistant_id)
            at = self._clock.now_at()
            begun = Conversation(
                id=home,
                title=title_of(question),
                created_at=at,
                changed_at=at,
                project_id=project_id,
                assistant_id=assistant_id,
            )
            self.add([(begun, [])])
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

    def begin_beside(self, message_id: str, *, model_id: str | None) -> ChatMessage:
        """Begin another model's answer beside one; the branch that is shown ends there until one is kept."""
        other = self.regenerate(message_id, model_id=model_id)
        self._update(message_id, {"beside_id": other.id})
        self._change(other.conversation_id, leaf_id=message_id)
        return other

    def keep_answer(self, message_id: str) -> str:
        """Go on with one of two answers beside each other; the other stays as a branch."""
        pair = sa.or_(messages.c.id == message_id, messages.c.beside_id == message_id)
        with writing(self._engine) as connection:
            connection.execute(sa.update(messages).where(pair, self._of_mine()).values(beside_id=None))
        return self.show_branch(message_id)

    def resume(self, message_id: str) -> ChatMessage:
        """Open an answer again that was cut, stopped or interrupted; what is written and paid stays."""
        old = self.message(message_id)
        if old.role != "assistant" or old.status in {MessageStatus.WRITING, MessageStatus.DONE}:
            raise UnknownConversation(conversation_id=message_id)
        self.begin_round(message_id)
        self._update(message_id, {"status": MessageStatus.WRITING, "problem_code": None})
        return self.message(message_id)

    def show_branch(self, message_id: str) -> str:
        """Show the branch that goes through a message; return its conversation."""
        conversation_id = self.message(message_id).conversation_id
        leaf_id = self._tree(conversation_id).newest_leaf(message_id)
        self._change(conversation_id, leaf_id=leaf_id)
        return conversation_id

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
        """Write whole conversations that come from elsewhere, as this owner's: all of them or none."""
        with writing(self._engine) as connection:
            for conversation, thread in threads:
                row = conversation_row(conversation) | {"owner": self._owner}
                connection.execute(sa.insert(conversations).values(**row))
                if thread:
                    connection.execute(sa.insert(messages), [message_row(message) for message in thread])

    def erase(self, conversation_id: str) -> None:
        """Delete a conversation for good: its text leaves the file too."""
        self.conversation(conversation_id)
        self._erase(conversations.c.id == conversation_id)

    def erase_every(self) -> None:
        """Delete every conversation of this owner for good, pinned ones and what was attached to them too."""
        self._erase(sa.true())

    def _erase(self, which: sa.ColumnElement[bool]) -> None:
        sqlite = self._searchable and self._engine.dialect.name == "sqlite"
        mine = sa.and_(which, is_of(conversations.c.owner, self._owner))
        these = sa.select(conversations.c.id).where(mine)
        with writing(self._engine) as connection:
            if sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.execute(sa.delete(messages).where(messages.c.conversation_id.in_(these)))
            forget_documents(connection, documents.c.conversation_id.in_(these))
            connection.execute(sa.delete(conversations).where(mine))
            if sqlite:  # the index only marks words as deleted until its parts are joined
                connection.exec_driver_sql("INSERT INTO message_search(message_search) VALUES ('optimize')")
        if sqlite:
            fold_log(self._engine)

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
        home = self._is_mine(added[-1].conversation_id)
        with writing(self._engine) as connection:
            if connection.execute(sa.update(conversations).where(home).values(**changed)).rowcount == 0:
                raise UnknownConversation(conversation_id=added[-1].conversation_id)
            for message in added:
                connection.execute(sa.insert(messages).values(**message_row(message)))
