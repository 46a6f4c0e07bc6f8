"""Keys of the API: who may ask, for what, until when. Only a key's hash is kept."""

from __future__ import annotations

import difflib
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from galerne.errors import KeyNameTaken, UnknownKey
from galerne.ledger.ids import sortable_id
from galerne.ledger.limits import PERSON, Payer, Priority
from galerne.ledger.schema import KEYS
from galerne.storage import reading, writing

KEY_BYTES = 32
_SHOWN_LENGTH = 12


class Scope(StrEnum):
    """What a key is for: asking models; reading receipts, sums and the chain; everything."""

    INFERENCE = "inference"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """A key without its secret.

    Attributes:
        name: unique, chosen by whoever made it.
        owner: the person whose key it is; their keys share receipts and the person's limits.
        project: what it is for, which may have limits too.
        prefix: the first letters of the secret, to recognise it by.
        models: the only models it may use; None for all.
        expires_at: None for never.
        revoked_at: None while it is not.
        priority: its share of the engines while others wait.
    """

    key_id: str
    name: str
    owner: str
    project: str | None
    prefix: str
    scopes: frozenset[Scope]
    models: frozenset[str] | None
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    priority: Priority = Priority.NORMAL

    def status(self, at: float) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "active"

    @property
    def payer(self) -> Payer:
        """On whose account its answers go."""
        return Payer(
            key_id=self.key_id,
            owner=self.owner,
            project=self.project,
            models=self.models,
            priority=self.priority,
        )


def hash_key(secret: str) -> str:
    """The form in which a key is kept. Keys are long and random, so a plain hash suffices."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class Keys:
    """The keys in the ledger's database."""

    def __init__(self, engine: Engine, *, new_secret: Callable[[int], str] = secrets.token_urlsafe) -> None:
        self._engine = engine
        self._new_secret = new_secret

    def create(
        self,
        name: str,
        *,
        owner: str,
        at: float,
        project: str | None = None,
        scopes: Iterable[Scope] = (Scope.INFERENCE, Scope.READ),
        models: Iterable[str] | None = None,
        expires_at: float | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> tuple[ApiKey, str]:
        """Make a key; returns it with its secret, which cannot be shown again.

        Raises:
            KeyNameTaken: another key, revoked or not, has this name.
            StoreUnreachable: the database does not answer.
        """
        secret = self._secret()
        row = {
            "key_id": sortable_id("key", at),
            "name": name,
            "owner": owner,
            "project": project,
            "prefix": secret[:_SHOWN_LENGTH],
            "key_hash": hash_key(secret),
            "scopes": " ".join(sorted(scopes)),
            "models": None if models is None else json.dumps(sorted(models)),
            "created_at": at,
            "expires_at": expires_at,
            "revoked_at": None,
            "priority": priority.value,
        }
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(KEYS), row)
        except IntegrityError as error:
            raise KeyNameTaken(name=name) from error
        return _key_of(row), secret

    def all(self) -> list[ApiKey]:
        """Every key that was ever made, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.key_id)).mappings()
            return [_key_of(row) for row in rows]

    def find(self, name: str) -> ApiKey:
        """The key with this id or name.

        Raises:
            UnknownKey: there is none; names the nearest.
        """
        keys = self.all()
        for key in keys:
            if name in {key.key_id, key.name}:
                return key
        near = difflib.get_close_matches(name, [key.name for key in keys], n=1)
        raise UnknownKey(key=name, nearest=near[0] if near else None)

    def revoke(self, name: str, *, at: float) -> ApiKey:
        """End a key for good. One that is revoked already stays as it is.

        Raises:
            UnknownKey: there is no such key.
        """
        key = self.find(name)
        with writing(self._engine) as connection:
            connection.execute(
                update(KEYS)
                .where(KEYS.c.key_id == key.key_id, KEYS.c.revoked_at.is_(None))
                .values(revoked_at=at)
            )
        return self.find(key.key_id)

    def rotate(self, name: str, *, at: float, keep_s: float = 0.0) -> tuple[ApiKey, str]:
        """Give a key a new secret; its name, limits and receipts stay.

        Args:
            name: id or name of the key.
            at: now.
            keep_s: how long the secret before this one still opens; any older one ends now.

        Raises:
            UnknownKey: there is no such key, or it is revoked.
        """
        key, secret = self.find(name), self._secret()
        change = {
            "old_key_hash": KEYS.c.key_hash if keep_s > 0 else None,
            "old_key_ends_at": at + keep_s if keep_s > 0 else None,
            "key_hash": hash_key(secret),
            "prefix": secret[:_SHOWN_LENGTH],
        }
        with writing(self._engine) as connection:
            found = connection.execute(
                update(KEYS).where(KEYS.c.key_id == key.key_id, KEYS.c.revoked_at.is_(None)).values(change)
            )
        if not found.rowcount:
            raise UnknownKey(key=name)
        return self.find(key.key_id), secret

    def set_priority(self, name: str, priority: Priority) -> ApiKey:
        """Give a key another share of the engines.

        Raises:
            UnknownKey: there is no such key.
        """
        key = self.find(name)
        with writing(self._engine) as connection:
            connection.execute(
                update(KEYS).where(KEYS.c.key_id == key.key_id).values(priority=priority.value)
            )
        return self.find(key.key_id)

    def with_hash(self, key_hash: str, *, at: float) -> ApiKey | None:
        """The key whose secret has this hash, whether it still opens or not; None where nobody has it."""
        old = (KEYS.c.old_key_hash == key_hash) & (KEYS.c.old_key_ends_at > at)
        with reading(self._engine) as connection:
            query = select(KEYS).where(or_(KEYS.c.key_hash == key_hash, old))
            row = connection.execute(query).mappings().first()
        return _key_of(row) if row else None

    def exist(self) -> bool:
        """Whether a key was ever made. From then on nobody asks without one, whatever became of it."""
        with reading(self._engine) as connection:
            return bool(connection.scalar(select(exists().where(KEYS.c.key_id.is_not(None)))))

    def owner_of(self, key_id: str) -> str | None:
        """Whose key this is, or which person's page; None where it is not one of ours."""
        if key_id.startswith(PERSON):
            return key_id.removeprefix(PERSON)
        with reading(self._engine) as connection:
            owner: str | None = connection.scalar(select(KEYS.c.owner).where(KEYS.c.key_id == key_id))
        return owner

    def _secret(self) -> str:
        return f"glrn_{self._new_secret(KEY_BYTES)}"


def _key_of(row: Mapping[Any, Any]) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        name=row["name"],
        owner=row["owner"],
        project=row["project"],
        prefix=row["prefix"],
        scopes=frozenset(Scope(scope) for scope in row["scopes"].split()),
        models=None if row["models"] is None else frozenset(json.loads(row["models"])),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        priority=Priority(row["priority"] or Priority.NORMAL),
    )
