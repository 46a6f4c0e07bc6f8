"""What the tuner takes and what it leaves, on engines whose speed is known; and once on the real one."""

import asyncio
from dataclasses import replace

import pytest

from galerne.clock import ManualClock, SystemClock
from galerne.engines import LlamaSettings, Tuning
from galerne.engines.pace import changes
from galerne.engines.tuning import Tuner, TuningTerms, thread_candidates
from galerne.generation import Usage
from tests.models.gguf_bytes import tiny_gguf

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


class Bench:
    """Engines that take as long as they are told, on a clock of their own."""

    def __init__(self, **factors: float) -> None:
        self.clock = ManualClock()
        self.factors = factors
        self.started: list[Tuning] = []
        self.n_running = self.most_running = 0
        self.end_s = 0.0

    def __call__(self, settings: LlamaSettings) -> "FakeEngine":
        return FakeEngine(self, settings)

    def factor(self, settings: LlamaSettings, what: str) -> float:
        found = 1.0
        for name in ("n_threads", "n_batch_threads", "n_slots", "flash_attention", "looks_up", "kv_type"):
            found *= self.factors.get(f"{what}:{name}={getattr(settings, name)}", 1.0)
        return found


class FakeEngine:
    def __init__(self, bench: Bench, settings: LlamaSettings) -> None:
        self.bench, self.settings = bench, settings

    async def start(self) -> None:
        names = Tuning.__dataclass_fields__
        self.bench.started.append(Tuning(**{name: getattr(self.settings, name) for name in names}))
        self.bench.n_running += 1
        self.bench.most_running = max(self.bench.most_running, self.bench.n_running)

    async def stop(self) -> None:
        self.bench.n_running -= 1

    async def write_on(self, text: str, *, n_tokens: int, temperature: float = 1.0) -> Usage:
        repeats = "mill" in text
        read_s = len(text) / 1000 / self.bench.factor(self.settings, "read")
        pace = 100 * self.bench.factor(self.settings, "repeat" if repeats else "write")
        took_s = read_s + n_tokens / pace
        # Several at once share the engine: the clock moves by a part of each.
        self.bench.clock.advance(took_s / self.bench.factor(self.settings, "together"))
        return Usage(
            prompt_tokens=len(text),
            cached_tokens=0,
            new_tokens=n_tokens,
            queued_s=0.0,
            prefill_s=read_s,
            decode_s=(n_tokens - 1) / pace,
        )


@pytest.fixture
def settings(tmp_path) -> LlamaSettings:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"x")  # small: one thread by default
    return LlamaSettings(model_id="m", model_path=path, context_tokens=4096)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr("galerne.engines.tuning.usable_cores", lambda: 2)


async def tuned(settings, bench, *, others_cores=lambda: 0.0, **terms):
    given = {"budget_s": 1e6, **terms}
    tuner = Tuner(
        settings, clock=bench.clock, others_cores=others_cores, terms=TuningTerms(**given), engine_of=bench
    )
    return await tuner.tune()


async def test_nothing_better_keeps_the_defaults_and_one_engine_runs_at_a_time(settings):
    bench = Bench()
    report = await tuned(settings, bench)
    assert report.chosen == Tuning()
    assert (report.gain_ratio, report.complete, report.postponed) == (1.0, True, False)
    assert (bench.most_running, bench.n_running) == (1, 0)


async def test_threads_for_writing_and_for_prompts_are_chosen_apart(settings):
    bench = Bench(
        **{"read:n_batch_threads=2": 1.8, "together:n_batch_threads=2": 1.7, "write:n_threads=2": 0.6}
    )
    report = await tuned(settings, bench)
    assert changes(report.chosen) == {"n_threads": 1, "n_batch_threads": 2}
    assert report.gain_ratio > 1.3


async def test_more_answers_at_once_only_where_they_are_faster_and_there_is_room(settings):
    faster = {"together:n_slots=8": 1.3}
    assert (await tuned(settings, Bench(**faster))).chosen.n_slots == 8
    assert (await tuned(settings, Bench(**faster), room_for_slots=False)).chosen.n_slots == 4
    assert (await tuned(settings, Bench())).chosen.n_slots == 4


async def test_a_gain_within_the_noise_is_not_believed(settings):
    assert (await tuned(settings, Bench(**{"read:flash_attention=False": 1.05}))).chosen == Tuning()


async def test_look_up_is_taken_where_text_repeats_and_nothing_else_suffers(settings):
    gains = {"repeat:looks_up=True": 3.0}
    assert (await tuned(settings, Bench(**gains))).chosen.looks_up
    assert not (await tuned(settings, Bench(**gains, **{"write:looks_up=True": 0.8}))).chosen.looks_up


async def test_keys_of_eight_bits_are_never_tried_unless_allowed(settings):
    bench = Bench()
    assert (await tuned(settings, bench)).chosen.kv_type == "f16"
    assert {tuning.kv_type for tuning in bench.started} == {"f16"}
    assert (await tuned(settings, Bench(), halve_keys=True)).chosen.kv_type == "q8_0"


async def test_on_a_busy_machine_nothing_is_concluded(settings):
    bench = Bench(**{"read:n_batch_threads=2": 9.0})
    report = await tuned(settings, bench, others_cores=lambda: 1.0)
    assert (report.chosen, report.postponed, report.trials) == (Tuning(), True, ())
    assert bench.n_running == 0


async def test_when_the_time_is_over_what_was_found_so_far_is_judged_more_strictly(settings):
    bench = Bench(**{"read:n_batch_threads=2": 1.8, "together:n_batch_threads=2": 1.8})
    report = await tuned(settings, bench, budget_s=15.0)
    assert not report.complete
    assert (report.chosen.n_batch_threads, report.noise_ratio) == (2, 0.1)


async def test_whoever_stops_it_leaves_no_engine_behind(settings):
    bench = Bench()

    class Endless(FakeEngine):
        async def write_on(self, *_: object, **__: object) -> Usage:
            return await asyncio.Future()

    tuner = Tuner(
        settings,
        clock=bench.clock,
        others_cores=lambda: 0.0,
        engine_of=lambda given: Endless(bench, given),
    )
    work = asyncio.create_task(tuner.tune())
    while not bench.n_running:
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert bench.n_running == 0


@pytest.mark.parametrize(
    ("n_cores", "given", "tried"), [(2, 1, [2]), (2, 2, [1]), (4, 4, [1, 2]), (16, 16, [8]), (16, 1, [8, 16])]
)
def test_never_more_threads_than_cores(n_cores, given, tried):
    assert thread_candidates(n_cores, given) == tried


@pytest.mark.slow
async def test_the_real_engine_runs_with_every_candidate(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf())
    settings = LlamaSettings(model_id="tiny", model_path=path, context_tokens=256, grace_s=0.5)
    seen = []
    tuner = Tuner(
        settings,
        clock=SystemClock(),
        others_cores=lambda: 0.0,
        terms=TuningTerms(budget_s=300.0, halve_keys=True),  # which this model's narrow heads cannot take
        note=seen.append,
    )
    report = await tuner.tune()
    assert report.trials == tuple(seen)
    assert all(rate > 0 for trial in seen for rate in trial.pace.usual)
    tried = {name for trial in seen for name in changes(trial.tuning)}
    assert tried >= {"n_threads", "n_slots", "flash_attention", "batch_tokens", "looks_up"}
    assert report.chosen in {trial.tuning for trial in seen} | {replace(Tuning(), n_slots=4)}
