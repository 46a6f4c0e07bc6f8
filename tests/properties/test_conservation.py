"""Every microjoule that the meter counts is in exactly one account, whatever happens in whatever order."""

from __future__ import annotations

import itertools
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galerne.generation import FinishReason
from galerne.ledger import Ledger, Receipt, attribute_window, total_row
from galerne.ledger.attribution import apportion, decode_weight_j
from galerne.perf import StepWeights
from galerne.storage import sqlite_url
from galerne.units import to_microjoules
from tests.ledger.bench import Bench

REQUESTS = ("a", "b", "c", "d")
MODELS = ("mini", "large")

weight = st.floats(min_value=0, max_value=1e6, allow_nan=False, allow_subnormal=False)
duration_s = st.floats(min_value=0.001, max_value=100)
energy_j = st.floats(min_value=0, max_value=1e5)
energy_uj = st.integers(min_value=0, max_value=10**13)
request_id = st.sampled_from(REQUESTS)

begin = st.tuples(st.just("begin"), request_id, st.sampled_from(MODELS))
prompt = st.tuples(st.just("prompt"), request_id, st.integers(0, 500), st.integers(0, 500))
token = st.tuples(st.just("token"), request_id, st.integers(1, 4))
finish = st.tuples(st.just("finish"), request_id, st.sampled_from(FinishReason))
work = st.tuples(st.just("work"), duration_s, energy_j)
close = st.tuples(st.just("close"))
load = st.tuples(st.just("load"))
stop_load = st.tuples(st.just("stop_load"))
compute = st.tuples(st.just("compute"), st.floats(0, 10), st.floats(0, 10))
draw = st.tuples(st.just("draw"), duration_s, energy_j, energy_j)
gap = st.tuples(st.just("gap"), st.floats(min_value=0, max_value=10))
restart = st.tuples(st.just("restart"))
traffic = (begin, prompt, token, finish, work, close, load, stop_load, compute, gap)


@pytest.fixture(scope="module")
def make_bench() -> Iterator[Callable[[], Bench]]:
    """Benches on copies of one migrated database."""
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.sqlite"
        Ledger.open(sqlite_url(template)).close()
        numbers = itertools.count()

        def make(**changes: Any) -> Bench:
            path = Path(folder) / f"{next(numbers)}.sqlite"
            shutil.copy(template, path)
            return Bench(path, **changes)

        yield make


