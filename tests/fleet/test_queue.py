import asyncio
import contextlib

import pytest

from galerne.clock import ManualClock
from galerne.errors import Overloaded
from galerne.fleet import Expectation, FairQueue, RouteDecision
from galerne.generation import Usage
from galerne.ledger import Payer, Priority
from tests.fleet.stand import FakeEngine, ask, delivery_of, make_node, open_stand

pytestmark = pytest.mark.anyio
ADA, BLAISE = Payer(key_id="ada"), Payer(key_id="blaise")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def a_decision(*, n_slots=2, answer_s=10.0):
    expectation = Expectation(
        first_token_s=1.0,
        total_s=answer_s,
        tokens_per_s=20.0,
        it_j=1.0,
        co2_g=0.0,
        cost_eur=0.0,
        prefill_s=1.0,
    )
    node = make_node(engine=FakeEngine(n_slots=n_slots))
    return RouteDecision(node=node, expectation=expectation, rejected={}, policy="fastest")


class Room:
    """A queue with clients in it."""

    def __init__(self, decision=None, **bounds):
        self.clock = ManualClock()
        self.queue = FairQueue(clock=self.clock, **bounds)
        self.decision = decision or a_decision()
        self.order, self.ends, self.tasks = [], {}, {}

    async def come(self, name, payer=ADA):
        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._answer(name, payer))
        await self.settle()
        return self.queue.place(name)

    async def _answer(self, name, payer):
        async with self.queue.turn(ask(name), payer, self.decision) as turn:
            self.order.append(name)
            await self.ends[name].wait()
            turn.note(
                Usage(prompt_tokens=8, cached_tokens=0, new_tokens=200, queued_s=0, prefill_s=1, decode_s=9)
            )
            return turn.waited_s

    async def end(self, name):
        self.ends[name].set()
        await self.tasks[name]
        await self.settle()

    async def settle(self):
        for _ in range(3):
            await asyncio.sleep(0)

    async def close(self):
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


@contextlib.asynccontextmanager
async def a_room(*args, **bounds):
    room = Room(*args, **bounds)
    try:
        yield room
    finally:
        await room.close()


async def test_as_many_go_in_as_there_are_places_and_the_others_see_where_they_stand():
    async with a_room() as room:
        assert [(await room.come(name)).position for name in ("a", "b", "c", "d")] == [0, 0, 1, 2]
        assert room.order == ["a", "b"]
        room.clock.advance(5.0)
        place = room.queue.place("c")
        assert (place.is_waiting, place.waited_s) == (True, 5.0)
        assert place.first_token_s > 1.0
        (view,) = room.queue.views()
        assert (view.n_active, view.n_waiting, view.n_waiting_by_key) == (2, 2, {"ada": 2})
        await room.end("a")
        assert room.order == ["a", "b", "c"]
        assert room.queue.place("c").waited_s == 5.0
        assert room.queue.place("a") is None


async def test_a_second_key_does_not_stand_behind_the_backlog_of_the_first():
    async with a_room(a_decision(n_slots=1)) as room:
        for n in range(6):
            await room.come(f"a{n}")
        place = await room.come("b", BLAISE)
        assert place.position <= 2
        for name in ("a0", room_next := "b"):
            await room.end(name)
        assert room.order[:2] == ["a0", room_next]


async def test_a_high_priority_gets_a_larger_share():
    async with a_room(a_decision(n_slots=1)) as room:
        await room.come("first", Payer(key_id="someone"))
        for n in range(8):
            await room.come(f"low{n}", Payer(key_id="low", priority=Priority.LOW))
            await room.come(f"high{n}", Payer(key_id="high", priority=Priority.HIGH))
        for _ in range(8):
            await room.end(room.order[-1])
        assert sum(name.startswith("high") for name in room.order[1:]) >= 6


async def test_a_line_that_is_too_long_refuses_and_says_when_to_come_back():
    async with a_room(most_first_token_s=12.0) as room:
        for name in ("a", "b", "c"):
            await room.come(name)
        await room.come("d")
        with pytest.raises(Overloaded) as refused:
            await room.tasks["d"]
        assert refused.value.n_waiting == 1
        assert 1.0 <= refused.value.retry_after_s <= 12.0
        assert room.queue.place("d") is None


async def test_the_bound_in_tokens_leaves_room_for_who_asks_little():
    async with a_room(most_tokens=900.0, most_first_token_s=1e9) as room:
        for name in ("a", "b", "c", "d", "e", "f"):
            await room.come(name)
        await room.come("g")
        with pytest.raises(Overloaded):
            await room.tasks["g"]
        assert (await room.come("other", BLAISE)).is_waiting


async def test_whoever_leaves_frees_the_place_at_once():
    async with a_room(a_decision(n_slots=1)) as room:
        for name in ("a", "b", "c"):
            await room.come(name)
        room.tasks["b"].cancel()
        room.tasks["a"].cancel()
        await room.settle()
        assert room.order == ["a", "c"]
        (view,) = room.queue.views()
        assert (view.n_active, view.n_waiting) == (1, 0)


async def test_five_thousand_who_leave_together_leave_an_empty_line():
    async with a_room(most_tokens=1e9, most_first_token_s=1e9) as room:
        room.tasks = {
            str(n): asyncio.create_task(room._answer(str(n), Payer(key_id=f"key-{n % 700}")))
            for n in range(5000)
        }
        room.ends = {str(n): asyncio.Event() for n in range(5000)}
        await room.settle()
        (view,) = room.queue.views()
        assert (view.n_active, view.n_waiting) == (2, 4998)
        await room.close()
        (view,) = room.queue.views()
        assert (view.n_active, view.n_waiting, view.waiting_tokens) == (0, 0, 0.0)
        room.tasks = {}
        assert (await room.come("next")).position == 0


async def test_the_time_in_line_is_in_the_receipt_and_the_engine_never_has_more_than_its_places(tmp_path):
    async with open_stand(tmp_path, n_slots=1) as stand:
        most_in_engine = 0

        async def one(name):
            nonlocal most_in_engine
            events = []
            async for event in stand.answer(ask(name)):
                status = stand.node.engine.status()
                most_in_engine = max(most_in_engine, status.n_active + status.n_waiting)
                events.append(event)
            return delivery_of(events).receipt.answer.usage

        usages = await asyncio.gather(*(one(f"r{n}") for n in range(4)))
        assert most_in_engine == 1
        assert [usage.queued_s > 0 for usage in usages] == [False, True, True, True]
        assert usages[3].queued_s > usages[1].queued_s


async def test_a_client_that_leaves_the_line_has_no_receipt_and_holds_nothing(tmp_path):
    async with open_stand(tmp_path, n_slots=1) as stand:
        first = stand.answer(ask("first"))
        await anext(first)
        waiting = asyncio.create_task(anext(stand.answer(ask("second"))))
        while stand.gateway.queue_place("second") is None:
            await asyncio.sleep(0)
        assert [view.n_waiting for view in stand.gateway.residents()] == [1]
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert stand.gateway.queue_place("second") is None
        await first.aclose()
        assert stand.gateway.status().n_waiting == 0
        assert stand.ledger.latest_receipt().answer.request_id == "first"
