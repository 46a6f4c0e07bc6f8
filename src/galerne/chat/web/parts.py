"""What the routes of the pages share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from galerne.chat.client.api import ApiClient
from galerne.chat.documents.desk import DocumentDesk
from galerne.chat.history.ownership import Owner
from galerne.chat.history.store import ChatStore
from galerne.chat.history.temporary import Stores
from galerne.chat.people.records import Person
from galerne.chat.tools.toolbox import Toolbox
from galerne.chat.web.answers import AnswerDesk


class Access(Enum):
    """Who may ask a route."""

    PERSON = "whoever may come in, about what is theirs"
    ADMINISTRATOR = "who sees to the house and its people"


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Who looks at the pages.

    Attributes:
        person: whose account it is; ``None`` for the person of this machine.
        session_id: of the browser's session, where it signed in.
        team: whether anybody has an account.
    """

    person: Person | None = None
    session_id: str | None = None
    team: bool = False

    @property
    def owner(self) -> Owner:
        """Under which name their records are kept."""
        return None if self.person is None else self.person.id

    @property
    def is_administrator(self) -> bool:
        """Whether the house is theirs to see to."""
        return self.person is None or self.person.is_administrator


@dataclass(frozen=True, kw_only=True, slots=True)
class Web:
    """The parts behind the pages of one visitor: what is reached through them is that visitor's alone.

    Attributes:
        client: our API, asked for this visitor.
    """

    visitor: Visitor
    client: ApiClient
    stores: Stores
    desk: AnswerDesk
    toolbox: Toolbox
    documents: DocumentDesk


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """What administrators reach beside: everybody's.

    Attributes:
        client: our API, asked as the owner of the machine.
        leave: ends what is under way for an owner.
        look_again: forgets whether there are accounts: one was made or removed.
        looking: how many passwords are looked at together.
    """

    client: ApiClient
    store: ChatStore
    leave: Callable[[Owner], Awaitable[None]]
    look_again: Callable[[], None]
    looking: asyncio.Semaphore


Endpoint: TypeAlias = Callable[[Web, Request], Awaitable[Response]]
HouseEndpoint: TypeAlias = Callable[[House, Web, Request], Awaitable[Response]]


def wants_json(request: Request) -> bool:
    """Whether a script asks, which puts the reply in place itself."""
    return request.headers.get("accept") == "application/json"


def local_path(target: str) -> str:
    """A path of ours to go back to; the start where it is none."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_ours else "/"
