"""Who is next: a virtual counter of tokens per key, without clocks, tasks or engines.

Each key has a counter of what it was served, over its weight; the key that waits with the least is next, and
within a key it is first come, first served (the virtual token counter of Sheng et al., OSDI 2024). A key that
comes back from idleness starts where the last one stood: being away earns no credit. What an answer will take
is charged when it begins, and corrected when it has ended: between keys it is what was really served that
counts.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field

READ_WEIGHT = 1.0
WRITE_WEIGHT = 2.0
"""What a token written counts, over one that is read: it takes a step of its own."""


def work_of(*, read_tokens: float, written_tokens: float) -> float:
    """What is charged for tokens."""
    return READ_WEIGHT * read_tokens + WRITE_WEIGHT * written_tokens


@dataclass(eq=False, kw_only=True, slots=True)
class Ticket:
    """One request in line.

    Attributes:
        key: on whose account it is.
        weight: share of that key, over that of others.
        work: what it is expected to take.
        tokens: expected, of prompt and answer.
        service_s: expected time in a place.
    """

    key: str
    weight: float
    work: float
    tokens: float
    service_s: float
    number: int = 0
    has_left: bool = False


@dataclass(slots=True)
class _Waiting:
    tickets: deque[Ticket] = field(default_factory=deque)
    n: int = 0
    service_s: float = 0.0
    tokens: float = 0.0
    weight: float = 1.0


class FairLine:
    """A line before some places. Every operation takes the logarithm of the number of keys, or less."""

    def __init__(self) -> None:
        self._served: dict[str, float] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._in_place: dict[str, int] = {}
        self._last = 0.0
        self._numbers = itertools.count(1)
        self.n_waiting = 0
        self.waiting_tokens = 0.0
        self.waiting_s = 0.0
        self.waiting_weight = 0.0

    def waiting_of(self, key: str) -> tuple[int, float, float]:
        """How many requests of a key wait, their time and their tokens."""
        found = self._waiting.get(key)
        return (found.n, found.service_s, found.tokens) if found else (0, 0.0, 0.0)

    def keys(self) -> dict[str, int]:
        """How many requests wait, by key."""
        return {key: found.n for key, found in self._waiting.items()}

    def served(self, key: str) -> float:
        """The counter of a key."""
        return self._served.get(key, self._last)

    def join(self, ticket: Ticket) -> None:
        """Stand in line."""
        self._lift(ticket.key)
        ticket.number = next(self._numbers)
        found = self._waiting.get(ticket.key)
        if found is None:
            found = self._waiting[ticket.key] = _Waiting(weight=ticket.weight)
            self.waiting_weight += ticket.weight
        found.tickets.append(ticket)
        found.n += 1
        found.service_s += ticket.service_s
        found.tokens += ticket.tokens
        self._count(ticket, 1)
        if found.n == 1:
            self._offer(ticket.key)

    def leave(self, ticket: Ticket) -> None:
        """Give up waiting."""
        ticket.has_left = True
        self._forget(ticket)

    def take_next(self) -> Ticket | None:
        """The ticket whose turn it is, charged what it is expected to take; None where nobody waits."""
        while self._heap:
            served, number, key = heapq.heappop(self._heap)
            found = self._waiting.get(key)
            if found is None or served != self._served[key] or found.tickets[0].number != number:
                continue  # the key has moved since
            ticket = found.tickets.popleft()
            self._forget(ticket)
            self.charge(ticket)
            return ticket
        return None

    def charge(self, ticket: Ticket) -> None:
        """A ticket takes a place, from the line or, where nobody waits, at once."""
        self._lift(ticket.key)
        self._last = max(self._last, self._served[ticket.key])
        self._in_place[ticket.key] = self._in_place.get(ticket.key, 0) + 1
        self._add(ticket, ticket.work)

    def end(self, ticket: Ticket, work: float) -> None:
        """A ticket leaves its place, having taken so much."""
        left = self._in_place[ticket.key] - 1
        self._add(ticket, work - ticket.work)
        if left:
            self._in_place[ticket.key] = left
            return
        del self._in_place[ticket.key]
        if ticket.key not in self._waiting and self._served[ticket.key] <= self._last:
            del self._served[ticket.key]  # it would be lifted at its next request anyway
        if not self._in_place and not self._waiting:
            self._served.clear()  # nobody is there to be fair to
            self._heap.clear()
            self._last = 0.0

    def _add(self, ticket: Ticket, work: float) -> None:
        self._served[ticket.key] += work / ticket.weight
        if ticket.key in self._waiting:
            self._offer(ticket.key)

    def _lift(self, key: str) -> None:
        """Being away earns no credit."""
        if key not in self._waiting and key not in self._in_place:
            self._served[key] = max(self._served.get(key, 0.0), self._last)

    def _offer(self, key: str) -> None:
        heapq.heappush(self._heap, (self._served[key], self._waiting[key].tickets[0].number, key))
        if len(self._heap) > 64 + 8 * len(self._waiting):
            self._heap = [
                (self._served[name], found.tickets[0].number, name) for name, found in self._waiting.items()
            ]
            heapq.heapify(self._heap)

    def _forget(self, ticket: Ticket) -> None:
        """Take a ticket out of the counts, and whoever has left off the front of its key's line."""
        found = self._waiting[ticket.key]
        found.n -= 1
        found.service_s -= ticket.service_s
        found.tokens -= ticket.tokens
        self._count(ticket, -1)
        if not found.n:
            del self._waiting[ticket.key]
            self.waiting_weight -= found.weight
            if not self._waiting:  # no rounding is carried on
                self.waiting_s = self.waiting_tokens = self.waiting_weight = 0.0
            return
        while found.tickets[0].has_left:
            found.tickets.popleft()
        self._offer(ticket.key)

    def _count(self, ticket: Ticket, sign: int) -> None:
        self.n_waiting += sign
        self.waiting_tokens += sign * ticket.tokens
        self.waiting_s += sign * ticket.service_s
