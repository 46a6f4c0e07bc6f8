"""A model's life in memory, and what is shown of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from galerne.engines import EngineState
from galerne.errors import GalerneError
from galerne.fleet.memory import Holding
from galerne.fleet.records import Node, Presence
from galerne.fleet.throughput import Throughput

LONGEST_RETRY_S = 60.0
"""A client is told to ask again after at most this long: an estimate of the rest of a load is rough."""
UNSEEN_RETRY_S = 2.0
"""What it is told before the load shows how fast it goes."""
LEAST_SEEN_RATIO = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Loading:
    """How far a load has come.

    Attributes:
        elapsed_s: since it was asked for.
        progress_ratio: memory taken of memory needed; 0 while it waits for room.
        retry_after_s: when to ask again.
    """

    elapsed_s: float
    progress_ratio: float
    retry_after_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentView:
    """One model of this server, as ``galerne ps`` shows it.

    Attributes:
        engine: kind of engine.
        needed_bytes: what it is expected to need; ``resident_bytes`` what its process holds now.
        tokens_per_s: of the last window, all answers together.
        power_w: its share of the machine's power above idle, by CPU time; None before the first window.
        power_method: how that power is known.
        unload_in_s: when it leaves unless it is used; None where it stays.
        load_s: how long the last load took.
        loading: while it loads.
        problem: code of the failure of its last load.
        settings: what the engine runs it with, and why.
    """

    node_id: str
    model_id: str
    model_name: str
    engine: str
    presence: Presence
    state: str
    pinned: bool
    n_active: int
    n_waiting: int
    n_slots: int
    context_tokens: int
    needed_bytes: int
    resident_bytes: int
    tokens_per_s: float
    expected_tokens_per_s: float
    power_w: float | None
    power_method: str
    unload_in_s: float | None
    load_s: float | None
    loading: Loading | None = None
    problem: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False, kw_only=True, slots=True)
class Resident:
    """What the pool knows of one node.

    Attributes:
        own_aliases: the names it was given, before those of the cloud.
        keep_s: how long it stays unused; None for as long as nobody needs its room.
        n_held: answers that use it now.
        n_wanted: requests that wait for it to load.
        is_leaving: it is being unloaded, or will be as soon as it is idle.
        is_claimed: another model has waited long for its room: it takes no further requests.
        used_s: when it was last used.
        load: the task that loads it.
        asked_s: when that was asked for.
        has_room: the load has its room, and the engine is starting.
        anyway: somebody wants it loaded even if it does not fit.
        failure: of the last load.
    """

    node: Node
    throughput: Throughput
    own_aliases: tuple[str, ...] = ()
    keep_s: float | None = None
    pinned: bool = False
    n_held: int = 0
    n_wanted: int = 0
    is_leaving: bool = False
    is_claimed: bool = False
    used_s: float = 0.0
    load: asyncio.Task[None] | None = None
    asked_s: float = 0.0
    has_room: bool = False
    anyway: bool = False
    failure: GalerneError | None = None
    processor_s: float = 0.0
    processor_ratio: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether the engine takes requests; a crashed one does, and restarts meanwhile."""
        state = self.node.engine.status().state
        is_going = self.is_leaving or self.is_claimed
        return state in {EngineState.READY, EngineState.CRASHED} and not is_going

    @property
    def holds_memory(self) -> bool:
        """Whether memory is used by it or promised to it."""
        return self.has_room or self.node.engine.status().state is not EngineState.STOPPED

    @property
    def is_idle(self) -> bool:
        """Whether it could leave without breaking a promise."""
        return not self.n_held and (self.is_claimed or not self.n_wanted)

    def holding(self) -> Holding:
        """Its memory, for the decision."""
        return Holding(
            node_id=self.node.node_id,
            needed_bytes=self.node.needed_bytes,
            taken_bytes=self.node.engine.memory().private_bytes,
            is_idle=self.is_idle and self.load is None and not self.is_leaving,
            may_leave=not self.pinned,
            used_s=self.used_s,
        )

    def presence(self) -> Presence:
        """Whether it can answer at once."""
        if self.load is not None:
            return Presence.LOADING
        if self.node.engine.status().state is EngineState.STOPPED:
            return Presence.INSTALLED
        return Presence.LEAVING if self.is_leaving else Presence.LOADED

    def loading(self, *, now_s: float) -> Loading:
        """How far its load has come, by the memory its process holds."""
        elapsed_s = now_s - self.asked_s
        needed_bytes = self.node.needed_bytes
        ratio = self.node.engine.memory().resident_bytes / needed_bytes if needed_bytes else 0.0
        ratio = min(0.99, ratio) if self.has_room else 0.0
        rest_s = elapsed_s * (1.0 - ratio) / ratio if ratio >= LEAST_SEEN_RATIO else UNSEEN_RETRY_S
        return Loading(
            elapsed_s=elapsed_s,
            progress_ratio=ratio,
            retry_after_s=max(1.0, min(rest_s, LONGEST_RETRY_S)),
        )
