"""What every engine owes its caller, over every engine there is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from galerne.clock import ManualClock
from galerne.engines import (
    Engine,
    EngineState,
    LlamaEngine,
    LlamaSettings,
    RemoteEngine,
    RemoteSettings,
    SimulatedEngine,
    VllmEngine,
    VllmSettings,
)
from galerne.errors import ContextTooLong, EngineCrashed
from galerne.generation import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Message,
    PromptRead,
    Role,
    Sampling,
    TokenChunk,
)
from galerne.models import BUILTIN_MODEL_ID, builtin_model_path
from tests.engines.llama_server import LlamaServer
from tests.models.gguf_bytes import reciting_gguf, tiny_gguf
from tests.perf.factories import plan

pytestmark = pytest.mark.anyio
RECITED = "é🌬"
FAKE_VLLM = Path(__file__).parents[1] / "engines" / "fake_vllm.py"
ANSWER = "Énergie : 41,2 joules par réponse 🌬️ — la galerne souffle du nord-ouest, et passe."


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


class Model(StrEnum):
    """What the engine is to say: something of its own, something without end, or a known text."""

    BUILTIN = "builtin"
    ENDLESS = "endless"
    SHORT = "short"
    """Without end, in a context that is soon full: reading a long one costs its square."""
    RECITING = "reciting"


CONTEXT_TOKENS = {Model.BUILTIN: 256, Model.ENDLESS: 8192, Model.SHORT: 1024, Model.RECITING: 256}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One engine to test, with its own way of dying and the least time an endless answer would take."""

    make: Callable[..., Engine]
    crash: Callable[[Engine], None]
    endless_s: float


def simulated(model: Model = Model.BUILTIN, *, n_slots: int = 2) -> SimulatedEngine:
    clock = ManualClock()
    texts = {
        Model.BUILTIN: ANSWER,
        Model.ENDLESS: "mot " * 100_000,
        Model.SHORT: "mot " * 100_000,
        Model.RECITING: RECITED,
    }

    async def sleep(duration_s: float) -> None:
        clock.advance(duration_s)
        await asyncio.sleep(0)

    return SimulatedEngine(
        model_id=model.value,
        prefill_s=lambda prompt_tokens, cached_tokens, n_active: 0.001 * (prompt_tokens - cached_tokens),
        decode_step_s=lambda n_active, context_tokens: 0.01,
        text_for=lambda request: texts[model],
        context_tokens=CONTEXT_TOKENS[model],
        n_slots=n_slots,
        clock=clock,
        sleep=sleep,
    )


@pytest.fixture(scope="module")
def model_paths(tmp_path_factory: pytest.TempPathFactory) -> dict[Model, Path]:
    folder = tmp_path_factory.mktemp("models")
    # Random weights whose likeliest token is never the last one: it ends only when the context does.
    (folder / "endless.gguf").write_bytes(tiny_gguf(context_tokens=8192))
    (folder / "short.gguf").write_bytes(tiny_gguf(context_tokens=1024))
    (folder / "reciting.gguf").write_bytes(reciting_gguf(RECITED, after="?"))
    return {
        Model.BUILTIN: builtin_model_path(),
        Model.ENDLESS: folder / "endless.gguf",
        Model.SHORT: folder / "short.gguf",
        Model.RECITING: folder / "reciting.gguf",
    }


def kill(engine: Engine) -> None:
    process_id = engine.status().process_id
    assert process_id
    os.kill(process_id, signal.SIGKILL)


def remote(servers: list[LlamaServer], paths: dict[Model, Path]) -> Callable[..., RemoteEngine]:
    def make(model: Model = Model.BUILTIN, *, n_slots: int = 2) -> RemoteEngine:
        server = LlamaServer(paths[model], context_tokens=CONTEXT_TOKENS[model], n_slots=n_slots)
        servers.append(server)
        return RemoteEngine(
            RemoteSettings(model_id="m", address=server.address, key=server.key, n_slots=n_slots)
        )

    return make


