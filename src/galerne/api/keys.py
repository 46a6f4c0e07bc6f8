"""Who asks: from the key in a request to a caller, its rights and its purse.

A key that another program makes, revokes or rotates is seen within a second: that long an answer of the
ledger is remembered, so that no request waits for the disk.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers

from galerne.clock import Clock
from galerne.errors import Forbidden, OutOfScope, Unauthorized
from galerne.ledger import OWNER_OF_MACHINE, ApiKey, Payer, Scope, hash_key, payer_of_person

FRESH_S = 1.0
MOST_REMEMBERED = 4096
"""Beyond this many keys, right or wrong, the memory starts anew: guessing must not fill it."""
ADMINISTRATOR = Payer(key_id="administrator", owner="administrator")
"""Who sends the key that the server was started with."""

FOR_PERSON = "galerne-for"
"""Header by which our own pages name the person for whom they ask; anybody else is refused with it."""
PERSON_SCOPES = frozenset({Scope.INFERENCE, Scope.READ})

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_FOR_EVERY_KEY = ("/v1/models", "/openapi.json")


class KeyBook(Protocol):
    """Where keys are kept: the ledger's."""

    def with_hash(self, key_hash: str, *, at: float) -> ApiKey | None:
        """The key whose secret has this hash."""
        ...

    def exist(self) -> bool:
        """Whether a key was ever made."""
        ...

    def owner_of(self, key_id: str) -> str | None:
        """Whose key this is."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks, and what for they may."""

    payer: Payer = OWNER_OF_MACHINE
    scopes: frozenset[Scope] = frozenset({Scope.ADMIN})

    @property
    def is_admin(self) -> bool:
        """Whether everything is theirs to see and do."""
        return Scope.ADMIN in self.scopes

    def require(self, scope: Scope | None, *, what: str) -> None:
        """Refuse what the key is not for.

        Raises:
            OutOfScope: it lacks the scope.
        """
        if scope is not None and scope not in self.scopes and not self.is_admin:
            raise OutOfScope(what=f"{what}: that needs the scope {scope}")


def scope_of(method: str, path: str) -> Scope | None:
    """The scope that a request needs; None where any key will do.

    What only shows is reading, what does something is inference, and administration is apart.
    """
    if path in ("/v1/admin", "/metrics") or path.startswith("/v1/admin/"):
        return Scope.ADMIN
    if method not in _READING:
        return Scope.INFERENCE
    is_for_every_key = any(path == known or path.startswith(f"{known}/") for known in _FOR_EVERY_KEY)
    return None if is_for_every_key else Scope.READ


class Doorkeeper:
    """Knows the keys: those of the ledger, the administrator's, and this server's own.

    Args:
        clock: time.
        admin_key_hash: of the key the server was started with, if any.
        own_key_hash: of the key that this server's own pages and commands send; it does not close the door.
        book: the keys of the ledger.
        always_needs_key: others can connect.
        has_people: whether somebody has an account; from then on nobody asks without a key.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        admin_key_hash: str | None = None,
        own_key_hash: str | None = None,
        book: KeyBook | None = None,
        always_needs_key: bool = False,
        has_people: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._own_key_hash = own_key_hash
        self._has_people = has_people
        self._peopled = False
        self._callers = {
            key_hash: Caller(payer=payer)
            for key_hash, payer in ((admin_key_hash, ADMINISTRATOR), (own_key_hash, OWNER_OF_MACHINE))
            if key_hash is not None
        }
        self._book = book
        self._closed = always_needs_key or admin_key_hash is not None
        self._asked_s: float | None = None
        self._remembered: dict[str, tuple[float, ApiKey | None]] = {}

    async def admit(self, headers: Headers) -> Caller:
        """Who sends this request.

        Raises:
            Unauthorized: a key is needed, and there is none or it does not open.
            Forbidden: it says that it asks for a person, and is not this server's own.
            StoreUnreachable: the ledger does not answer.
        """
        secret = key_in(headers)
        key_hash = hash_key(secret) if secret else None
        if self._knows(key_hash):
            caller = self._caller(key_hash)
        else:
            caller = await asyncio.to_thread(self._caller, key_hash)
        person = headers.get(FOR_PERSON)
        return caller if person is None else self._on_behalf(person, key_hash)

    def needs_key(self) -> bool:
        """Whether nobody may ask without: others can connect, a key was made once, or there are accounts."""
        if not self._closed and self._is_stale(self._asked_s):
            self._closed = self._book is not None and self._book.exist()
            self._peopled = self._has_people()
            self._asked_s = self._clock.monotonic_s()
        return self._closed or self._peopled

    def opens_pages(self, key_hash: str) -> bool:
        """Whether a key of this hash is an administrator's now: the pages show everything."""
        try:
            return self._caller(key_hash).is_admin
        except Unauthorized:
            return False

    def owner_of(self, key_id: str) -> str | None:
        """Whose key this is."""
        return self._book.owner_of(key_id) if self._book is not None else None

    def _on_behalf(self, person: str, key_hash: str | None) -> Caller:
        own = self._own_key_hash
        if own is None or key_hash is None or not hmac.compare_digest(own, key_hash):
            raise Forbidden(why=f"Only this server's own pages may say for whom they ask ({FOR_PERSON})")
        return Caller(payer=payer_of_person(person), scopes=PERSON_SCOPES)

    def _caller(self, key_hash: str | None) -> Caller:
        if key_hash is None:
            if self.needs_key():
                raise Unauthorized(why="This server needs an API key")
            return Caller()
        for known_hash, caller in self._callers.items():
            if hmac.compare_digest(known_hash, key_hash):
                return caller
        key = self._look_up(key_hash)
        if key is None:
            if not self.needs_key():
                return Caller()  # clients send some key even where none is asked for
            raise Unauthorized(why="This API key is not known here")
        if (status := key.status(self._clock.now_at())) != "active":
            raise Unauthorized(why=f"This API key is {status}")
        return Caller(payer=key.payer, scopes=key.scopes)

    def _look_up(self, key_hash: str) -> ApiKey | None:
        if self._book is None:
            return None
        asked_s, key = self._remembered.get(key_hash, (None, None))
        if self._is_stale(asked_s):
            key = self._book.with_hash(key_hash, at=self._clock.now_at())
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[key_hash] = (self._clock.monotonic_s(), key)
        return key

    def _knows(self, key_hash: str | None) -> bool:
        """Whether the answer is at hand without the ledger."""
        if self._book is None or key_hash in self._callers:
            return True
        settled = self._closed or not self._is_stale(self._asked_s)
        if key_hash is None:
            return settled
        asked_s, key = self._remembered.get(key_hash, (None, None))
        return (settled or key is not None) and not self._is_stale(asked_s)

    def _is_stale(self, asked_s: float | None) -> bool:
        return asked_s is None or self._clock.monotonic_s() - asked_s >= FRESH_S


def key_in(headers: Headers) -> str:
    """The key a request carries, in either place clients put it; empty where there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
