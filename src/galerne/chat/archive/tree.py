"""The tree in somebody else's file: put in order, thinned to what was said, refused where it is none."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from galerne.errors import InvalidRequest

_SAID = {"user", "assistant"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A message of a file.

    Attributes:
        id: as the file calls it.
        role: kept are those of ``user`` and ``assistant``.
        extra: what else the file says of it.
    """

    id: str
    parent_id: str | None
    role: str
    content: str
    extra: Mapping[str, Any] = field(default_factory=dict)


def grow(nodes: list[Node], *, path: str) -> list[Node]:
    """The messages that were said, a parent before those who answer it.

    What is left out (tools, hidden prompts, empty turns) hands those who answer it to whom it answered.

    Raises:
        InvalidRequest: two have one id, one answers what is not there, or they go round in a circle.
    """
    by_id = {node.id: node for node in nodes}
    if len(by_id) < len(nodes):
        raise InvalidRequest(path=path, problem="two messages have the same id")
    children: dict[str | None, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.parent_id is not None and node.parent_id not in by_id:
            raise InvalidRequest(path=path, problem="a message answers one that is not in the file")
        children[node.parent_id].append(node)
    kept: list[Node] = []
    n_seen = 0
    # Each waits with the message it will answer: its own parent, or who that one answered.
    waiting: deque[tuple[Node, str | None]] = deque((node, None) for node in children[None])
    while waiting:
        node, parent_id = waiting.popleft()
        n_seen += 1
        said = node.role in _SAID and (bool(node.content) or "status" in node.extra)
        if said:
            kept.append(replace(node, parent_id=parent_id))
        waiting.extend((child, node.id if said else parent_id) for child in children[node.id])
    if n_seen < len(nodes):
        raise InvalidRequest(path=path, problem="messages answer each other in a circle")
    return kept
