"""Several models in one memory: loaded when asked for, unloaded when idle or when another needs the room.

The rules, tested one by one in ``tests/fleet/test_pool.py`` (reasons in ``docs/adr``):

* Requests for a model that is not loaded share one load; loads of different models run side by side.
* A load takes what is free at that moment; where that is too little, models leave that nobody uses, the
  longest unused first, and no more of them than it takes. A model that answers is never unloaded for another.
* Where only busy models stand in the way, loads wait in the order in which they were asked for; a later one
  goes first only if it needs nobody to leave. After ``FAIR_S`` the models in the way take no further requests
  until they have made room, so that a stream of answers cannot keep another model out for ever.
* A client that leaves before its model has its room evicts nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from galerne.clock import Clock
from galerne.engines import EngineState
from galerne.errors import DoesNotFit, GalerneError, ModelLoading, NoNode
from galerne.fleet.aliases import cloud_aliases
from galerne.fleet.memory import Room, find_room
from galerne.fleet.records import LoadTerms, Node
from galerne.fleet.residents import Resident
from galerne.fleet.throughput import Throughput

FAIR_S = 5.0
"""How long a load waits for busy models before they take no further requests."""
LOOK_S = 0.5
"""How often a waiting load looks again: memory also comes free without our doing."""
SCAN_S = 2.0
"""Models are looked for on the disk at most this often."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolRules:
    """What the owner chose.

    Attributes:
        keep_s: how long an unused model stays loaded; None for as long as nobody needs its room.
        patience_s: how long a request waits for its model, where the client does not say; None for ever.
        budget_bytes: the most memory for all models together; None for what is free.
        load_anyway: load also what does not fit.
        pinned: ids of models that are loaded at the start and stay.
    """

    keep_s: float | None = 300.0
    patience_s: float | None = 120.0
    budget_bytes: int | None = None
    load_anyway: bool = False
    pinned: tuple[str, ...] = ()