class Story:
    """Plays steps on a bench, skipping those that make no sense at their moment."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.in_flight: dict[str, bool] = {}
        self.receipts: list[Receipt] = []
        self.loads = ExitStack()
        self.started_j = bench.meter.counter_j
        self.has_restarted = False

    def play(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0])(*step[1:])

    def begin(self, name: str, model_id: str) -> None:
        if name not in self.in_flight:
            self.bench.begin(name, model_id=model_id)
            self.in_flight[name] = False

    def prompt(self, name: str, prompt_tokens: int, cached_tokens: int) -> None:
        if self.in_flight.get(name) is False:
            self.bench.accountant.prompt_read(name, prompt_tokens=prompt_tokens, cached_tokens=cached_tokens)
            self.in_flight[name] = True

    def token(self, name: str, n_tokens: int) -> None:
        if self.in_flight.get(name):
            self.bench.accountant.tokens(name, n_tokens=n_tokens)

    def finish(self, name: str, reason: FinishReason) -> None:
        if self.in_flight.pop(name, None) is not None:
            self.receipts.append(self.bench.finish(name, reason))

    def work(self, time_s: float, active_j: float) -> None:
        self.bench.work(time_s, active_j=active_j)

    def draw(self, time_s: float, active_j: float, accelerator_j: float) -> None:
        self.bench.work(time_s, active_j=active_j, accelerator_j=accelerator_j)

    def compute(self, own_s: float, others_s: float) -> None:
        self.bench.compute(own_s, others_s=others_s)

    def close(self) -> None:
        self.bench.accountant.close_window()

    def load(self) -> None:
        self.loads.enter_context(self.bench.accountant.loading())

    def stop_load(self) -> None:
        self.loads.close()

    def gap(self, gap_s: float) -> None:
        self.bench.meter.gap_s += gap_s

    def restart(self) -> None:
        """The process dies: what is not written is forgotten."""
        self.has_restarted = True
        self.in_flight.clear()
        self.loads = ExitStack()
        self.bench.accountant._writer.close()
        self.bench.start()


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(*traffic), max_size=60))
def test_energy_is_conserved_under_any_interleaving(make_bench, steps):
    bench = make_bench()
    story = Story(bench)
    for step in steps:
        story.play(step)
    totals = bench.accountant.totals()
    assert totals.adds_up
    bench.accountant.close()
    report = bench.ledger.usage()
    counted_uj = to_microjoules(bench.meter.counter_j - story.started_j)
    assert report.adds_up
    assert abs(report.accounts.meter_uj - counted_uj) <= 1 + counted_uj // 10**9
    assert 0 <= report.accounts.foreign_uj <= report.accounts.meter_uj
    assert not report.accounts.foreign_uj or any(step[0] == "compute" and step[2] for step in steps)
    assert total_row(report).n_provisional == 0
    assert_receipts_stand(bench, story.receipts)
    bench.ledger.close()


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.one_of(*traffic, restart), max_size=60))
def test_energy_is_conserved_through_crashes(make_bench, steps):
    bench = make_bench()
    story = Story(bench)
    for step in steps:
        story.play(step)
        assert bench.accountant.totals().adds_up
    story.restart()
    report = bench.ledger.usage()
    counted_uj = to_microjoules(bench.meter.counter_j - story.started_j)
    assert report.adds_up
    assert report.accounts.meter_uj <= counted_uj + 1 + counted_uj // 10**9
    assert total_row(report).n_provisional == 0
    row = total_row(report)
    assert row.active_uj + row.idle_uj == report.accounts.answers_uj
    assert_receipts_stand(bench, story.receipts)
    bench.close()


def assert_receipts_stand(bench: Bench, receipts: list[Receipt]) -> None:
    """What the client was shown is still there, and the final revision beside it."""
    for receipt in receipts:
        assert bench.ledger.receipt(receipt.receipt_id, revision=1) == receipt
        assert bench.ledger.receipt(receipt.receipt_id).status == "final"


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.one_of(*traffic, draw), max_size=60))
def test_host_and_accelerators_each_add_up_under_any_interleaving(make_bench, steps):
    bench = make_bench(has_accelerator=True, accelerator_idle_w=3.0)
    story = Story(bench)
    for step in steps:
        story.play(step)
    bench.accountant.close()
    all_of_it, accelerators = bench.accountant.totals(), bench.accountant.accelerator_totals()
    assert all_of_it.adds_up
    assert accelerators.adds_up
    counted_uj = to_microjoules(bench.meter.accelerator_j)
    assert abs(accelerators.meter_uj - counted_uj) <= 1 + counted_uj // 10**9
    finals = [bench.ledger.receipt(receipt.receipt_id).settlement for receipt in story.receipts]
    open_uj = sum(
        flight.accelerator_uj for flight in bench.accountant._windows._unsettled.values()
    )  # began and did not end
    assert sum(final.accelerator_uj for final in finals) + open_uj == accelerators.answers_uj
    assert all(0 <= final.accelerator_uj <= final.total_uj for final in finals)
    assert all(0 <= r.settlement.accelerator_uj <= r.settlement.total_uj for r in story.receipts)
    bench.ledger.verify()
    bench.ledger.close()


@settings(max_examples=30, deadline=None)
@given(
    parts=st.lists(
        st.tuples(duration_s, energy_j, st.integers(0, 3), st.booleans()), min_size=1, max_size=12
    ),
    read_after=st.integers(0, 12),
)
def test_a_single_request_gets_all_active_energy_of_its_time(make_bench, parts, read_after):
    bench = make_bench()
    bench.begin("only")
    for index, (time_s, active_j, n_tokens, closes) in enumerate(parts):
        bench.work(time_s, active_j=active_j)
        if index == read_after:
            bench.accountant.prompt_read("only", prompt_tokens=20, cached_tokens=0)
        if index >= read_after and n_tokens:
            bench.accountant.tokens("only", n_tokens=n_tokens)
        if closes:
            bench.accountant.close_window()
    receipt = bench.finish("only")
    bench.accountant.close()
    final = bench.ledger.receipt(receipt.receipt_id)
    assert math.isclose(final.active_j, sum(part[1] for part in parts), rel_tol=1e-9, abs_tol=2e-5)
    assert bench.ledger.usage().accounts.unattributed_uj == 0
    bench.ledger.close()


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.tuples(duration_s, st.booleans()), max_size=12))
def test_without_traffic_there_is_only_idle(make_bench, parts):
    bench = make_bench()
    for time_s, closes in parts:
        bench.work(time_s)
        if closes:
            bench.accountant.close_window()
    bench.accountant.close()
    accounts = bench.ledger.usage().accounts
    assert accounts.answers_uj == accounts.loading_uj == 0
    assert accounts.unattributed_uj <= len(parts) + 1  # the rounding of idle power times time
    assert accounts.adds_up
    bench.ledger.close()


@given(total=energy_uj, weights=st.dictionaries(st.sampled_from("abcdefgh"), weight, max_size=8))
def test_apportioning_is_exact_and_close_to_proportion(total, weights):
    shares = apportion(total, weights)
    whole = sum(weights.values())
    assert sum(shares.values()) == (total if whole else 0)
    for name, share in shares.items():
        assert abs(share - (total * weights[name] / whole if whole else 0)) <= 1 + total * 2.0**-44


@given(
    active_uj=energy_uj,
    idle_uj=energy_uj,
    people=st.lists(st.tuples(weight, st.floats(0, 10)), max_size=6),
    extra_s=st.floats(0, 10),
)
def test_a_window_is_shared_to_the_microjoule(active_uj, idle_uj, people, extra_s):
    weights = {f"r{i}": one[0] for i, one in enumerate(people)}
    presence_s = {f"r{i}": one[1] for i, one in enumerate(people)}
    shares = attribute_window(
        active_uj, idle_uj, weights, presence_s, duration_s=sum(presence_s.values()) + extra_s
    )
    assert sum(shares.active_uj.values()) + shares.unattributed_uj == active_uj
    assert sum(shares.idle_uj.values()) + shares.vacant_idle_uj == idle_uj
    assert min((shares.vacant_idle_uj, shares.unattributed_uj)) >= 0


@given(
    active_uj=energy_uj,
    people=st.lists(st.tuples(weight, st.floats(0.001, 10)), min_size=1, max_size=6),
    shuffle=st.randoms(use_true_random=False),
)
def test_who_is_called_what_changes_nothing(active_uj, people, shuffle):
    names = [f"r{i}" for i in range(len(people))]
    others = list(names)
    shuffle.shuffle(others)

    def share(ids: list[str]) -> list[int]:
        shares = attribute_window(
            active_uj,
            active_uj,
            {name: one[0] for name, one in zip(ids, people, strict=True)},
            {name: one[1] for name, one in zip(ids, people, strict=True)},
            duration_s=sum(one[1] for one in people),
        )
        return [shares.active_uj[name] + shares.idle_uj[name] for name in ids]

    assert all(abs(one - other) <= 2 for one, other in zip(share(names), share(others), strict=True))
    assert share(names) == share(list(names))


@given(active_uj=energy_uj, idle_uj=energy_uj, one=weight, n_others=st.integers(0, 4))
def test_two_identical_requests_differ_by_a_microjoule_at_most(active_uj, idle_uj, one, n_others):
    weights = {"x": one, "y": one, **{f"r{i}": 1.0 for i in range(n_others)}}
    presence_s = dict.fromkeys(weights, 0.5)
    shares = attribute_window(active_uj, idle_uj, weights, presence_s, duration_s=0.5 * len(weights))
    assert abs(shares.active_uj["x"] - shares.active_uj["y"]) <= 1
    assert abs(shares.idle_uj["x"] - shares.idle_uj["y"]) <= 1


@given(fixed_j=st.floats(0, 100), per_sequence_j=st.floats(0, 100), n_sequences=st.integers(1, 6))
def test_a_over_n_plus_b_is_the_shapley_value_of_an_affine_step(fixed_j, per_sequence_j, n_sequences):
    def step_j(size: int) -> float:
        return fixed_j + per_sequence_j * size if size else 0.0

    exact_j = sum(
        math.comb(n_sequences - 1, size)
        * math.factorial(size)
        * math.factorial(n_sequences - size - 1)
        / math.factorial(n_sequences)
        * (step_j(size + 1) - step_j(size))
        for size in range(n_sequences)
    )
    weights = StepWeights(
        fixed_j=fixed_j, per_sequence_j=per_sequence_j, per_prompt_token_j=0.0, per_context_token_j=0.0
    )
    share_j = decode_weight_j(weights, n_sequences=n_sequences, context_tokens=100)
    assert math.isclose(share_j, exact_j, rel_tol=1e-9, abs_tol=1e-9)


@given(cut_ratio=st.floats(0.1, 0.9), idle_uj=st.integers(10**3, 10**9))
def test_cutting_a_window_in_two_leaves_idle_shares_as_they_were(cut_ratio, idle_uj):
    whole = attribute_window(0, idle_uj, {}, {"a": 0.5, "b": 1.5}, duration_s=4.0)
    first_uj = round(idle_uj * cut_ratio)
    parts = [
        attribute_window(0, part_uj, {}, {"a": 0.5 * ratio, "b": 1.5 * ratio}, duration_s=4.0 * ratio)
        for part_uj, ratio in ((first_uj, cut_ratio), (idle_uj - first_uj, 1 - cut_ratio))
    ]
    for name, share_uj in whole.idle_uj.items():
        assert abs(share_uj - sum(part.idle_uj[name] for part in parts)) <= 3