@pytest.fixture(params=["simulated", "llama.cpp", "remote", "vllm"])
def variant(request: pytest.FixtureRequest, model_paths: dict[Model, Path]) -> Iterator[Variant]:
    if request.param == "simulated":
        yield Variant(make=simulated, crash=lambda engine: engine.crash(), endless_s=50.0)  # type: ignore[attr-defined]
        return
    if request.param == "vllm":

        def make_vllm(model: Model = Model.BUILTIN, *, n_slots: int = 2) -> VllmEngine:
            serving = plan(context_tokens=CONTEXT_TOKENS[model], max_sequences=n_slots)
            return VllmEngine(
                VllmSettings(
                    model_id="m",
                    checkpoint=str(model_paths[model]),
                    plan=serving,
                    command=(sys.executable, str(FAKE_VLLM)),
                    patience_s=60.0,
                )
            )

        yield Variant(make=make_vllm, crash=kill, endless_s=1.0)
        return
    if request.param == "remote":
        servers: list[LlamaServer] = []
        make_remote = remote(servers, model_paths)
        yield Variant(make=make_remote, crash=lambda _: servers[-1].crash_and_restart(), endless_s=1.0)
        for server in servers:
            server.close()
        return

    def make(model: Model = Model.BUILTIN, *, n_slots: int = 2) -> LlamaEngine:
        settings = LlamaSettings(
            model_id=BUILTIN_MODEL_ID,
            model_path=model_paths[model],
            context_tokens=CONTEXT_TOKENS[model],
            n_slots=n_slots,
            n_threads=1,
        )
        return LlamaEngine(settings)

    yield Variant(make=make, crash=kill, endless_s=1.0)


@contextlib.asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[Engine]:
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


def ask(text: str = "Bonjour, qui es-tu ?", **sampling: object) -> GenerationRequest:
    return GenerationRequest(
        request_id="r",
        model_id="m",
        messages=(Message(role=Role.USER, content=text),),
        sampling=Sampling(**{"temperature": 0.0, **sampling}),  # type: ignore[arg-type]
    )


async def read(answer: AsyncGenerator[GenerationEvent, None]) -> tuple[str, list[GenerationEvent]]:
    events = [event async for event in answer]
    return "".join(event.text for event in events if isinstance(event, TokenChunk)), events


async def test_an_answer_is_one_prompt_then_tokens_then_one_end(variant):
    async with running(variant.make()) as engine:
        text, events = await read(engine.generate(ask()))
    prompt, *tokens, end = events
    assert isinstance(prompt, PromptRead)
    assert all(isinstance(event, TokenChunk) for event in tokens)
    assert isinstance(end, Finished)
    assert end.reason is FinishReason.STOP
    assert text


async def test_usage_adds_up(variant):
    async with running(variant.make()) as engine:
        _, (prompt, *tokens, end) = await read(engine.generate(ask()))
        assert end.usage.prompt_tokens == prompt.prompt_tokens == await engine.count_tokens(ask().messages)
    assert end.usage.cached_tokens == prompt.cached_tokens == 0
    assert end.usage.new_tokens == sum(token.n_tokens for token in tokens) > 1
    assert end.usage.prefill_s > 0
    assert end.usage.decode_s > 0
    assert end.usage.queued_s >= 0


async def test_a_prompt_seen_before_is_cached_in_part(variant):
    async with running(variant.make()) as engine:
        await read(engine.generate(ask()))
        _, (prompt, *_, end) = await read(engine.generate(ask()))
    assert 0 < prompt.cached_tokens < prompt.prompt_tokens
    assert end.usage.cached_tokens == prompt.cached_tokens


