"""What a conversation can belong to, a project or an assistant: given, taken away, dissolved."""

from __future__ import annotations

import sqlalchemy as sa

from galerne.chat.documents.store import fold_log, forget_documents
from galerne.chat.documents.tables import documents
from galerne.chat.history.ownership import Owner, is_of
from galerne.chat.history.tables import conversations
from galerne.errors import UnknownConversation
from galerne.storage import writing


def assign(
    engine: sa.Engine, conversation_id: str, *, owner: Owner, column: str, group_id: str | None
) -> None:
    """Let an owner's conversation belong to a group of theirs, or to none any more.

    Args:
        engine: of the store.
        conversation_id: which.
        owner: whose both are.
        column: of a conversation, that names its group.
        group_id: the group, known to be the owner's.

    Raises:
        UnknownConversation: the owner has none of that id.
    """
    mine = sa.and_(conversations.c.id == conversation_id, is_of(conversations.c.owner, owner))
    with writing(engine) as connection:
        done = connection.execute(sa.update(conversations).where(mine).values({column: group_id}))
        if done.rowcount == 0:
            raise UnknownConversation(conversation_id=conversation_id)


def dissolve(
    engine: sa.Engine, group: sa.Table, mine: sa.ColumnElement[bool], *, column: str, group_id: str
) -> None:
    """Delete a group and its documents for good; its conversations stay, without it."""
    with writing(engine) as connection:
        had = conversations.c[column] == group_id
        connection.execute(sa.update(conversations).where(had).values({column: None}))
        forget_documents(connection, documents.c[column] == group_id)
        connection.execute(sa.delete(group).where(mine))
    fold_log(engine)
