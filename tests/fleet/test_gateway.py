import asyncio
import contextlib

import pytest

from galerne.clock import SystemClock
from galerne.engines import EngineState, LlamaEngine, LlamaSettings
from galerne.errors import ContextTooLong, EngineCrashed, NoNode, UnknownModel
from galerne.fleet import Delivered
from galerne.generation import FinishReason, PromptRead, TokenChunk
from galerne.models import BUILTIN_MODEL_ID, builtin_model_path
from galerne.units import to_microjoules
from tests.fleet.stand import (
    ANSWER,
    N_ANSWER_TOKENS,
    Stand,
    ask,
    delivery_of,
    open_stand,
    read_until,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def stand(tmp_path):
    async with open_stand(tmp_path) as made:
        yield made


def latest(stand: Stand):
    receipt = stand.ledger.latest_receipt()
    assert receipt
    return receipt


async def test_an_answer_arrives_whole_with_its_bill_last(stand):
    text, events = await stand.collect()
    delivered = delivery_of(events)
    assert text == ANSWER
    assert isinstance(events[0], PromptRead)
    assert sum(event.n_tokens for event in events if isinstance(event, TokenChunk)) == N_ANSWER_TOKENS
    assert delivered.finished.reason is FinishReason.STOP
    assert delivered.decision.node is stand.node
    receipt = delivered.receipt
    assert receipt.status == "provisional"
    assert receipt.method == "modelled"
    assert receipt.answer.usage == delivered.finished.usage
    assert receipt.full_j > receipt.active_j > 0
    assert stand.ledger.receipt(receipt.receipt_id) == receipt


async def test_the_id_of_the_receipt_is_known_from_the_first_event(stand):
    answer = stand.answer(ask("one"))
    assert stand.gateway.receipt_id("one") is None
    await anext(answer)
    receipt_id = stand.gateway.receipt_id("one")
    rest = [event async for event in answer]
    assert receipt_id == delivery_of(rest).receipt.receipt_id
    assert stand.gateway.receipt_id("one") is None


async def test_an_answer_that_nobody_reads_on_is_billed_for_what_it_used(stand):
    answer = stand.answer(ask())
    events = await read_until(answer, 3)
    await answer.aclose()
    assert not any(isinstance(event, Delivered) for event in events)
    receipt = latest(stand)
    assert receipt.answer.finish_reason is FinishReason.CANCELLED
    assert receipt.answer.usage.new_tokens == 3
    assert receipt.answer.usage.prompt_tokens == events[0].prompt_tokens > 0
    assert receipt.active_j > 0
    assert stand.gateway.status().n_active == 0
    assert stand.gateway.receipt_id("r") is None


async def test_a_cancelled_reader_is_billed_too(stand):
    first_token = asyncio.Event()

    async def consume():
        async for event in stand.answer(ask(text="mot " * 50)):
            if isinstance(event, TokenChunk):
                first_token.set()
                await asyncio.sleep(30)

    reader = asyncio.create_task(consume())
    await first_token.wait()
    reader.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reader
    for _ in range(100):
        if stand.ledger.latest_receipt():
            break
        await asyncio.sleep(0.01)
    assert latest(stand).answer.finish_reason is FinishReason.CANCELLED


async def test_an_answer_dropped_before_its_prompt_is_read_still_has_a_receipt(stand):
    answer = stand.answer(ask())
    started = asyncio.ensure_future(anext(answer))
    while stand.gateway.receipt_id("r") is None:
        await asyncio.sleep(0)
    started.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await started
    await answer.aclose()
    receipt = latest(stand)
    assert receipt.answer.finish_reason is FinishReason.CANCELLED
    assert receipt.answer.usage.new_tokens == 0


async def test_an_engine_that_dies_mid_stream_is_reported_and_billed(stand):
    answer = stand.answer(ask())
    await read_until(answer, 2)
    stand.engine.crash()
    with pytest.raises(EngineCrashed):
        async for _ in answer:
            pass
    receipt = latest(stand)
    assert receipt.answer.finish_reason is FinishReason.ERROR
    assert 2 <= receipt.answer.usage.new_tokens < N_ANSWER_TOKENS
    assert stand.gateway.status().states == {"here": "crashed"}
    assert not stand.gateway.status().ready
    text, _ = await stand.collect(ask("again"))
    assert text == ANSWER


async def test_a_fault_of_our_own_is_billed_as_an_error(stand, monkeypatch):
    def break_down(n_tokens):
        raise ZeroDivisionError

    monkeypatch.setattr(stand.throughput, "count", break_down)
    with pytest.raises(ZeroDivisionError):
        await stand.collect()
    assert latest(stand).answer.finish_reason is FinishReason.ERROR


async def test_two_answers_at_once_keep_their_own_tokens_and_share_the_energy(stand):
    (text, one), (other_text, other) = await asyncio.gather(
        stand.collect(ask("one")), stand.collect(ask("two", max_new_tokens=4))
    )
    receipts = [delivery_of(events).receipt for events in (one, other)]
    assert text == ANSWER
    assert ANSWER.startswith(other_text)
    assert delivery_of(other).finished.reason is FinishReason.LENGTH
    assert [receipt.answer.request_id for receipt in receipts] == ["one", "two"]
    assert len({receipt.receipt_id for receipt in receipts}) == 2
    stand.close()
    finals = [stand.ledger.receipt(receipt.receipt_id) for receipt in receipts]
    assert [final.status for final in finals] == ["final", "final"]
    assert finals[0].active_j > finals[1].active_j > 0


async def test_more_answers_than_slots_all_arrive(tmp_path):
    async with open_stand(tmp_path, n_slots=2) as stand:
        answers = await asyncio.gather(*(stand.collect(ask(f"r{n}")) for n in range(7)))
    assert [text for text, _ in answers] == [ANSWER] * 7


async def test_the_same_request_twice_at_once_is_our_own_mistake(stand):
    first = stand.answer(ask("same"))
    await anext(first)
    with pytest.raises(ValueError, match="has begun already"):
        await anext(stand.answer(ask("same")))
    rest = [event async for event in first]
    assert delivery_of(rest).receipt.answer.request_id == "same"


async def test_the_parts_are_the_meter_to_the_microjoule(tmp_path):
    async with open_stand(tmp_path) as stand:
        opened_j = stand.meter.read()[0].counter_j
        await stand.collect(ask("complete"))
        stand.clock.advance(1.37)
        stand.accountant.close_window()
        dropped = stand.answer(ask("dropped"))
        await read_until(dropped, 2)
        await dropped.aclose()
        doomed = stand.answer(ask("doomed"))
        await read_until(doomed, 1)
        stand.engine.crash()
        with pytest.raises(EngineCrashed):
            await anext(doomed)
        await asyncio.gather(*(stand.collect(ask(f"r{n}")) for n in range(6)))
        stand.close()
        metered_uj = to_microjoules(stand.meter.read()[0].counter_j - opened_j)
        report = stand.ledger.usage("model")
        assert report.adds_up
        assert report.accounts.adds_up
        assert report.accounts.meter_uj == metered_uj
        assert report.rows[0].n_answers == 9
        assert report.rows[0].n_provisional == 0
        assert report.rows[0].active_uj + report.rows[0].idle_uj == report.accounts.answers_uj


async def test_a_request_that_goes_nowhere_leaves_no_bill(stand):
    with pytest.raises(UnknownModel) as caught:
        await stand.collect(ask(model_id="minn"))
    assert caught.value.nearest == "mini"
    assert stand.ledger.latest_receipt() is None


async def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(tmp_path):
    async with open_stand(tmp_path, context_tokens=16) as stand:
        with pytest.raises(ContextTooLong) as caught:
            await stand.collect(ask(text="mot " * 50))
        assert caught.value.context_tokens == 16
        assert latest(stand).answer.finish_reason is FinishReason.ERROR


async def test_the_models_are_those_of_the_nodes(stand):
    (model,) = stand.gateway.models()
    assert (model.model_id, model.name) == ("mini", "Mini")
    assert {"default", "mistral-small-latest"} < set(model.aliases)
    assert "codestral-latest" not in model.aliases
    assert model.context_tokens == 4096


async def test_the_gateway_learns_from_what_it_serves(stand):
    await stand.collect()
    assert stand.node.expected_new_tokens(None) == N_ANSWER_TOKENS


async def test_engines_run_as_long_as_the_gateway_is_open(tmp_path):
    stand = Stand(folder=tmp_path)
    assert not stand.gateway.status().ready
    with pytest.raises(NoNode):
        await stand.collect()
    async with stand.gateway:
        assert stand.gateway.status().ready
        await stand.collect()
    assert stand.engine.status().state is EngineState.STOPPED
    assert not stand.gateway.status().ready
    stand.ledger.close()


async def test_the_built_in_model_answers_and_is_accounted_for(tmp_path):
    settings = LlamaSettings(
        model_id=BUILTIN_MODEL_ID, model_path=builtin_model_path(), context_tokens=512, n_slots=2, n_threads=1
    )
    clock = SystemClock()
    engine = LlamaEngine(settings, clock=clock)
    async with open_stand(tmp_path, clock=clock, engine=engine, model_id=BUILTIN_MODEL_ID) as stand:
        question = {"model_id": BUILTIN_MODEL_ID, "max_new_tokens": 12, "temperature": 0.0}
        (text, events), _ = await asyncio.gather(
            stand.collect(ask("one", **question)), stand.collect(ask("two", **question))
        )
        delivered = delivery_of(events)
        assert text.strip()
        assert delivered.finished.usage.new_tokens == delivered.receipt.answer.usage.new_tokens > 0
        assert stand.gateway.chain().engine.kind == "llama.cpp"
        assert stand.gateway.chain().engine.method == "measured"
        stand.close()
        report = stand.ledger.usage("total")
        assert report.adds_up
        assert report.rows[0].active_uj > 0
        assert stand.ledger.receipt(delivered.receipt.receipt_id).status == "final"
