"""The rules by which models share a memory, one by one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from galerne.clock import ManualClock
from galerne.engines import EngineKind, EngineMemory, EngineState, EngineStatus
from galerne.errors import DoesNotFit, InvalidModelFile, ModelLoading, NoNode
from galerne.fleet import LoadTerms, Node, Pool, PoolRules, Presence
from galerne.fleet import pool as pool_module
from tests.fleet.stand import WEIGHTS, plan

pytestmark = pytest.mark.anyio
GB = 1_000_000_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class FakeLoadingEngine:
    """An engine that loads when it is let."""

    memory_of: FakeMemory
    size_bytes: int
    state: EngineState = EngineState.STOPPED
    may_load: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None
    n_starts: int = 0
    n_stops: int = 0
    held_bytes: int = 0

    async def start(self) -> None:
        self.n_starts += 1
        self.state = EngineState.STARTING
        await self.may_load.wait()
        if self.failure:
            self.state = EngineState.STOPPED
            raise self.failure
        self.held_bytes = self.size_bytes
        self.state = EngineState.READY

    async def stop(self) -> None:
        self.n_stops += self.state is not EngineState.STOPPED
        self.state, self.held_bytes = EngineState.STOPPED, 0

    def status(self) -> EngineStatus:
        return EngineStatus(
            kind=EngineKind.SIMULATED,
            state=self.state,
            model_id="m",
            n_slots=4,
            context_tokens=4096,
            n_active=0,
            n_waiting=0,
        )

    def memory(self) -> EngineMemory:
        return EngineMemory(resident_bytes=self.held_bytes, private_bytes=self.held_bytes)

    def processor_s(self) -> float:
        return 0.0


@dataclass
class FakeMemory:
    total_bytes: int
    engines: list[FakeLoadingEngine] = field(default_factory=list)

    def free_bytes(self) -> int:
        return self.total_bytes - sum(engine.held_bytes for engine in self.engines)


class Rig:
    """A pool of models of given sizes in a memory of given size."""

    def __init__(self, total_gb: float, sizes_gb: dict[str, float], **rules: object) -> None:
        self.clock = ManualClock()
        self.memory = FakeMemory(int(total_gb * GB))
        self.n_booked = 0
        self.nodes = {name: self._node(name, int(size * GB)) for name, size in sizes_gb.items()}
        self.found = list(self.nodes.values())
        self.pool = Pool(
            find_nodes=lambda: list(self.found),
            free_bytes=self.memory.free_bytes,
            booking=self._booked,
            clock=self.clock,
            rules=PoolRules(**rules),  # type: ignore[arg-type]
        )

    def _node(self, name: str, size_bytes: int) -> Node:
        engine = FakeLoadingEngine(self.memory, size_bytes)
        engine.may_load.set()
        self.memory.engines.append(engine)
        return Node(
            node_id=name,
            model_id=name,
            model_name=name,
            engine=engine,  # type: ignore[arg-type]
            plan=plan(),
            weights=WEIGHTS,
            needed_bytes=size_bytes,
            loads_on_demand=True,
        )

    @contextlib.contextmanager
    def _booked(self) -> Iterator[None]:
        self.n_booked += 1
        yield

    def engine(self, name: str) -> FakeLoadingEngine:
        return self.nodes[name].engine  # type: ignore[return-value]

    def presence(self, name: str) -> Presence:
        return self.pool.resident_of(self.nodes[name]).presence()

    async def use(self, name: str, **terms: object) -> float:
        self.clock.advance(1.0)
        async with self.pool.held(self.nodes[name], LoadTerms(**terms)) as waited_s:  # type: ignore[arg-type]
            return waited_s

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def rig(total_gb, sizes_gb, **rules):
    made = Rig(total_gb, sizes_gb, **rules)
    try:
        yield made
    finally:
        for engine in made.memory.engines:
            engine.may_load.set()
        await made.pool.close()


async def test_a_model_is_loaded_when_it_is_asked_for_and_its_load_is_booked():
    async with rig(10, {"a": 4}) as stand:
        assert stand.presence("a") is Presence.INSTALLED
        await stand.use("a")
        await stand.use("a")
        assert stand.presence("a") is Presence.LOADED
        assert stand.engine("a").n_starts == stand.n_booked == 1


async def test_those_who_wait_for_one_model_share_one_load_and_one_eviction():
    async with rig(5, {"a": 4, "b": 4}) as stand:
        await stand.use("a")
        stand.engine("b").may_load.clear()
        waiting = [asyncio.create_task(stand.use("b")) for _ in range(5)]
        await stand.settle()
        stand.engine("b").may_load.set()
        await asyncio.gather(*waiting)
        assert stand.engine("b").n_starts == 1
        assert stand.engine("a").n_stops == 1


async def test_a_load_does_not_keep_another_model_from_answering_or_loading():
    async with rig(10, {"slow": 4, "quick": 4}) as stand:
        stand.engine("slow").may_load.clear()
        waiting = asyncio.create_task(stand.use("slow"))
        await stand.settle()
        await stand.use("quick")
        assert not waiting.done()
        stand.engine("slow").may_load.set()
        await waiting


async def test_the_longest_unused_makes_room():
    async with rig(9, {"a": 4, "b": 4, "c": 4}) as stand:
        for name in ("a", "b", "a", "c"):
            await stand.use(name)
        assert stand.presence("a") is Presence.LOADED
        assert stand.presence("b") is Presence.INSTALLED


async def test_two_loads_at_once_do_not_take_the_same_memory_twice():
    async with rig(9, {"a": 4, "b": 4, "c": 4}) as stand:
        for name in "abc":
            stand.engine(name).may_load.clear()
        waiting = [asyncio.create_task(stand.use(name)) for name in "abc"]
        await stand.settle()
        assert [stand.engine(name).n_starts for name in "abc"] == [1, 1, 0]
        for name in "abc":
            stand.engine(name).may_load.set()
        await asyncio.gather(*waiting)
        assert stand.presence("c") is Presence.LOADED


async def test_a_model_that_answers_is_never_unloaded_for_another():
    async with rig(5, {"busy": 4, "other": 4}) as stand:
        async with stand.pool.held(stand.nodes["busy"]):
            waiting = asyncio.create_task(stand.use("other"))
            await stand.settle()
            assert stand.engine("busy").n_stops == 0
            assert stand.engine("other").n_starts == 0
        await waiting
        assert stand.engine("busy").n_stops == 1


async def test_a_pinned_model_stays_and_the_refusal_names_what_could_be_had():
    async with rig(5, {"pinned": 4, "other": 4}, pinned=("pinned",)) as stand:
        await stand.use("pinned")
        with pytest.raises(DoesNotFit) as caught:
            await stand.use("other")
        assert caught.value.needed_bytes == 4 * GB
        assert caught.value.free_bytes == 1 * GB
        stand.pool.pin(stand.nodes["pinned"], pinned=False)
        await stand.use("other")
        assert stand.presence("pinned") is Presence.INSTALLED


async def test_what_does_not_fit_is_refused_unless_somebody_insists():
    async with rig(5, {"a": 2, "large": 9}) as stand:
        await stand.use("a")
        with pytest.raises(DoesNotFit):
            await stand.use("large")
        assert stand.presence("a") is Presence.LOADED
        await stand.use("large", anyway=True)
        assert stand.presence("large") is Presence.LOADED
        assert stand.presence("a") is Presence.INSTALLED


async def test_the_owner_may_insist_once_for_all():
    async with rig(5, {"large": 9}, load_anyway=True) as stand:
        await stand.use("large")
        assert stand.presence("large") is Presence.LOADED


async def test_a_client_without_patience_is_told_and_the_load_goes_on():
    async with rig(10, {"a": 4}) as stand:
        stand.engine("a").may_load.clear()
        stand.engine("a").held_bytes = 1 * GB
        with pytest.raises(ModelLoading):
            await stand.use("a", patience_s=0.0)
        await stand.settle()
        stand.clock.advance(6.0)
        with pytest.raises(ModelLoading) as caught:
            await stand.use("a", patience_s=0.0)
        assert caught.value.progress_ratio == pytest.approx(0.25)
        assert caught.value.elapsed_s == pytest.approx(7.0)
        assert caught.value.retry_after_s == pytest.approx(21.0)
        stand.engine("a").may_load.set()
        await stand.use("a", patience_s=5.0)
        assert stand.engine("a").n_starts == 1


async def test_a_client_that_leaves_while_it_waits_for_room_evicts_nobody():
    async with rig(5, {"busy": 4, "other": 4}) as stand:
        async with stand.pool.held(stand.nodes["busy"]):
            waiting = asyncio.create_task(stand.use("other"))
            await stand.settle()
            waiting.cancel()
            await asyncio.wait({waiting})
        await stand.settle()
        assert stand.presence("busy") is Presence.LOADED
        assert stand.engine("other").n_starts == 0


async def test_who_waits_for_room_is_served_in_order_and_who_needs_none_at_once():
    async with rig(6, {"busy": 4, "first": 4, "second": 4, "small": 1}) as stand:
        order: list[str] = []

        async def use(name: str) -> None:
            async with stand.pool.held(stand.nodes[name]):
                order.append(name)

        async with stand.pool.held(stand.nodes["busy"]):
            waiting = []
            for name in ("first", "second", "small"):
                waiting.append(asyncio.create_task(use(name)))
                await stand.settle()
        await asyncio.gather(*waiting)
        assert order == ["small", "first", "second"]


async def test_a_stream_of_answers_cannot_keep_another_model_out_for_ever(monkeypatch):
    monkeypatch.setattr(pool_module, "LOOK_S", 0.001)
    async with rig(5, {"popular": 4, "other": 4}) as stand:
        async with stand.pool.held(stand.nodes["popular"]):
            waiting = asyncio.create_task(stand.use("other"))
            await stand.settle()
            stand.clock.advance(pool_module.FAIR_S)
            while not stand.pool.resident_of(stand.nodes["popular"]).is_claimed:
                await asyncio.sleep(0)
            late = asyncio.create_task(stand.use("popular"))
            await stand.settle()
            assert not late.done()
        await asyncio.gather(waiting, late)
        assert stand.engine("other").n_starts == 1
        assert stand.engine("popular").n_starts == 2


async def test_an_unused_model_leaves_after_its_time_and_a_used_one_stays():
    async with rig(10, {"a": 4, "b": 4}, keep_s=60.0) as stand:
        await stand.use("a")
        await stand.use("b")
        async with stand.pool.held(stand.nodes["b"]):
            stand.clock.advance(61.0)
            stand.pool.tick()
            await stand.settle()
            assert stand.presence("a") is Presence.INSTALLED
            assert stand.presence("b") is Presence.LOADED
        assert stand.pool.leaves_in_s(stand.pool.resident_of(stand.nodes["b"])) == 60.0


async def test_a_model_is_kept_for_ever_where_that_is_said():
    async with rig(10, {"a": 4, "b": 4}, keep_s=None) as stand:
        await stand.use("a")
        stand.clock.advance(1e6)
        stand.pool.tick()
        await stand.settle()
        assert stand.presence("a") is Presence.LOADED


async def test_unloading_waits_for_the_answers_and_the_next_request_loads_again():
    async with rig(10, {"a": 4}) as stand:
        async with stand.pool.held(stand.nodes["a"]):
            leaving = asyncio.create_task(stand.pool.unload(stand.nodes["a"]))
            late = asyncio.create_task(stand.use("a"))
            await stand.settle()
            assert not leaving.done()
            assert not late.done()
            assert stand.presence("a") is Presence.LEAVING
        await asyncio.gather(leaving, late)
        assert stand.engine("a").n_starts == 2


async def test_unloading_at_once_does_not_wait():
    async with rig(10, {"a": 4}) as stand, stand.pool.held(stand.nodes["a"]):
        await stand.pool.unload(stand.nodes["a"], now=True)
        assert stand.presence("a") is Presence.INSTALLED


async def test_a_load_that_fails_is_told_to_all_and_tried_again_only_when_asked():
    async with rig(10, {"a": 4}) as stand:
        stand.engine("a").failure = InvalidModelFile(path="a.gguf", problem="damaged")
        waiting = [asyncio.create_task(stand.use("a")) for _ in range(3)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, InvalidModelFile) for result in results)
        assert stand.engine("a").n_starts == 1
        assert stand.pool.resident_of(stand.nodes["a"]).failure is stand.engine("a").failure
        stand.engine("a").failure = None
        await stand.use("a")
        assert stand.pool.resident_of(stand.nodes["a"]).failure is None


async def test_a_model_adapts_to_what_could_be_had():
    async with rig(5, {"a": 9}) as stand:
        node = stand.nodes["a"]
        seen: list[int] = []

        def adapt(most_bytes: int) -> bool:
            seen.append(most_bytes)
            was, node.needed_bytes = node.needed_bytes, min(9 * GB, most_bytes)
            return was != node.needed_bytes

        node.adapt = adapt
        await stand.use("a")
        assert seen == [5 * GB]
        assert node.needed_bytes == 5 * GB


async def test_models_come_and_go_with_their_files():
    async with rig(10, {"a": 1, "b": 1}) as stand:
        gone = stand.found.pop()
        stand.clock.advance(pool_module.SCAN_S)
        await stand.pool.refresh()
        assert not stand.pool.knows("b")
        stand.found.append(gone)
        stand.clock.advance(pool_module.SCAN_S)
        await stand.pool.refresh()
        async with stand.pool.held(gone):
            stand.found.remove(gone)
            stand.clock.advance(pool_module.SCAN_S)
            await stand.pool.refresh()
            assert stand.pool.knows("b")


async def test_after_the_end_nothing_is_loaded_any_more():
    stand = Rig(10, {"a": 1, "b": 1})
    stand.engine("a").may_load.clear()
    waiting = asyncio.create_task(stand.use("a"))
    await stand.settle()
    await stand.pool.close()
    with pytest.raises(NoNode):
        await waiting
    with pytest.raises(NoNode):
        await stand.use("b")
    assert stand.engine("a").state is EngineState.STOPPED
