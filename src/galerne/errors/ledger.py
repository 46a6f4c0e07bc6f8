"""Faults of the books."""

from __future__ import annotations

from galerne.errors.root import GalerneError, failure


class LedgerError(GalerneError):
    """The accounts refuse an entry."""


@failure
class EntryConflict(LedgerError):
    """An event with this id is already written, and differs."""

    advice = "Events are immutable; use a new id."
    sentence = "The event {entry_id} is already in the ledger with other contents"
    entry_id: str


@failure
class UnknownReceipt(LedgerError):
    """No receipt with this id."""

    advice = "The id is in the `galerne-receipt` header of the answer."
    sentence = "There is no receipt {receipt_id!r}"
    receipt_id: str


@failure
class UnknownKey(LedgerError):
    """No key with this id or name."""

    advice = "`galerne key list` shows every key."
    sentence = "There is no key {key!r}"
    key: str
    nearest: str | None = None


@failure
class KeyNameTaken(LedgerError):
    """Another key has this name."""

    advice = "Choose another name, or `galerne key rotate` the key that has it."
    sentence = "There is a key named {name!r} already"
    name: str


@failure
class LedgerBroken(LedgerError):
    """An event is not what was written; names the first one."""

    advice = (
        "Restore the last good backup with `galerne ledger restore`, and find out who changed the ledger."
    )
    sentence = "The chain of {writer_id} is broken at event {position} ({event_id}): {problem}"
    writer_id: str
    position: int
    event_id: str
    problem: str


@failure
class LedgerSumsBroken(LedgerError):
    """A day's sums are not those of its events."""

    advice = "The events are whole: `galerne ledger rebuild` makes the sums anew from them."
    sentence = "The sums that reports read for {day} are not those of the events of that day"
    day: str


@failure
class LedgerNotEmpty(LedgerError):
    """A backup is restored into an empty ledger only."""

    advice = "Restore into another folder by GALERNE_HOME, or move the ledger there is away first."
    sentence = "The ledger already holds {n_events} events"
    n_events: int
