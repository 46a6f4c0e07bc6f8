"""Passwords: kept as scrypt hashes, each with its own salt and the parameters it was made with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass

from galerne.errors import AccountRefused

SHORTEST = 10
LONGEST = 1_000
_LEAST_DIFFERENT = 4
_SALT_BYTES = 16
_HASH_BYTES = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Hashing:
    """How much work a guess costs: one of OWASP's settings of equal strength, 32 MiB and three rounds.

    Attributes:
        n_mixes: scrypt's N; memory is 128 bytes times this times ``n_blocks``.
        n_blocks: scrypt's r.
        n_lanes: scrypt's p.
    """

    n_mixes: int = 2**15
    n_blocks: int = 8
    n_lanes: int = 3

    def keep(self, password: str) -> str:
        """What is kept of a password."""
        salt = secrets.token_bytes(_SALT_BYTES)
        parts = (self.n_mixes, self.n_blocks, self.n_lanes, _text(salt), _text(self._digest(password, salt)))
        return "$".join(("scrypt", *map(str, parts)))

    def _digest(self, password: str, salt: bytes) -> bytes:
        return hashlib.scrypt(
            unicodedata.normalize("NFKC", password).encode(errors="surrogatepass"),
            salt=salt,
            n=self.n_mixes,
            r=self.n_blocks,
            p=self.n_lanes,
            maxmem=2 * 128 * self.n_mixes * self.n_blocks + 2**20,
            dklen=_HASH_BYTES,
        )


def is_right(password: str, kept: str) -> bool:
    """Whether this is the password of which that was kept."""
    _, cost, block, lanes, salt, digest = kept.split("$")
    made = Hashing(n_mixes=int(cost), n_blocks=int(block), n_lanes=int(lanes))._digest(password, _bytes(salt))
    return hmac.compare_digest(made, _bytes(digest))


def check_new(password: str, *, name: str) -> None:
    """Refuse a password that is guessed at once.

    Raises:
        AccountRefused: it is too short or too long, or the name itself.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        problem = f"A password has from {SHORTEST} to {LONGEST} characters, not {len(password)}"
        raise AccountRefused(reason="password_length", problem=problem)
    is_mostly_name = name.casefold() in password.casefold() and len(password) < len(name) + SHORTEST
    if is_mostly_name or len(set(password)) < _LEAST_DIFFERENT:
        problem = "A password is not the name, nor a few characters over and over"
        raise AccountRefused(reason="password_simple", problem=problem)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
