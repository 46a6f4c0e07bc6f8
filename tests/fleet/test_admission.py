import asyncio
import contextlib

import pytest

from galerne.errors import OutOfScope, QuotaExhausted
from galerne.fleet import admission
from galerne.fleet.admission import worst_case
from galerne.ledger import Limit, Payer, Period, Unit
from tests.fleet.stand import Stand, ask, delivery_of, open_stand, read_until

ADA = Payer(key_id="key_1", owner="ada")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def stand(tmp_path):
    async with open_stand(tmp_path) as made:
        yield made


pytestmark = pytest.mark.anyio


def limit(stand, amount: int, *, unit=Unit.TOKENS, period=Period.DAY) -> None:
    stand.ledger.quotas.set_limit(Limit(subject="key:key_1", unit=unit, period=period, amount=amount))


def standing(stand):
    (only,) = stand.ledger.quotas.standings(["key:key_1"], at=stand.clock.now_at())
    return only


async def events_of(answer):
    return [event async for event in answer]


async def test_an_answer_is_held_at_its_worst_and_charged_what_its_receipt_says(stand):
    limit(stand, 5000)
    answer = stand.answer(ask(max_new_tokens=20), payer=ADA)
    await read_until(answer, 2)
    (seen,) = stand.gateway.standings("r")
    assert seen.held == standing(stand).held > 500
    usage = delivery_of(await events_of(answer)).finished.usage
    assert standing(stand).spent == usage.prompt_tokens + usage.new_tokens
    assert standing(stand).held == 0
    assert stand.gateway.standings("r") == ()


async def test_the_receipt_names_the_key(stand):
    events = await events_of(stand.answer(ask(), payer=ADA))
    assert delivery_of(events).receipt.answer.key_id == "key_1"


async def test_a_request_beyond_its_limit_is_refused_before_anything_begins(stand):
    limit(stand, 1, unit=Unit.REQUESTS)
    await events_of(stand.answer(ask("one"), payer=ADA))
    with pytest.raises(QuotaExhausted) as refused:
        await events_of(stand.answer(ask("two"), payer=ADA))
    assert refused.value.retry_after_s == pytest.approx(refused.value.reset_at - stand.clock.now_at())
    assert stand.ledger.usage().rows[0].n_answers == 1


@pytest.mark.parametrize("unit", [Unit.ENERGY, Unit.CO2E, Unit.COST])
async def test_what_is_held_covers_the_truth(stand, unit):
    limit(stand, 10**15, unit=unit)
    answer = stand.answer(ask(max_new_tokens=20), payer=ADA)
    await read_until(answer, 1)
    held = standing(stand).held
    await events_of(answer)
    stand.clock.advance(1.0)
    stand.accountant.close_window()
    assert 0 < standing(stand).spent <= held


async def test_a_cancelled_answer_is_charged_what_it_used(stand):
    limit(stand, 5000)
    answer = stand.answer(ask(), payer=ADA)
    await read_until(answer, 3)
    await answer.aclose()
    receipt = stand.ledger.latest_receipt()
    usage = receipt.answer.usage
    assert standing(stand).spent == usage.prompt_tokens + usage.new_tokens > 0
    assert standing(stand).held == 0


async def test_a_client_that_leaves_while_it_is_being_admitted_holds_nothing(stand):
    limit(stand, 5000)
    for _ in range(3):
        asking = asyncio.ensure_future(anext(stand.answer(ask(), payer=ADA)))
        await asyncio.sleep(0)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(10):
            while standing(stand).held:
                await asyncio.sleep(0.01)
    assert stand.ledger.latest_receipt() is None


async def test_a_key_for_some_models_is_refused_the_others(stand):
    with pytest.raises(OutOfScope, match="mini"):
        await events_of(stand.answer(ask(), payer=Payer(key_id="key_1", models=frozenset({"large"}))))
    await events_of(stand.answer(ask(), payer=Payer(key_id="key_1", models=frozenset({"mini"}))))


async def test_200_answers_that_come_at_once_never_overspend(stand):
    limit(stand, 9000)
    answers = [events_of(stand.answer(ask(f"r{n}", max_new_tokens=20), payer=ADA)) for n in range(200)]
    outcomes = await asyncio.gather(*answers, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, QuotaExhausted)]
    delivered = [delivery_of(outcome) for outcome in outcomes if isinstance(outcome, list)]
    assert len(refused) + len(delivered) == 200
    assert len(delivered) >= 8
    used = sum(d.finished.usage.prompt_tokens + d.finished.usage.new_tokens for d in delivered)
    assert standing(stand).spent == used <= 9000
    assert standing(stand).held == 0


def test_the_worst_case_in_tokens_is_a_bound_and_at_most_the_context(stand_closed):
    def tokens(**changes):
        return worst_case(stand_closed.node, ask(**changes), stand_closed.accountant)[Unit.TOKENS]

    assert tokens(text="é" * 100, max_new_tokens=7) >= 200 + 7
    assert tokens(text="é" * 100, max_new_tokens=8) == tokens(text="é" * 100, max_new_tokens=7) + 1
    assert tokens() == tokens(text="x" * 10**6, max_new_tokens=10**6) == 4096


@pytest.fixture
def stand_closed(tmp_path):
    made = Stand(folder=tmp_path)
    yield made
    made.close()
    made.ledger.close()


async def test_those_who_come_while_one_is_decided_on_share_the_next_transaction(stand, monkeypatch):
    limit(stand, 10**9)
    quotas, together = stand.ledger.quotas, []
    decide = quotas.hold_all
    monkeypatch.setattr(quotas, "hold_all", lambda asked: together.append(len(asked)) or decide(asked))
    await asyncio.gather(*(events_of(stand.answer(ask(f"r{n}"), payer=ADA)) for n in range(12)))
    assert sum(together) == 12
    assert len(together) < 6


async def test_one_whose_worst_case_cannot_be_worked_out_is_refused_alone(stand, monkeypatch):
    limit(stand, 10**9)
    estimate = admission.worst_case

    def odd_one_out(node, request, accountant):
        if request.request_id == "r3":
            raise ZeroDivisionError
        return estimate(node, request, accountant)

    monkeypatch.setattr(admission, "worst_case", odd_one_out)
    outcomes = await asyncio.gather(
        *(events_of(stand.answer(ask(f"r{n}"), payer=ADA)) for n in range(6)), return_exceptions=True
    )
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, BaseException)] == [3]
    assert isinstance(outcomes[3], ZeroDivisionError)
