"""What the gateway does when the real engine is frozen, and when a client leaves it at work."""

import asyncio
import contextlib
import os
import signal

import pytest

from galerne.clock import SystemClock
from galerne.engines import LlamaEngine, LlamaSettings
from galerne.errors import EngineCrashed
from galerne.generation import FinishReason, TokenChunk
from galerne.models import BUILTIN_MODEL_ID, builtin_model_path
from tests.fleet.stand import ask, open_stand

pytestmark = pytest.mark.anyio
LONG = "Galerne. " * 150
QUESTION = {"model_id": BUILTIN_MODEL_ID, "max_new_tokens": 64, "temperature": 0.0}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def engine_that_is_watched(*, heartbeat_s: float) -> LlamaEngine:
    settings = LlamaSettings(
        model_id=BUILTIN_MODEL_ID,
        model_path=builtin_model_path(),
        context_tokens=1024,
        n_slots=1,
        n_threads=1,
        batch_tokens=32,
        grace_s=0.3,
        heartbeat_s=heartbeat_s,
    )
    return LlamaEngine(settings, clock=SystemClock())


@contextlib.asynccontextmanager
async def stand_with(engine, folder):
    async with (
        asyncio.timeout(60),
        open_stand(folder, clock=SystemClock(), engine=engine, model_id=BUILTIN_MODEL_ID) as stand,
    ):
        yield stand


async def drain(stand, request):
    return [event async for event in stand.answer(request)]


async def settled(stand):
    """The receipt that was written once everything of the answer is over."""
    while stand.gateway.status().n_active or stand.ledger.latest_receipt() is None:
        await asyncio.sleep(0.01)
    return stand.ledger.latest_receipt()


@pytest.mark.slow
async def test_a_frozen_engine_is_replaced_its_answer_told_and_billed_and_the_next_one_given(tmp_path):
    engine = engine_that_is_watched(heartbeat_s=0.5)
    async with stand_with(engine, tmp_path) as stand:
        frozen = engine.status().process_id
        os.kill(frozen, signal.SIGSTOP)
        with pytest.raises(EngineCrashed):
            await drain(stand, ask("frozen", text=LONG, **QUESTION))
        receipt = await settled(stand)
        assert receipt.answer.finish_reason is FinishReason.ERROR
        assert receipt.answer.usage.new_tokens == 0
        text, _ = await stand.collect(ask("next", **QUESTION))
        assert text.strip()
        assert engine.status().process_id != frozen


async def test_a_client_that_leaves_while_its_prompt_is_read_frees_the_engine(tmp_path):
    engine = engine_that_is_watched(heartbeat_s=60.0)
    async with stand_with(engine, tmp_path) as stand:
        process_id = engine.status().process_id
        os.kill(process_id, signal.SIGSTOP)  # the prompt is certainly not read before the client leaves
        reader = asyncio.create_task(drain(stand, ask("leaves", text=LONG, **QUESTION)))
        while not engine.status().n_active:
            await asyncio.sleep(0.01)
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader
        os.kill(process_id, signal.SIGCONT)
        receipt = await settled(stand)
        assert receipt.answer.finish_reason is FinishReason.CANCELLED
        assert receipt.answer.usage.new_tokens == 0
        assert (engine.status().n_active, engine.status().n_waiting) == (0, 0)
        text, _ = await stand.collect(ask("next", **QUESTION))
        assert text.strip()
        assert engine.status().process_id == process_id


async def test_a_client_that_leaves_mid_stream_frees_the_only_slot(tmp_path):
    engine = engine_that_is_watched(heartbeat_s=60.0)
    async with stand_with(engine, tmp_path) as stand:
        answer = stand.answer(ask("leaves", **QUESTION))
        async for event in answer:
            if isinstance(event, TokenChunk):
                break
        await answer.aclose()
        receipt = await settled(stand)
        assert receipt.answer.finish_reason is FinishReason.CANCELLED
        assert receipt.answer.usage.new_tokens >= 1
        assert engine.status().n_active == 0
        text, _ = await stand.collect(ask("next", **QUESTION))
        assert text.strip()
