import asyncio

import pytest

from galerne.chat.client.answer import AnswerEnd, AnswerStart, TextPiece
from galerne.chat.client.api import ApiClient
from galerne.errors import AnswerRefused, ServerUnreachable

QUESTION = [{"role": "user", "content": "secret words"}]


def events_of(url, **options):
    async def collect():
        async with ApiClient(url) as client:
            return [event async for event in client.answer(QUESTION, **{"model": "mini"} | options)]

    return asyncio.run(collect())


def test_an_answer_starts_streams_and_ends(fake_api, api_url):
    first, *pieces, end = events_of(api_url)
    assert first == AnswerStart(receipt_id="rcpt_001")
    assert pieces == [TextPiece(text="Hello, "), TextPiece(text="**world**.")]
    assert isinstance(end, AnswerEnd)
    assert end.receipt["id"] == "rcpt_001"
    assert fake_api.asked[0]["messages"] == QUESTION


def test_without_a_model_the_first_of_the_server_answers(fake_api, api_url):
    events_of(api_url, model=None)
    assert fake_api.asked[0]["model"] == "galerne-mini"


def test_a_refusal_carries_the_code_and_the_hint_and_no_prompt(fake_api, api_url):
    fake_api.failure = (503, {"code": "overloaded", "message": "4 wait", "advice": "Wait."})
    with pytest.raises(AnswerRefused) as caught:
        events_of(api_url)
    assert (caught.value.status, caught.value.problem_code, caught.value.hint) == (
        503,
        "overloaded",
        "4 wait Wait.",
    )
    assert "secret" not in str(caught.value)


def test_nobody_there_is_said_so():
    with pytest.raises(ServerUnreachable):
        events_of("http://127.0.0.1:9")


def test_it_is_used_inside_its_block_only():
    with pytest.raises(RuntimeError):
        asyncio.run(ApiClient("http://127.0.0.1:9").models())
