"""Keeps assistants beside the conversations that have them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from galerne.chat.assistants.records import LONGEST_NAME, LONGEST_PURPOSE, Assistant, Profile
from galerne.chat.history.belonging import assign, dissolve
from galerne.chat.history.ownership import Owner, is_of
from galerne.chat.history.records import Manner
from galerne.chat.history.search import fold
from galerne.chat.history.tables import metadata
from galerne.clock import Clock
from galerne.errors import UnknownAssistant
from galerne.storage import reading, writing

assistants = sa.Table(
    "assistant",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=True, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("model_id", sa.Text, nullable=True),
    sa.Column("instructions", sa.Text, nullable=False),
    sa.Column("temperature", sa.Float, nullable=True),
    sa.Column("max_new_tokens", sa.Integer, nullable=True),
    sa.Column("tools", sa.JSON(none_as_null=True), nullable=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False),
)


class AssistantStore:
    """Keeps the assistants of one owner beside the conversations that have them.

    Args:
        engine: of the chat store.
        owner: whose; ``None`` for the person of this machine.
        clock: dates them.
        new_id: makes an id that nobody guesses.
    """

    def __init__(self, engine: sa.Engine, *, owner: Owner, clock: Clock, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._owner = owner
        self._clock = clock
        self._new_id = new_id

    def all(self) -> list[Assistant]:
        """Every assistant, by name."""
        mine = is_of(assistants.c.owner, self._owner)
        order = (sa.func.lower(assistants.c.name), assistants.c.created_at)
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(assistants).where(mine).order_by(*order))
            return [_assistant_of(row) for row in rows.mappings()]

    def assistant(self, assistant_id: str) -> Assistant:
        """One assistant by its id.

        Raises:
            UnknownAssistant: there is none.
        """
        with reading(self._engine) as connection:
            query = sa.select(assistants).where(self._is_mine(assistant_id))
            row = connection.execute(query).mappings().first()
        if row is None:
            raise UnknownAssistant(assistant_id=assistant_id)
        return _assistant_of(row)

    def add(self, profile: Profile) -> Assistant:
        """Make an assistant; a name that is taken gets a number."""
        at = self._clock.now_at()
        profile = self._tidied(profile)
        kept = Assistant(id=self._new_id(), profile=profile, created_at=at, changed_at=at, owner=self._owner)
        facts = {"id": kept.id, "owner": kept.owner, "created_at": at, "changed_at": at}
        with writing(self._engine) as connection:
            connection.execute(sa.insert(assistants).values(**facts, **_row_of(profile)))
        return kept

    def change(self, assistant_id: str, profile: Profile) -> None:
        """Say anew what an assistant is; its conversations go on with that."""
        self.assistant(assistant_id)
        values = _row_of(self._tidied(profile, beside=assistant_id))
        statement = sa.update(assistants).where(self._is_mine(assistant_id))
        with writing(self._engine) as connection:
            connection.execute(statement.values(**values, changed_at=self._clock.now_at()))

    def give(self, conversation_id: str, *, assistant_id: str | None) -> None:
        """Let a conversation have an assistant from the next answer on, or none any more."""
        if assistant_id is not None:
            self.assistant(assistant_id)
        assign(self._engine, conversation_id, owner=self._owner, column="assistant_id", group_id=assistant_id)

    def erase(self, assistant_id: str) -> None:
        """Delete an assistant and its documents for good; its conversations stay, without it."""
        self.assistant(assistant_id)
        mine = self._is_mine(assistant_id)
        dissolve(self._engine, assistants, mine, column="assistant_id", group_id=assistant_id)

    def _is_mine(self, assistant_id: str) -> sa.ColumnElement[bool]:
        return sa.and_(assistants.c.id == assistant_id, is_of(assistants.c.owner, self._owner))

    def _tidied(self, profile: Profile, *, beside: str = "") -> Profile:
        """A profile with a name on one line that no other assistant has."""
        name = " ".join(profile.name.split())[:LONGEST_NAME].rstrip() or "…"
        taken = {fold(entry.profile.name) for entry in self.all() if entry.id != beside}
        free, n = name, 2
        while fold(free) in taken:
            free, n = f"{name[: LONGEST_NAME - 4].rstrip()} {n}", n + 1
        purpose = " ".join(profile.purpose.split())[:LONGEST_PURPOSE]
        return dataclasses.replace(profile, name=free, purpose=purpose)


_MANNER = tuple(field.name for field in dataclasses.fields(Manner))


def _assistant_of(row: sa.RowMapping) -> Assistant:
    manner = {name: row[name] for name in _MANNER}
    manner["tools"] = None if row["tools"] is None else tuple(row["tools"])
    profile = Profile(
        name=row["name"], purpose=row["purpose"], model_id=row["model_id"], manner=Manner(**manner)
    )
    kept = {name: row[name] for name in ("id", "owner", "created_at", "changed_at")}
    return Assistant(profile=profile, **kept)


def _row_of(profile: Profile) -> dict[str, Any]:
    facts = {"name": profile.name, "purpose": profile.purpose, "model_id": profile.model_id}
    return facts | dataclasses.asdict(profile.manner)
