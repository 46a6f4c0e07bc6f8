"""What the routes of the pages share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from galerne.chat.client import ApiClient
from galerne.chat.documents.desk import DocumentDesk
from galerne.chat.temporary import Stores
from galerne.chat.tools.toolbox import Toolbox
from galerne.chat.web.answers import AnswerDesk
from galerne.chat.web.guard import KeyDesk


@dataclass(frozen=True, kw_only=True, slots=True)
class Web:
    """The parts behind the pages."""

    client: ApiClient
    stores: Stores
    desk: AnswerDesk
    keys: KeyDesk
    toolbox: Toolbox
    documents: DocumentDesk


Endpoint: TypeAlias = Callable[[Web, Request], Awaitable[Response]]


def wants_json(request: Request) -> bool:
    """Whether a script asks, which puts the reply in place itself."""
    return request.headers.get("accept") == "application/json"
