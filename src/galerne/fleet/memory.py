"""Which models must leave so that another has room. Pure: numbers in, a decision out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """The memory of one model that is loaded, or is being loaded.

    Attributes:
        needed_bytes: all that it needs while it works.
        taken_bytes: the part that the system no longer counts as free. Weights that are mapped from a file
            are used by the model and yet counted as free: they are not taken.
        is_idle: nobody uses it or waits for it, and it is neither being loaded nor leaving.
        may_leave: it is not pinned.
        used_s: when it was last used, on any scale.
    """

    node_id: str
    needed_bytes: int
    taken_bytes: int
    is_idle: bool
    may_leave: bool
    used_s: float

    @property
    def promised_bytes(self) -> int:
        """What it will use of the memory that now counts as free."""
        return max(0, self.needed_bytes - self.taken_bytes)

    @property
    def freed_bytes(self) -> int:
        """What its end leaves to others."""
        return max(self.needed_bytes, self.taken_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """How a model gets its room.

    Attributes:
        leaving: idle models to unload first, the longest unused first; no more than it takes.
        busy: models whose answers must end before there is room; empty where there is room now.
        reachable_bytes: the most it could have, were everything unloaded that may be.
        fits: whether there is room once ``leaving`` have left.
    """

    fits: bool
    leaving: tuple[str, ...]
    busy: tuple[str, ...]
    reachable_bytes: int


def find_room(
    needed_bytes: int, *, free_bytes: int, holdings: Iterable[Holding], budget_bytes: int | None = None
) -> Room:
    """Decide what leaves so that a model of this size fits.

    Args:
        needed_bytes: of the model to load.
        free_bytes: memory the system counts as available at this moment.
        holdings: the models that are loaded or being loaded.
        budget_bytes: the most that all models together may use; None for no limit but the machine's.
    """
    held = list(holdings)
    spare_bytes = free_bytes - sum(holding.promised_bytes for holding in held)
    if budget_bytes is not None:
        spare_bytes = min(spare_bytes, budget_bytes - sum(holding.needed_bytes for holding in held))
    movable = sorted((h for h in held if h.may_leave), key=lambda h: (h.used_s, h.node_id))
    idle = [holding for holding in movable if holding.is_idle]
    working = [holding for holding in movable if not holding.is_idle]
    reachable_bytes = spare_bytes + sum(holding.freed_bytes for holding in movable)
    if spare_bytes + sum(holding.freed_bytes for holding in idle) >= needed_bytes:
        leaving = _least(needed_bytes - spare_bytes, idle)
        return Room(fits=True, leaving=leaving, busy=(), reachable_bytes=reachable_bytes)
    missing_bytes = needed_bytes - spare_bytes - sum(holding.freed_bytes for holding in idle)
    busy = _least(missing_bytes, working) if reachable_bytes >= needed_bytes else ()
    leaving = tuple(holding.node_id for holding in idle)
    return Room(fits=False, leaving=leaving, busy=busy, reachable_bytes=reachable_bytes)


def _least(missing_bytes: int, movable: Sequence[Holding]) -> tuple[str, ...]:
    """The first of these that free as much together, without those that turn out not to be needed."""
    chosen: list[Holding] = []
    for holding in movable:
        if missing_bytes <= 0:
            break
        chosen.append(holding)
        missing_bytes -= holding.freed_bytes
    for holding in reversed(chosen[:-1]):
        if missing_bytes + holding.freed_bytes <= 0:
            chosen.remove(holding)
            missing_bytes += holding.freed_bytes
    return tuple(holding.node_id for holding in chosen)
