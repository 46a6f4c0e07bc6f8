"""The chain of hashes over the events of one writer: what was written cannot be changed unseen.

    link(n) = SHA-256(link(n - 1) ‖ canonical(n)),  link(-1) = 32 zero bytes

The canonical form of an event is JSON without spaces: version, writer, position, kind, and the event's
fields in alphabetical order. This form is for ever: another one would get another version number. Version 2
has the fields that version 1 did not know; an event in which none of them says anything is of version 1, so
that what was sealed then reads as it did, and no field can be added to it or taken away unseen.

A chain shows that an event was changed, removed, added or moved. That its end was cut off together with
the record of where it ends is shown only by a head noted elsewhere; ``galerne ledger verify`` prints it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

GENESIS = bytes(32)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _float(value: Any) -> float:
    return float(value) + 0.0  # SQLite does not keep the sign of zero


_ANSWER: dict[str, Callable[[Any], Any]] = {
    "answer_id": str,
    "request_id": str,
    "key_id": str,
    "node_id": str,
    "model_id": str,
    "prompt_tokens": int,
    "cached_tokens": int,
    "new_tokens": int,
    "queued_s": _float,
    "prefill_s": _float,
    "decode_s": _float,
    "finish_reason": str,
    "at": _float,
    "day": int,
    "factors_id": str,
}
_SETTLEMENT: dict[str, Callable[[Any], Any]] = {
    "answer_id": str,
    "revision": int,
    "started_at": _float,
    "ended_at": _float,
    "active_uj": int,
    "idle_uj": int,
    "device_s": _float,
    "method": str,
    "coverage_ratio": _float,
    "final": bool,
    "at": _float,
}
_ENTRY: dict[str, Callable[[Any], Any]] = {
    "entry_id": str,
    "node_id": str,
    "started_at": _float,
    "ended_at": _float,
    "meter_uj": int,
    "answers_uj": int,
    "idle_uj": int,
    "loading_uj": int,
    "foreign_uj": int,
    "unattributed_uj": int,
    "open_uj": int,
    "method": str,
    "coverage_ratio": _float,
}
SEALED: Mapping[str, Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {"answer": _ANSWER, "settlement": _SETTLEMENT, "entry": _ENTRY}
)
"""The sealed fields of each kind of event, each with its type, so that every database reads back the same."""

SEALED_SINCE_2: Mapping[str, Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {"settlement": {"accelerator_uj": int}}
)
"""Fields that came with version 2: sealed where they are known."""


def event_fields(kind: str, row: Mapping[Any, Any]) -> dict[str, Any]:
    """The sealed fields of an event, as plain data."""
    return {
        **{name: None if row[name] is None else cast(row[name]) for name, cast in SEALED[kind].items()},
        **_newer_fields(kind, row),
    }


def _newer_fields(kind: str, row: Mapping[Any, Any]) -> dict[str, Any]:
    newer = SEALED_SINCE_2.get(kind, {})
    return {name: cast(row[name]) for name, cast in newer.items() if row.get(name) is not None}


def link_of(previous: bytes, *, writer_id: str, position: int, kind: str, row: Mapping[Any, Any]) -> bytes:
    """The link that seals an event.

    Args:
        previous: the link before, or ``GENESIS``.
        writer_id: whose chain this is.
        position: of the event in it, from 0.
        kind: ``answer``, ``settlement`` or ``entry``.
        row: the event; fields that are not sealed are ignored.
    """
    version = 2 if _newer_fields(kind, row) else 1
    body = [version, writer_id, position, kind, event_fields(kind, row)]
    canonical = _CANONICAL.encode(body)
    return hashlib.sha256(previous + canonical.encode()).digest()


@dataclass(kw_only=True, slots=True)
class Seal:
    """The growing end of one writer's chain."""

    writer_id: str
    n_events: int = 0
    head: bytes = GENESIS

    def close(self, kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row, sealed as the next event of the chain."""
        self.head = link_of(self.head, writer_id=self.writer_id, position=self.n_events, kind=kind, row=row)
        sealed = {**row, "writer_id": self.writer_id, "position": self.n_events, "link": self.head}
        self.n_events += 1
        return sealed
