"""``galerne key``: make, list, end and renew keys, in the ledger's database."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from galerne.cli.options import read_duration_s, read_instant_at, written_date
from galerne.cli.screen import make_console, plain_table, print_json
from galerne.cli.settings import Settings, read_settings
from galerne.clock import SystemClock
from galerne.errors import InvalidRequest
from galerne.language import phrases
from galerne.ledger import ApiKey, Ledger, Priority, Scope

MOST_LETTERS = 100
STYLES = {"active": "green", "expired": "yellow", "revoked": "red"}


@contextlib.contextmanager
def opened_ledger(settings: Settings) -> Iterator[Ledger]:
    """The ledger, for as long as a command needs it; a running daemon does not mind."""
    ledger = Ledger.open(settings.ledger_url)
    try:
        yield ledger
    finally:
        ledger.close()


def create(
    name: str,
    *,
    owner: str | None,
    project: str | None,
    scopes: Sequence[str] | None,
    models: Sequence[str] | None,
    expires: str | None,
    priority: str = "normal",
    as_json: bool,
) -> None:
    """Make a key and print its secret, which nobody can show again.

    Raises:
        InvalidRequest: a name, scope or date that cannot be.
        KeyNameTaken: another key has the name.
    """
    settings, now_at = read_settings(os.environ), SystemClock().now_at()
    for option, text in (("NAME", name), ("--owner", owner), ("--project", project)):
        if text is not None and not (text.strip() and len(text) <= MOST_LETTERS and text.isprintable()):
            raise InvalidRequest(path=option, problem=f"a name of 1 to {MOST_LETTERS} letters is needed")
    expires_at = _expiry_at(expires, now_at=now_at)
    wanted = _scopes(scopes)
    with opened_ledger(settings) as ledger:
        first = not ledger.keys.exist()
        key, secret = ledger.keys.create(
            name,
            owner=owner or name,
            project=project,
            scopes=wanted,
            models=models or None,
            expires_at=expires_at,
            priority=_priority(priority),
            at=now_at,
        )
    if as_json:
        print_json({**document(key, now_at), "key": secret})
        return
    words = phrases("galerne.cli", settings.language)
    _print_secret(secret, settings, words["key_made"].format(name=name, owner=key.owner))
    if first:
        make_console().print(words["key_first"])


def set_priority(name: str, level: str, *, as_json: bool) -> None:
    """Give a key another share.

    Raises:
        InvalidRequest: there is no such level.
        UnknownKey: there is no such key.
    """
    settings, now_at = read_settings(os.environ), SystemClock().now_at()
    priority = _priority(level)
    with opened_ledger(settings) as ledger:
        key = ledger.keys.set_priority(name, priority)
    if as_json:
        print_json(document(key, now_at))
        return
    words = phrases("galerne.cli", settings.language)
    make_console().print(words["key_priority"].format(name=key.name, level=level), markup=False)


def _priority(level: str) -> Priority:
    known = [priority.value for priority in Priority]
    if level not in known:
        raise InvalidRequest(path="--priority", problem=f"one of {', '.join(known)}, not {level!r}")
    return Priority(level)


def list_keys(*, as_json: bool) -> None:
    """Show every key without its secret."""
    settings, now_at = read_settings(os.environ), SystemClock().now_at()
    with opened_ledger(settings) as ledger:
        keys = ledger.keys.all()
    if as_json:
        print_json({"keys": [document(key, now_at) for key in keys]})
        return
    words, console = phrases("galerne.cli", settings.language), make_console()
    if not keys:
        console.print(words["key_none"])
        return
    columns = ("name", "owner", "project", "scopes", "models", "begins", "created", "expires", "status")
    table = plain_table(*(words[f"key_{column}"] for column in columns), numeric_from=len(columns))
    for key in keys:
        status = key.status(now_at)
        table.add_row(
            key.name,
            key.owner,
            key.project or "–",
            " ".join(sorted(key.scopes)),
            ", ".join(sorted(key.models)) if key.models is not None else words["key_all"],
            f"{key.prefix}…",
            written_date(key.created_at),
            written_date(key.expires_at),
            f"[{STYLES[status]}]{words[f'key_{status}']}[/]",
        )
    console.print(table)


def revoke(name: str, *, as_json: bool) -> None:
    """End a key for good.

    Raises:
        UnknownKey: there is no such key.
    """
    settings, now_at = read_settings(os.environ), SystemClock().now_at()
    with opened_ledger(settings) as ledger:
        key = ledger.keys.revoke(name, at=now_at)
    if as_json:
        print_json(document(key, now_at))
        return
    words = phrases("galerne.cli", settings.language)
    make_console().print(words["key_ended"].format(name=key.name), markup=False)


def rotate(name: str, *, keep: str | None, as_json: bool) -> None:
    """Give a key a new secret.

    Raises:
        UnknownKey: there is no such key, or it is revoked.
    """
    settings, now_at = read_settings(os.environ), SystemClock().now_at()
    keep_s = read_duration_s(keep, name="--keep") if keep else 0.0
    with opened_ledger(settings) as ledger:
        key, secret = ledger.keys.rotate(name, at=now_at, keep_s=keep_s)
    if as_json:
        print_json({**document(key, now_at), "key": secret})
        return
    words = phrases("galerne.cli", settings.language)
    _print_secret(secret, settings, words["key_renewed"].format(name=key.name))


def document(key: ApiKey, now_at: float) -> dict[str, Any]:
    """A key for a program."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "owner": key.owner,
        "project": key.project,
        "prefix": key.prefix,
        "scopes": sorted(key.scopes),
        "models": None if key.models is None else sorted(key.models),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "status": key.status(now_at),
        "priority": key.priority.value,
    }


def _print_secret(secret: str, settings: Settings, sentence: str) -> None:
    words, console = phrases("galerne.cli", settings.language), make_console()
    console.print(sentence, markup=False)
    console.print(f"  [bold]{secret}[/]", soft_wrap=True)
    console.print(words["key_once"], style="dim")


def _scopes(names: Sequence[str] | None) -> list[Scope]:
    known = [scope.value for scope in Scope]
    for name in names or ():
        if name not in known:
            raise InvalidRequest(path="--scope", problem=f"one of {', '.join(known)}, not {name!r}")
    return [Scope(name) for name in names] if names else [Scope.INFERENCE, Scope.READ]


def _expiry_at(text: str | None, *, now_at: float) -> float | None:
    if text is None:
        return None
    if text.strip()[-1:] in {"s", "m", "h", "d"}:
        return now_at + read_duration_s(text, name="--expires")
    at = read_instant_at(text, name="--expires")
    if at <= now_at:
        raise InvalidRequest(path="--expires", problem=f"{text} is past")
    return at
