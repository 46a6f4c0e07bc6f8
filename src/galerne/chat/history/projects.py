"""Projects: conversations that share instructions and documents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from galerne.chat.history.belonging import assign, dissolve
from galerne.chat.history.ownership import Owner, is_of
from galerne.chat.history.records import title_of
from galerne.chat.history.tables import projects
from galerne.clock import Clock
from galerne.errors import UnknownProject
from galerne.storage import reading, writing


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What several conversations share.

    Attributes:
        instructions: stand before those of each conversation.
        owner: whose it is; ``None`` where one person has it all.
    """

    id: str
    name: str
    instructions: str
    created_at: float
    changed_at: float
    owner: str | None = None


class ProjectStore:
    """Keeps the projects of one owner beside the conversations that belong to them.

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

    def all(self) -> list[Project]:
        """Every project, by name."""
        mine = is_of(projects.c.owner, self._owner)
        order = (sa.func.lower(projects.c.name), projects.c.created_at)
        query = sa.select(projects).where(mine).order_by(*order)
        with reading(self._engine) as connection:
            return [Project(**row) for row in connection.execute(query).mappings()]

    def project(self, project_id: str) -> Project:
        """One project by its id.

        Raises:
            UnknownProject: there is none.
        """
        with reading(self._engine) as connection:
            query = sa.select(projects).where(self._is_mine(project_id))
            row = connection.execute(query).mappings().first()
        if row is None:
            raise UnknownProject(project_id=project_id)
        return Project(**row)

    def add(self, name: str, *, instructions: str = "") -> Project:
        """Begin a project."""
        at = self._clock.now_at()
        project = Project(
            id=self._new_id(),
            name=title_of(name) or "…",
            instructions=instructions,
            created_at=at,
            changed_at=at,
            owner=self._owner,
        )
        with writing(self._engine) as connection:
            connection.execute(sa.insert(projects).values(**dataclasses.asdict(project)))
        return project

    def change(self, project_id: str, *, name: str, instructions: str) -> None:
        """Give a project another name and other instructions."""
        before = self.project(project_id)
        facts: dict[str, Any] = {"name": title_of(name) or before.name, "instructions": instructions}
        statement = sa.update(projects).where(self._is_mine(project_id))
        with writing(self._engine) as connection:
            connection.execute(statement.values(**facts, changed_at=self._clock.now_at()))

    def move(self, conversation_id: str, *, project_id: str | None) -> None:
        """Let a conversation belong to a project, or to none any more."""
        if project_id is not None:
            self.project(project_id)
        assign(self._engine, conversation_id, owner=self._owner, column="project_id", group_id=project_id)

    def erase(self, project_id: str) -> None:
        """Delete a project and its documents for good; its conversations stay, without it."""
        self.project(project_id)
        mine = self._is_mine(project_id)
        dissolve(self._engine, projects, mine, column="project_id", group_id=project_id)

    def _is_mine(self, project_id: str) -> sa.ColumnElement[bool]:
        return sa.and_(projects.c.id == project_id, is_of(projects.c.owner, self._owner))
