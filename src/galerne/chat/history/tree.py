"""The tree that the messages of a conversation form: each branch is another way it could have gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a message stands among those that answer the same one, from 1.

    Attributes:
        n: its number.
        of: how many there are.
    """

    n: int
    of: int
    previous_id: str | None
    next_id: str | None


class MessageTree:
    """Ids of messages and who answers whom.

    Args:
        edges: id and parent of every message, the oldest first.
    """

    def __init__(self, edges: Iterable[tuple[str, str | None]]) -> None:
        self._parents: dict[str, str | None] = {}
        self._children: dict[str | None, list[str]] = defaultdict(list)
        for message_id, parent_id in edges:
            self._parents[message_id] = parent_id
            self._children[parent_id].append(message_id)

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._parents

    def path(self, leaf_id: str | None) -> list[str]:
        """From the first message to this one; without one, to the newest leaf of the newest branch."""
        at = leaf_id if leaf_id in self._parents else self.newest_leaf(None)
        found: list[str] = []
        while at is not None:
            found.append(at)
            at = self._parents[at]
        return found[::-1]

    def newest_leaf(self, message_id: str | None) -> str | None:
        """Where the newest branch below a message ends; the message itself if nothing answers it."""
        at = message_id
        while children := self._children.get(at):
            at = children[-1]
        return at

    def siblings(self, message_id: str) -> list[str]:
        """Those that answer the same message, this one among them, the oldest first."""
        return list(self._children[self._parents[message_id]])

    def place(self, message_id: str) -> Place:
        """Where a message stands among its siblings."""
        siblings = self._children[self._parents[message_id]]
        at = siblings.index(message_id)
        return Place(
            n=at + 1,
            of=len(siblings),
            previous_id=siblings[at - 1] if at > 0 else None,
            next_id=siblings[at + 1] if at + 1 < len(siblings) else None,
        )
