"""The fair line under any order of coming, leaving and ending."""

import itertools
import math
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galerne.fleet.fairness import FairLine, Ticket

N_SLOTS = 3
MOST_WORK = 50.0
KEYS = ("ada", "blaise", "chloe")
works = st.floats(1.0, MOST_WORK)


def ticket(key, expected, *, weight=1.0):
    return Ticket(key=key, weight=weight, work=expected, tokens=expected, service_s=expected)


class Engine:
    """Places that end in the order in which they were taken; what each takes is known only then."""

    def __init__(self):
        self.line, self.running, self.served, self.order = FairLine(), deque(), dict.fromkeys(KEYS, 0.0), []

    def fill(self, took):
        while len(self.running) < N_SLOTS and (taken := self.line.take_next()) is not None:
            self.running.append((taken, next(took)))
            self.order.append(taken)

    def end_one(self):
        done, work = self.running.popleft()
        self.line.end(done, work)
        self.served[done.key] += work


@settings(max_examples=20, deadline=None)
@given(
    expected=st.lists(works, min_size=3, max_size=20),
    took=st.lists(works, min_size=3, max_size=20),
    n_ended=st.integers(1, 50),
)
def test_what_two_backlogged_equal_keys_were_served_differs_by_a_few_requests(expected, took, n_ended):
    engine, real = Engine(), itertools.cycle(took)
    for n in range(60):
        for key in KEYS:
            engine.line.join(ticket(key, expected[(7 * n + len(key)) % len(expected)]))
    for _ in range(n_ended):
        engine.fill(real)
        engine.end_one()
    bound = 2 * (N_SLOTS + 1) * MOST_WORK
    amounts = [engine.served[key] for key in KEYS]
    assert max(amounts) - min(amounts) <= bound


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), works, st.booleans()), min_size=1, max_size=60))
def test_everybody_who_stays_is_served_once_and_in_the_order_of_their_key(arrivals):
    engine = Engine()
    staying, leaving = [], []
    for key, expected, leaves in arrivals:
        one = ticket(key, expected)
        engine.line.join(one)
        (leaving if leaves else staying).append(one)
    for one in leaving:
        engine.line.leave(one)
    assert engine.line.n_waiting == len(staying)
    while engine.line.n_waiting or engine.running:
        engine.fill(iter(lambda: 1.0, None))
        engine.end_one()
    for key in KEYS:
        assert [t for t in engine.order if t.key == key] == [t for t in staying if t.key == key]
    assert (engine.line.waiting_s, engine.line.waiting_tokens, engine.line.keys()) == (0.0, 0.0, {})


@settings(max_examples=20, deadline=None)
@given(weight=st.sampled_from([0.25, 4.0]), expected=works)
def test_a_priority_is_a_share_and_nobody_is_kept_out(weight, expected):
    line = FairLine()
    for _ in range(120):
        line.join(ticket("ada", expected, weight=weight))
        line.join(ticket("blaise", expected))
    order = [line.take_next().key for _ in range(100)]
    share = order.count("ada") / order.count("blaise")
    assert share == pytest.approx(weight, rel=0.3)
    lightest = min(("ada", "blaise"), key=order.count)
    gaps = [n for n, key in enumerate(order) if key == lightest]
    assert max(b - a for a, b in itertools.pairwise(gaps)) <= math.ceil(max(weight, 1 / weight)) + 2


def test_being_away_earns_no_credit():
    line = FairLine()
    for _ in range(100):
        line.join(ticket("ada", 10.0))
    for _ in range(50):
        line.end(line.take_next(), 10.0)
    for _ in range(100):
        line.join(ticket("blaise", 10.0))
    order = [line.take_next().key for _ in range(20)]
    assert 9 <= order.count("ada") <= 11


def test_a_key_that_is_gone_leaves_nothing_behind():
    line = FairLine()
    for n in range(1000):
        one = ticket(f"key-{n}", 5.0)
        line.join(one)
        assert line.take_next() is one
        line.end(one, 3.0)
    assert not line._served
    assert not line._heap