class Pool:
    """The nodes of this server and which of them are loaded.

    Args:
        find_nodes: the nodes there are now, the default one first; the same objects each time. May take a
            while: it is called in a thread.
        free_bytes: memory available to models at this moment.
        booking: entered while a model is loaded, for its energy.
        clock: time.
        rules: the owner's choices.
    """

    def __init__(
        self,
        *,
        find_nodes: Callable[[], Sequence[Node]],
        free_bytes: Callable[[], int],
        booking: Callable[[], AbstractContextManager[None]],
        clock: Clock,
        rules: PoolRules | None = None,
    ) -> None:
        self.rules = rules or PoolRules()
        self._find_nodes = find_nodes
        self._free_bytes = free_bytes
        self._booking = booking
        self._clock = clock
        self._residents: dict[str, Resident] = {}
        self._queue: list[Resident] = []
        self._changed = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()
        self._scanned_s: float | None = None
        self._is_closed = False
        self._ticked_s = clock.monotonic_s()
        self._adopt(find_nodes())

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, the default one first."""
        return tuple(resident.node for resident in self._residents.values())

    @property
    def residents(self) -> tuple[Resident, ...]:
        """Every node with what is known of its life in memory."""
        return tuple(self._residents.values())

    def resident(self, name: str) -> Resident | None:
        """The first node whose model answers to a name."""
        return next((each for each in self._residents.values() if each.node.answers_to(name)), None)

    def resident_of(self, node: Node) -> Resident:
        """What is known of a node."""
        return self._residents[node.node_id]

    def knows(self, name: str) -> bool:
        """Whether any node's model answers to a name."""
        return self.resident(name) is not None

    async def refresh(self) -> None:
        """Look for models that have come or gone, unless that was done a moment ago."""
        now_s = self._clock.monotonic_s()
        if self._scanned_s is None or now_s - self._scanned_s >= SCAN_S:
            self._scanned_s = now_s
            self._adopt(await asyncio.to_thread(self._find_nodes))

    def start_loading(self, node: Node, terms: LoadTerms | None = None) -> asyncio.Task[None]:
        """Begin to load a model, or join the load under way."""
        resident = self.resident_of(node)
        resident.anyway |= self.rules.load_anyway or (terms is not None and terms.anyway)
        if self._is_closed:
            raise NoNode(rejected={node.node_id: "the server is stopping"})
        if resident.load is None:
            resident.asked_s = self._clock.monotonic_s()
            resident.load = asyncio.create_task(self._load(resident), name=f"load {node.node_id}")
            resident.load.add_done_callback(_retrieve)
        return resident.load

    @contextlib.asynccontextmanager
    async def held(self, node: Node, terms: LoadTerms | None = None) -> AsyncGenerator[float]:
        """Use a model: it is loaded on entry and stays while the block lasts. Yields the seconds waited.

        Raises:
            ModelLoading: it is not ready within the client's patience; the load goes on.
            DoesNotFit: there is not enough memory, and nobody wants it loaded anyway.
            GalerneError: why it cannot be loaded.
        """
        resident = self.resident_of(node)
        waited_s = 0.0
        if not resident.is_up:
            waited_s = await self._wait_until_up(resident, terms or LoadTerms())
        resident.n_held += 1
        try:
            yield waited_s
        finally:
            resident.n_held -= 1
            resident.used_s = self._clock.monotonic_s()
            self._notify()

    async def unload(self, node: Node, *, now: bool = False) -> None:
        """Unload a model once its answers have ended; it is loaded again when it is asked for.

        Args:
            node: whose model.
            now: do not wait for its answers; they break off.
        """
        resident = self.resident_of(node)
        resident.pinned = False
        if resident.load is not None and (now or not resident.n_wanted):
            resident.load.cancel()
            await asyncio.wait({resident.load})
        if node.engine.status().state is EngineState.STOPPED:
            return
        resident.is_leaving = True
        try:
            while resident.n_held and not now:
                await self._change()
            await self._stop(resident)
        finally:
            resident.is_leaving = False
            self._notify()

    def pin(self, node: Node, *, pinned: bool) -> None:
        """Keep a model loaded whatever happens, or no longer."""
        self.resident_of(node).pinned = pinned
        self._notify()

    def tick(self) -> None:
        """To be called about every second: lets idle models go, and closes the windows of what is shown."""
        now_s = self._clock.monotonic_s()
        for resident in self._residents.values():
            self._measure(resident, elapsed_s=now_s - self._ticked_s)
            if resident.is_up and resident.is_idle and self.leaves_in_s(resident) == 0.0:
                resident.is_leaving = True
                self._in_background(self._stop(resident))
        self._ticked_s = now_s

    def leaves_in_s(self, resident: Resident) -> float | None:
        """Seconds until a model leaves unless it is used; None where it stays."""
        if resident.keep_s is None or resident.pinned or not resident.is_up:
            return None
        unused_s = 0.0 if not resident.is_idle else self._clock.monotonic_s() - resident.used_s
        return max(0.0, resident.keep_s - unused_s)

    async def close(self) -> None:
        """End every load and every engine."""
        self._is_closed = True
        loads = {each.load for each in self._residents.values() if each.load is not None}
        for task in loads | self._leaving:
            task.cancel()
        if loads | self._leaving:
            await asyncio.wait(loads | self._leaving)
        await asyncio.gather(*(node.engine.stop() for node in self.nodes), return_exceptions=True)

    def _adopt(self, nodes: Sequence[Node]) -> None:
        """Take in new nodes, let go of those that are no longer there, and give out the cloud's names."""
        known = self._residents
        found = {node.node_id: known.get(node.node_id) or self._new_resident(node) for node in nodes}
        for node_id, resident in known.items():
            if node_id not in found and (resident.holds_memory or not resident.is_idle):
                found[node_id] = resident  # its file is gone; it still answers until it is unloaded
        self._residents = found
        by_cloud = cloud_aliases([each.node.model_id for each in found.values()])
        for each in found.values():
            further = [name for name in by_cloud[each.node.model_id] if name not in each.own_aliases]
            each.node.aliases = (*each.own_aliases, *further)

    def _new_resident(self, node: Node) -> Resident:
        return Resident(
            node=node,
            throughput=Throughput(clock=self._clock),
            own_aliases=node.aliases,
            keep_s=self.rules.keep_s if node.may_leave_idle else None,
            pinned=node.model_id in self.rules.pinned,
            processor_s=node.engine.processor_s(),
        )

    async def _wait_until_up(self, resident: Resident, terms: LoadTerms) -> float:
        began_s = self._clock.monotonic_s()
        patience_s = self.rules.patience_s if terms.patience_s is None else terms.patience_s
        resident.n_wanted += 1
        gave_up = False
        try:
            async with asyncio.timeout(patience_s) as limit:
                while not resident.is_up:
                    if resident.is_leaving or resident.is_claimed:
                        await self._change()
                    else:
                        load = self.start_loading(resident.node, terms)
                        await asyncio.wait({load})
                        _raise_failure(load)
        except TimeoutError:
            if not limit.expired():
                raise
            gave_up = True
            loading = resident.loading(now_s=self._clock.monotonic_s())
            raise ModelLoading(
                model=resident.node.model_id,
                elapsed_s=loading.elapsed_s,
                progress_ratio=loading.progress_ratio,
                retry_after_s=loading.retry_after_s,
            ) from None
        finally:
            resident.n_wanted -= 1
            # Who was told to ask again will; who left will not, and must not evict anybody.
            if resident.is_idle and resident.load and not resident.has_room and not gave_up:
                resident.load.cancel()
        return self._clock.monotonic_s() - began_s

    async def _load(self, resident: Resident) -> None:
        engine = resident.node.engine
        try:
            await self._make_room(resident)
            try:
                with self._booking():
                    await engine.start()
            except asyncio.CancelledError:
                await engine.stop()
                raise
            resident.failure = None
        except GalerneError as error:
            resident.failure = error
            raise
        finally:
            resident.load = None
            resident.has_room = resident.anyway = False
            resident.used_s = self._clock.monotonic_s()
            self._notify()

    async def _make_room(self, resident: Resident) -> None:
        """Wait for room and let those leave that are in the way; on return the room is promised."""
        if not resident.node.needed_bytes:
            resident.has_room = True
            return
        self._queue.append(resident)
        waiting_since_s = self._clock.monotonic_s()
        claimed: list[Resident] = []
        try:
            while True:
                room = self._look(resident)
                if room.reachable_bytes < resident.node.needed_bytes:
                    if not resident.anyway:
                        raise DoesNotFit(
                            needed_bytes=resident.node.needed_bytes,
                            free_bytes=max(0, room.reachable_bytes),
                            model=resident.node.model_id,
                        )
                    break
                is_first = self._queue[0] is resident
                if room.fits and (is_first or not room.leaving):
                    break
                if is_first and self._clock.monotonic_s() - waiting_since_s >= FAIR_S:
                    in_the_way = [self._residents[node_id] for node_id in room.busy]
                    claimed += [other for other in in_the_way if other.load is None]
                    for other in claimed:
                        other.is_claimed = True
                await self._change(LOOK_S)
            resident.has_room = True
            leaving = [self._residents[node_id] for node_id in room.leaving]
            for other in leaving:
                other.is_leaving = True
        finally:
            self._queue.remove(resident)
            self._notify()
            for other in claimed:
                other.is_claimed = False
        await asyncio.gather(*(self._stop(other) for other in leaving))

    def _look(self, resident: Resident) -> Room:
        """Whether there is room now; a model that can do with less is cut to what could be had at most."""
        holdings = [
            other.holding()
            for other in self._residents.values()
            if other is not resident and other.holds_memory
        ]
        node, free_bytes, budget_bytes = resident.node, self._free_bytes(), self.rules.budget_bytes
        room = find_room(
            node.needed_bytes, free_bytes=free_bytes, holdings=holdings, budget_bytes=budget_bytes
        )
        if node.adapt is not None and node.adapt(room.reachable_bytes):
            return find_room(
                node.needed_bytes, free_bytes=free_bytes, holdings=holdings, budget_bytes=budget_bytes
            )
        return room

    async def _stop(self, resident: Resident) -> None:
        try:
            await resident.node.engine.stop()
        finally:
            resident.is_leaving = False
            self._notify()

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self, patience_s: float | None = None) -> None:
        """Until something has changed, or for so long."""
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await changed.wait()

    def _measure(self, resident: Resident, *, elapsed_s: float) -> None:
        processor_s = resident.node.engine.processor_s()
        if elapsed_s > 0:
            resident.processor_ratio = (processor_s - resident.processor_s) / elapsed_s
        resident.processor_s = processor_s
        resident.throughput.close_window()


def _retrieve(load: asyncio.Task[None]) -> None:
    """A load that nobody waits for any more may fail without a complaint of the event loop."""
    if not load.cancelled():
        load.exception()


def _raise_failure(load: asyncio.Task[None]) -> None:
    if not load.cancelled():
        load.result()
