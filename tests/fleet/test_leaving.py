"""Clients that leave at any moment, and are told to twice: no answer stays open or without its bill."""

import asyncio
import contextlib

import pytest

from galerne.ledger import Limit, Payer, Period, Unit
from tests.fleet.stand import ask, open_stand

ADA = Payer(key_id="key_1", owner="ada")
MOMENTS = range(1, 41)
"""How many turns of the event loop an answer is given before its client leaves."""

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def read(answer) -> None:
    async with contextlib.aclosing(answer) as events:
        async for _ in events:
            pass


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("n_again", [0, 1, 2])
async def test_whoever_leaves_leaves_nothing_open(tmp_path, limited, n_again):
    async with open_stand(tmp_path) as stand:
        if limited:
            limit = Limit(subject="key:key_1", unit=Unit.TOKENS, period=Period.DAY, amount=10**9)
            stand.ledger.quotas.set_limit(limit)
        for n_turns in MOMENTS:
            reading = asyncio.ensure_future(read(stand.answer(ask(f"r{n_turns}"), payer=ADA)))
            for _ in range(n_turns):
                await asyncio.sleep(0)
            if limited:  # the database has its turn too
                await asyncio.sleep(0.001 * (n_turns % 4))
            for _ in range(1 + n_again):
                reading.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(reading, return_exceptions=True)
        async with asyncio.timeout(30):
            while any(stand.accountant.is_in_flight(f"r{n_turns}") for n_turns in MOMENTS):
                await asyncio.sleep(0.01)
        stand.clock.advance(1.0)
        stand.accountant.close_window()
    report = stand.ledger.usage()
    assert report.open_uj == 0
    assert report.adds_up
