"""``galerne people``: accounts of the assistant, in the chat's database; a running daemon sees them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from galerne.chat.history.store import ChatStore, open_chat
from galerne.chat.people.records import Person, Role
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.clock import SystemClock
from galerne.errors import AccountRefused, InvalidRequest
from galerne.language import Language, phrases
from galerne.storage import read_daemon, sqlite_url


@contextlib.contextmanager
def opened_chat(settings: Settings) -> Iterator[ChatStore]:
    """The chat store, for as long as a command needs it; a running daemon does not mind."""
    settings.chat_path.parent.mkdir(parents=True, exist_ok=True)
    store = open_chat(sqlite_url(settings.chat_path), clock=SystemClock())
    try:
        yield store
    finally:
        store.close()


def add(name: str, *, admin: bool, shown_name: str, as_json: bool) -> None:
    """Make an account and print its invitation, which nobody can show again.

    Raises:
        AccountRefused: the name cannot be or is taken, or the first account is no administrator's.
    """
    settings = read_settings(os.environ)
    role = Role.ADMINISTRATOR if admin else Role.MEMBER
    with opened_chat(settings) as store:
        first = not store.people.exist()
        person, token = store.people.add(name, role=role, shown_name=shown_name)
    _print_invitation(settings, person, token, as_json=as_json)
    if first and not as_json:
        make_console().print(phrases("galerne.cli", settings.language)["people_first"], markup=False)


def list_people(*, as_json: bool) -> None:
    """Show everybody."""
    settings = read_settings(os.environ)
    with opened_chat(settings) as store:
        people = store.people.all()
    if as_json:
        print_json({"people": [_document(person) for person in people]})
        return
    words, console = phrases("galerne.cli", settings.language), make_console()
    if not people:
        console.print(words["people_none"], markup=False)
        return
    columns = ("name", "called", "role", "state", "since")
    table = plain_table(*(words[f"people_{column}"] for column in columns))
    for person in people:
        since = f"{datetime.fromtimestamp(person.created_at, tz=UTC):%Y-%m-%d}"
        role, state = words[f"people_{person.role.value}"], words[f"people_{_state(person)}"]
        table.add_row(person.name, person.shown_name, role, state, since)
    console.print(table)


def set_role(name: str, level: str, *, as_json: bool) -> None:
    """Give somebody another role.

    Raises:
        InvalidRequest: there is no such role.
        AccountRefused: nobody else could see to the house.
        UnknownPerson: there is no such account.
    """
    if level not in set(Role):
        problem = f"one of {', '.join(role.value for role in Role)}, not {level!r}"
        raise InvalidRequest(path="LEVEL", problem=problem)
    settings = read_settings(os.environ)
    with opened_chat(settings) as store:
        store.people.set_role(store.people.person(name).id, Role(level))
        person = store.people.person(name)
    _print_changed(person, settings.language, as_json=as_json)


def set_disabled(name: str, *, disabled: bool, as_json: bool) -> None:
    """Keep somebody out, or let them in again.

    Raises:
        AccountRefused: nobody else could see to the house.
        UnknownPerson: there is no such account.
    """
    settings = read_settings(os.environ)
    with opened_chat(settings) as store:
        store.people.set_disabled(store.people.person(name).id, disabled=disabled)
        person = store.people.person(name)
    _print_changed(person, settings.language, as_json=as_json)


def reset(name: str, *, as_json: bool) -> None:
    """End a password and its sessions, and print a new invitation.

    Raises:
        UnknownPerson: there is no such account.
    """
    settings = read_settings(os.environ)
    with opened_chat(settings) as store:
        person = store.people.person(name)
        token = store.people.invite_again(person.id)
    _print_invitation(settings, person, token, as_json=as_json)


def remove(name: str, *, sure: bool, as_json: bool) -> None:
    """Delete an account and all that is its.

    Raises:
        AccountRefused: others would be left without an administrator, or nobody said that it is meant.
        UnknownPerson: there is no such account.
    """
    settings = read_settings(os.environ)
    words = phrases("galerne.cli", settings.language)
    with opened_chat(settings) as store:
        person = store.people.person(name)
        n_conversations = store.n_conversations(person.id)
        if not sure and not _is_meant(words["people_remove_ask"].format(name=person.name, n=n_conversations)):
            raise AccountRefused(reason="not_sure", problem="Nothing was deleted: add --yes to delete it")
        store.people.remove(person.id)
        store.erase_all(person.id)
    if as_json:
        print_json({**_document(person), "n_conversations_erased": n_conversations})
        return
    text = words["people_removed"].format(name=person.name, n=n_conversations)
    make_console().print(text, markup=False)


def _is_meant(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes", "o", "oui"}


def _print_invitation(settings: Settings, person: Person, token: str, *, as_json: bool) -> None:
    daemon = read_daemon(settings.home)
    serving = daemon.address if daemon is not None else None
    link = f"{serving or f'http://127.0.0.1:{settings.port}'}/invitation/{token}"
    if as_json:
        print_json({**_document(person), "invitation": link})
        return
    words, console = phrases("galerne.cli", settings.language), make_console()
    console.print(words["people_link"].format(name=person.shown_name), markup=False)
    print(link)
    if serving is None:
        console.print(words["people_serve"], markup=False)


def _print_changed(person: Person, language: Language, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(person))
        return
    words = phrases("galerne.cli", language)
    facts = {"role": words[f"people_{person.role.value}"], "state": words[f"people_{_state(person)}"]}
    make_console().print(words["people_changed"].format(name=person.name, **facts), markup=False)


def _state(person: Person) -> str:
    return "disabled" if person.disabled else "invited" if person.invited else "active"


def _document(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "shown_name": person.shown_name,
        "role": person.role.value,
        "state": _state(person),
        "created_at": person.created_at,
    }
