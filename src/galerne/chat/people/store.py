"""Accounts on disk, in the chat's own database: people, their sessions, and invitations.

Of passwords, sessions and invitations hashes alone are kept. Two administrators who act at once leave one:
that none is left is checked inside the transaction.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from galerne.chat.people.passwords import Hashing, check_new, is_right
from galerne.chat.people.records import Person, PersonSession, Role
from galerne.chat.people.tables import invitations, persons, sessions
from galerne.clock import Clock
from galerne.errors import AccountRefused, UnknownPerson
from galerne.storage import reading, writing
from galerne.units import HOUR_S

SESSION_S = 30 * 24 * HOUR_S
"""A session ends at the latest after this…"""
UNUSED_S = 7 * 24 * HOUR_S
"""…or when its browser has not come for so long."""
INVITATION_S = 7 * 24 * HOUR_S
_SEEN_EVERY_S = 300.0
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_LONGEST_SHOWN = 80
_MOST_SESSIONS = 50


class PeopleStore:
    """Reads and writes accounts. Every method is one short transaction; safe from any thread and program.

    Args:
        engine: of the chat store.
        clock: dates sessions and ends them.
        hashing: how much work a guess at a password costs.
        new_token: makes secrets that nobody guesses.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        clock: Clock,
        hashing: Hashing | None = None,
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._hashing = hashing or Hashing()
        self._new_token = new_token
        self._nobody = ""

    # Who there is

    def exist(self) -> bool:
        """Whether anybody has an account."""
        with reading(self._engine) as connection:
            return connection.execute(sa.select(persons.c.id).limit(1)).first() is not None

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with reading(self._engine) as connection:
            return [
                _person_of(row) for row in connection.execute(sa.select(persons).order_by(persons.c.name))
            ]

    def person(self, name_or_id: str) -> Person:
        """One person by name or id.

        Raises:
            UnknownPerson: there is none.
        """
        known = sa.or_(persons.c.id == name_or_id, persons.c.name == name_or_id.lower())
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(persons).where(known)).first()
        if row is None:
            raise UnknownPerson(name=name_or_id)
        return _person_of(row)

    def add(self, name: str, *, role: Role, shown_name: str = "") -> tuple[Person, str]:
        """Make an account and an invitation to choose its password; the token of it is not shown again.

        Raises:
            AccountRefused: the name cannot be or is taken, or the first account is no administrator's.
        """
        name = name.strip().lower()
        if not _NAME.fullmatch(name):
            problem = (
                "A name has 1 to 40 of the letters a to z, digits, dots and dashes, and begins without a dot"
            )
            raise AccountRefused(reason="name_invalid", problem=problem)
        person = Person(
            id=f"person-{secrets.token_urlsafe(9)}",
            name=name,
            shown_name=" ".join(shown_name.split())[:_LONGEST_SHOWN] or name,
            role=role,
            invited=True,
            disabled=False,
            created_at=self._clock.now_at(),
        )
        row = {
            "id": person.id,
            "name": person.name,
            "shown_name": person.shown_name,
            "role": person.role.value,
            "password": None,
            "disabled": False,
            "created_at": person.created_at,
        }
        try:
            with writing(self._engine) as connection:
                first = connection.execute(sa.select(persons.c.id).limit(1)).first() is None
                if first and role is not Role.ADMINISTRATOR:
                    problem = "The first account is an administrator's: add --admin"
                    raise AccountRefused(reason="first_is_administrator", problem=problem)
                connection.execute(sa.insert(persons).values(**row))
                token = self._invite(connection, person.id)
        except IntegrityError as error:
            raise AccountRefused(
                reason="name_taken", problem=f"There is an account {name!r} already"
            ) from error
        return person, token

    def set_role(self, person_id: str, role: Role) -> None:
        """Make somebody an administrator, or a member.

        Raises:
            AccountRefused: nobody else could see to the house.
            UnknownPerson: there is no such person.
        """
        with writing(self._engine) as connection:
            if role is not Role.ADMINISTRATOR:
                _keep_an_administrator(connection, person_id)
            _change(connection, person_id, role=role.value)

    def set_disabled(self, person_id: str, *, disabled: bool) -> None:
        """Keep somebody out, everywhere and at once, or let them in again.

        Raises:
            AccountRefused: nobody else could see to the house.
            UnknownPerson: there is no such person.
        """
        with writing(self._engine) as connection:
            if disabled:
                _keep_an_administrator(connection, person_id)
                connection.execute(sa.delete(sessions).where(sessions.c.person_id == person_id))
            _change(connection, person_id, disabled=disabled)

    def remove(self, person_id: str) -> None:
        """Delete an account for good; what the person wrote is the conversations' store to erase.

        Raises:
            AccountRefused: others would be left without an administrator.
            UnknownPerson: there is no such person.
        """
        with writing(self._engine) as connection:
            others = sa.select(persons.c.id).where(persons.c.id != person_id).limit(1)
            if connection.execute(others).first() is not None:
                _keep_an_administrator(connection, person_id)
            for table in (sessions, invitations):
                connection.execute(sa.delete(table).where(table.c.person_id == person_id))
            if connection.execute(sa.delete(persons).where(persons.c.id == person_id)).rowcount == 0:
                raise UnknownPerson(name=person_id)

    # Passwords and invitations

    def invite_again(self, person_id: str) -> str:
        """Take a password back, end every session, and invite anew; returns the token, this once.

        Raises:
            UnknownPerson: there is no such person.
        """
        with writing(self._engine) as connection:
            _change(connection, person_id, password=None)
            connection.execute(sa.delete(sessions).where(sessions.c.person_id == person_id))
            return self._invite(connection, person_id)

    def invited(self, token: str) -> Person | None:
        """Who is invited by this token, while it holds."""
        open_still = sa.and_(
            invitations.c.token_hash == _hash(token), invitations.c.expires_at > self._clock.now_at()
        )
        query = sa.select(persons).join(invitations, invitations.c.person_id == persons.c.id)
        with reading(self._engine) as connection:
            row = connection.execute(query.where(open_still, ~persons.c.disabled)).first()
        return None if row is None else _person_of(row)

    def accept(self, token: str, password: str) -> Person | None:
        """Choose the password an invitation is for; None where it was used or is over.

        Raises:
            AccountRefused: the password is guessed at once.
        """
        person = self.invited(token)
        if person is None:
            return None
        check_new(password, name=person.name)
        kept = self._hashing.keep(password)
        with writing(self._engine) as connection:
            used = sa.delete(invitations).where(invitations.c.token_hash == _hash(token))
            if connection.execute(used).rowcount == 0:
                return None
            connection.execute(sa.delete(invitations).where(invitations.c.person_id == person.id))
            _change(connection, person.id, password=kept)
        return self.person(person.id)

    def known_by(self, name: str, password: str) -> Person | None:
        """Who has this name and password; as much work for a name that nobody has."""
        with reading(self._engine) as connection:
            query = sa.select(persons).where(persons.c.name == name.strip().lower())
            row = connection.execute(query).first()
        kept = row.password if row is not None and row.password else self._anybody()
        right = is_right(password[:2_000], kept)
        if row is None or not right or row.disabled or not row.password:
            return None
        return _person_of(row)

    def change_password(self, person_id: str, *, old: str, new: str, but_session: str | None = None) -> None:
        """Change a password, and end every other session.

        Raises:
            AccountRefused: the old one is wrong, or the new one is guessed at once.
        """
        person = self.person(person_id)
        if self.known_by(person.name, old) is None:
            raise AccountRefused(reason="password_wrong", problem="That is not the password")
        check_new(new, name=person.name)
        kept = self._hashing.keep(new)
        with writing(self._engine) as connection:
            _change(connection, person_id, password=kept)
            mine = sa.and_(sessions.c.person_id == person_id, sessions.c.id != (but_session or ""))
            connection.execute(sa.delete(sessions).where(mine))

    # Sessions

    def open_session(self, person_id: str, *, device: str = "") -> str:
        """Sign somebody in; returns the token that their browser shows from now on."""
        token, now_at = self._new_token(), self._clock.now_at()
        row = {
            "token_hash": _hash(token),
            "id": secrets.token_urlsafe(9),
            "person_id": person_id,
            "device": device[:_LONGEST_SHOWN],
            "created_at": now_at,
            "seen_at": now_at,
            "expires_at": now_at + SESSION_S,
        }
        mine = sessions.c.person_id == person_id
        newest = sa.select(sessions.c.id).where(mine).order_by(sessions.c.seen_at.desc())
        with writing(self._engine) as connection:
            connection.execute(sa.delete(sessions).where(~self._lasts()))
            kept = list(connection.scalars(newest.limit(_MOST_SESSIONS - 1)))
            connection.execute(sa.delete(sessions).where(mine, sessions.c.id.not_in(kept)))
            connection.execute(sa.insert(sessions).values(**row))
        return token

    def session(self, token: str) -> tuple[Person, PersonSession] | None:
        """Who shows this token, and the session it is of; None where it is over or its owner kept out."""
        query = sa.select(sessions).where(sessions.c.token_hash == _hash(token), self._lasts())
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
            if row is None:
                return None
            whose = sa.select(persons).where(persons.c.id == row.person_id, ~persons.c.disabled)
            owner = connection.execute(whose).first()
        if owner is None:
            return None
        now_at = self._clock.now_at()
        if now_at - row.seen_at >= _SEEN_EVERY_S:
            seen = sa.update(sessions).where(sessions.c.id == row.id).values(seen_at=now_at)
            with writing(self._engine, survives_power_loss=False) as connection:
                connection.execute(seen)
        return _person_of(owner), _session_of(row)

    def sessions_of(self, person_id: str) -> list[PersonSession]:
        """Where somebody is signed in, the latest seen first."""
        query = sa.select(sessions).where(sessions.c.person_id == person_id, self._lasts())
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(sessions.c.seen_at.desc(), sessions.c.id))
            return [_session_of(row) for row in rows]

    def end_session(self, person_id: str, session_id: str) -> bool:
        """Sign somebody out of one browser; False if it is none of theirs."""
        mine = sa.and_(sessions.c.person_id == person_id, sessions.c.id == session_id)
        with writing(self._engine) as connection:
            return connection.execute(sa.delete(sessions).where(mine)).rowcount > 0

    def end_sessions(self, person_id: str) -> None:
        """Sign somebody out everywhere."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.person_id == person_id))

    def _invite(self, connection: sa.Connection, person_id: str) -> str:
        token = self._new_token()
        connection.execute(sa.delete(invitations).where(invitations.c.person_id == person_id))
        row = {"token_hash": _hash(token), "person_id": person_id}
        ends_at = self._clock.now_at() + INVITATION_S
        connection.execute(sa.insert(invitations).values(**row, expires_at=ends_at))
        return token

    def _lasts(self) -> sa.ColumnElement[bool]:
        now_at = self._clock.now_at()
        return sa.and_(sessions.c.expires_at > now_at, sessions.c.seen_at > now_at - UNUSED_S)

    def _anybody(self) -> str:
        """A hash that no password opens, so that unknown names take as long as known ones."""
        self._nobody = self._nobody or self._hashing.keep(secrets.token_urlsafe(32))
        return self._nobody


def _keep_an_administrator(connection: sa.Connection, person_id: str) -> None:
    """Refuse what leaves nobody who can see to the house."""
    others = sa.select(persons.c.id).where(
        persons.c.role == Role.ADMINISTRATOR.value, ~persons.c.disabled, persons.c.id != person_id
    )
    if connection.execute(others.limit(1).with_for_update()).first() is None:
        problem = "This is the last administrator: make another one first"
        raise AccountRefused(reason="last_administrator", problem=problem)


def _change(connection: sa.Connection, person_id: str, **values: Any) -> None:
    statement = sa.update(persons).where(persons.c.id == person_id).values(**values)
    if connection.execute(statement).rowcount == 0:
        raise UnknownPerson(name=person_id)


def _person_of(row: sa.Row[Any]) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        shown_name=row.shown_name,
        role=Role(row.role),
        invited=row.password is None,
        disabled=row.disabled,
        created_at=row.created_at,
    )


def _session_of(row: sa.Row[Any]) -> PersonSession:
    facts = dict(row._mapping)
    facts.pop("token_hash")
    return PersonSession(**facts)


def _hash(token: str) -> str:
    """Tokens are long and random, so a plain hash suffices."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
