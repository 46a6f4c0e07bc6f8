"""People who have an account in the assistant, and where they are signed in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do: talk; and see to the house and its people too."""

    MEMBER = "member"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody with an account.

    Attributes:
        id: under which what they write is kept.
        name: to sign in with; the ledger's owner of what they use. It never changes.
        shown_name: as they are called.
        invited: they have not chosen a password yet.
        disabled: they cannot come in; what they wrote stays.
    """

    id: str
    name: str
    shown_name: str
    role: Role
    invited: bool
    disabled: bool
    created_at: float

    @property
    def is_administrator(self) -> bool:
        """Whether the house and its people are theirs to see to."""
        return self.role is Role.ADMINISTRATOR


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonSession:
    """A browser in which somebody is signed in.

    Attributes:
        id: to end it by; it opens nothing.
        device: what the browser says of itself, in two words.
    """

    id: str
    person_id: str
    device: str
    created_at: float
    seen_at: float
    expires_at: float


def device_of(user_agent: str) -> str:
    """A browser and its system in two words, by which its owner knows it again."""
    found = (
        next((name for mark, name in known if mark in user_agent), "") for known in (_BROWSERS, _SYSTEMS)
    )
    return " · ".join(name for name in found if name)


# In the order in which they are looked for: most browsers say that they are others too.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
