"""Ids that sort by time and cannot be guessed: 48 bits of milliseconds, 80 of chance (the ULID layout)."""

from __future__ import annotations

import secrets
from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
_LENGTH = 26


def sortable_id(prefix: str, at: float, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A new id such as ``rcpt_01J9ZK...``.

    Args:
        prefix: what the id names, without the underscore.
        at: its instant.
        random_bytes: where chance comes from.
    """
    number = int(max(at, 0.0) * 1000) << 80 | int.from_bytes(random_bytes(10), "big")
    digits = (_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))
    return f"{prefix}_{''.join(digits)}"
