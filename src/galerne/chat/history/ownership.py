"""Whose a record is, as a condition inside the query: what is not yours is not there.

``None`` is the person of this machine, where nobody has an account.
"""

from __future__ import annotations

from typing import TypeAlias

import sqlalchemy as sa

from galerne.chat.history.tables import conversations

Owner: TypeAlias = str | None


def is_of(column: sa.ColumnElement[str | None], owner: Owner) -> sa.ColumnElement[bool]:
    """That a column names this owner."""
    return column.is_(None) if owner is None else column == owner


def in_conversation_of(owner: Owner, conversation_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """That a column names a conversation of this owner."""
    mine = sa.and_(conversations.c.id == conversation_id, is_of(conversations.c.owner, owner))
    return sa.exists().where(mine)
