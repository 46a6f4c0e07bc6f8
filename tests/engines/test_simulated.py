import asyncio

import pytest

from galerne.clock import ManualClock
from galerne.engines import EngineState, SimulatedEngine
from galerne.engines.simulated import pieces, prompt_tokens
from galerne.errors import EngineCrashed
from galerne.generation import Finished, GenerationRequest, Message, Role, Sampling, Usage

pytestmark = pytest.mark.anyio
STEP_S = 0.25
PREFILL_TOKEN_S = 0.5


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def ask(text: str, *, before: tuple[Message, ...] = (), max_new_tokens: int = 8) -> GenerationRequest:
    messages = (*before, Message(role=Role.USER, content=text))
    sampling = Sampling(max_new_tokens=max_new_tokens)
    return GenerationRequest(request_id="r", model_id="m", messages=messages, sampling=sampling)


def make(*, n_slots: int = 2, text: str = "a " * 100) -> SimulatedEngine:
    clock = ManualClock()

    async def sleep(duration_s: float) -> None:
        clock.advance(duration_s)
        await asyncio.sleep(0)

    return SimulatedEngine(
        model_id="m",
        prefill_s=lambda prompt, cached, n_active: (prompt - cached) * PREFILL_TOKEN_S,
        decode_step_s=lambda n_active, context_tokens: n_active * STEP_S,
        text_for=lambda request: text,
        context_tokens=1000,
        n_slots=n_slots,
        clock=clock,
        sleep=sleep,
    )


async def usage_of(engine: SimulatedEngine, request: GenerationRequest) -> Usage:
    *_, end = [event async for event in engine.generate(request)]
    assert isinstance(end, Finished)
    return end.usage


async def test_times_are_those_predicted():
    engine = make()
    await engine.start()
    request = ask("bonjour")
    usage = await usage_of(engine, request)
    assert usage.queued_s == 0
    assert usage.prefill_s == prompt_tokens(request.messages) * PREFILL_TOKEN_S
    assert usage.decode_s == (8 - 1) * STEP_S
    assert engine.processor_s() == usage.prefill_s + usage.decode_s


async def test_a_full_engine_makes_the_next_wait_for_a_slot():
    engine = make(n_slots=1)
    await engine.start()
    first, second = await asyncio.gather(usage_of(engine, ask("un")), usage_of(engine, ask("un autre")))
    assert first.queued_s == 0
    assert second.queued_s == first.prefill_s + first.decode_s


async def test_answers_in_one_batch_share_its_steps():
    engine = make(n_slots=4)
    await engine.start()
    usages = await asyncio.gather(*[usage_of(engine, ask("question " + "i" * n)) for n in range(4)])
    alone_s = sum(usage.prefill_s for usage in usages) + 4 * 7 * STEP_S
    assert engine.processor_s() == pytest.approx(alone_s)


async def test_the_beginning_of_a_recent_conversation_is_not_read_again():
    engine = make()
    await engine.start()
    opening = ask("bonjour").messages
    await usage_of(engine, ask("bonjour"))
    usage = await usage_of(engine, ask("encore", before=opening))
    assert usage.cached_tokens == prompt_tokens(opening)
    assert usage.prefill_s == (usage.prompt_tokens - usage.cached_tokens) * PREFILL_TOKEN_S


async def test_an_empty_answer_is_an_answer():
    engine = make(text="")
    await engine.start()
    assert (await usage_of(engine, ask("rien"))).new_tokens == 0


async def test_a_crash_is_seen_until_the_next_request():
    engine = make()
    await engine.start()
    engine.crash()
    assert engine.status().state is EngineState.CRASHED
    await usage_of(engine, ask("encore là ?"))
    assert engine.status().state is EngineState.READY


async def test_a_stopped_engine_answers_nothing_and_does_not_crash():
    engine = make()
    engine.crash()
    assert engine.status().state is EngineState.STOPPED
    with pytest.raises(EngineCrashed):
        await usage_of(engine, ask("?"))


@pytest.mark.parametrize(
    "text", ["", "été 🌬️ à l'heure\n\n", "  deux  espaces ", "日本語のテキスト", "e\u0301"]
)
def test_the_pieces_of_a_text_are_the_text(text):
    assert "".join(pieces(text)) == text