async def test_an_answer_ends_before_a_stop_string(variant):
    async with running(variant.make()) as engine:
        whole, _ = await read(engine.generate(ask()))
        stop = whole[len(whole) // 2 :][:3]
        text, events = await read(engine.generate(ask(stop=(stop,))))
    assert text == whole[: whole.index(stop)]
    assert events[-1].reason is FinishReason.STOP
    assert events[-1].usage.new_tokens == sum(e.n_tokens for e in events if isinstance(e, TokenChunk))


async def test_an_answer_is_cut_at_the_tokens_asked_for(variant):
    async with running(variant.make()) as engine:
        _, events = await read(engine.generate(ask(max_new_tokens=3)))
    assert events[-1].reason is FinishReason.LENGTH
    assert events[-1].usage.new_tokens == 3
    assert sum(event.n_tokens for event in events if isinstance(event, TokenChunk)) == 3


async def test_the_same_question_cold_and_seeded_has_the_same_answer(variant):
    async with running(variant.make()) as engine:
        answers = {(await read(engine.generate(ask(seed=7))))[0] for _ in range(3)}
    assert len(answers) == 1


async def test_characters_survive_being_cut_into_tokens(variant):
    async with running(variant.make(Model.RECITING)) as engine:
        text, events = await read(engine.generate(ask("Quel temps ?")))
    assert text == RECITED
    assert events[-1].reason is FinishReason.STOP


async def test_eight_at_once_share_the_slots_and_all_end(variant):
    async with running(variant.make(n_slots=2)) as engine:
        tasks = [asyncio.create_task(read(engine.generate(ask(f"Question {n}")))) for n in range(8)]
        most_active = 0
        while not all(task.done() for task in tasks):
            most_active = max(most_active, engine.status().n_active)
            await asyncio.sleep(0)
        assert all(isinstance(task.result()[1][-1], Finished) for task in tasks)
        assert most_active == 2
        assert engine.status().n_active == engine.status().n_waiting == 0


async def test_closing_an_answer_ends_the_work_on_it(variant):
    async with running(variant.make(Model.ENDLESS, n_slots=1)) as engine:
        answer = engine.generate(ask())
        for _ in range(4):
            await anext(answer)
        await answer.aclose()
        assert engine.status().n_active == 0
        before_s = engine.processor_s()
        await read(engine.generate(ask("Encore", max_new_tokens=2)))
        assert engine.processor_s() - before_s < variant.endless_s


async def test_cancelling_the_reader_ends_the_work_too(variant):
    async with running(variant.make(Model.ENDLESS, n_slots=1)) as engine:
        reader = asyncio.create_task(read(engine.generate(ask())))
        while not engine.status().n_active:
            await asyncio.sleep(0)
        waiter = asyncio.create_task(read(engine.generate(ask())))
        while not engine.status().n_waiting:
            await asyncio.sleep(0)
        waiter.cancel()
        reader.cancel()
        await asyncio.wait({reader, waiter})
        assert engine.status().n_active == engine.status().n_waiting == 0
        before_s = engine.processor_s()
        await read(engine.generate(ask("Encore", max_new_tokens=2)))
        assert engine.processor_s() - before_s < variant.endless_s


async def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(variant):
    async with running(variant.make()) as engine:
        long = ask("beaucoup trop long " * 300)
        with pytest.raises(ContextTooLong) as caught:
            await read(engine.generate(long))
        assert caught.value.context_tokens == engine.status().context_tokens == 256
        assert caught.value.prompt_tokens == await engine.count_tokens(long.messages) > 256
        assert engine.status().n_active == 0


async def test_an_answer_ends_where_the_context_does(variant):
    async with running(variant.make(Model.SHORT, n_slots=1)) as engine:
        _, events = await read(engine.generate(ask("x" * 900)))
    usage = events[-1].usage
    assert events[-1].reason is FinishReason.LENGTH
    assert usage.prompt_tokens + usage.new_tokens <= CONTEXT_TOKENS[Model.SHORT] + 1


async def test_a_crash_is_told_and_the_next_request_meets_a_new_engine(variant):
    async with running(variant.make(Model.ENDLESS)) as engine:
        answer = engine.generate(ask())
        for _ in range(2):
            await anext(answer)
        before_s = engine.processor_s()
        variant.crash(engine)
        with pytest.raises(EngineCrashed):
            await read(answer)
        text, events = await read(engine.generate(ask(max_new_tokens=5)))
        assert text
        assert isinstance(events[-1], Finished)
        assert engine.status().state is EngineState.READY
        assert engine.status().n_active == 0
        assert engine.processor_s() >= before_s > 0


async def test_stopping_breaks_off_what_is_in_flight_and_may_be_repeated(variant):
    engine = variant.make(Model.ENDLESS, n_slots=1)
    assert engine.status().state is EngineState.STOPPED
    await engine.stop()
    await engine.start()
    await engine.start()
    answers = [asyncio.create_task(read(engine.generate(ask()))) for _ in range(3)]
    while not engine.status().n_waiting:
        await asyncio.sleep(0)
    await engine.stop()
    await engine.stop()
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert all(isinstance(result, EngineCrashed) for result in results)
    assert engine.status().state is EngineState.STOPPED
    with pytest.raises(EngineCrashed):
        await read(engine.generate(ask()))


async def test_an_engine_can_be_started_again(variant):
    engine = variant.make()
    async with running(engine):
        await read(engine.generate(ask()))
    used_s = engine.processor_s()
    async with running(engine):
        await read(engine.generate(ask()))
    assert engine.processor_s() > used_s > 0


async def test_processor_time_never_goes_back(variant):
    readings = [0.0]
    engine = variant.make()
    async with running(engine):
        for _ in range(3):
            readings += [engine.processor_s() async for _ in engine.generate(ask())]
    readings.append(engine.processor_s())
    assert readings == sorted(readings)
    assert readings[-1] > 0


async def test_a_status_names_the_engine_it_is_about(variant):
    async with running(variant.make()) as engine:
        status = engine.status()
    assert status.kind in {"llama.cpp", "remote", "simulated", "vllm"}
    assert status.n_slots == 2
    assert status.load_s is not None
    assert (status.process_id is None) == (status.kind not in {"llama.cpp", "vllm"})
