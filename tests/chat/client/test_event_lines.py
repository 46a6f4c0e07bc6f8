import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from galerne.chat.client.event_lines import event_data, event_lines
from galerne.errors import AnswerRefused

TEXT = "a\u2028b\x85c\x0bd\x1ce\u2029é🌬️"


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for place in range(0, len(body), size):
        yield body[place : place + size]


def read(body: bytes, *, size: int = 5) -> list[dict[str, object]]:
    async def collect() -> list[dict[str, object]]:
        return [chunk async for chunk in event_data(httpx.Response(200, content=cut(body, size)))]

    return asyncio.run(collect())


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_text_may_hold_any_line_end_of_unicode_however_the_stream_is_cut(size):
    told = [{"text": TEXT}, {"text": "\n"}]
    body = "".join(f"data: {json.dumps(each, ensure_ascii=False)}\n\n" for each in told)
    assert read(f": still here\r\n\n{body}data: [DONE]\n\ndata: late\n\n".encode(), size=size) == told


def test_lines_are_those_that_a_line_feed_ends():
    async def collect() -> list[str]:
        response = httpx.Response(200, content=cut(f"event: x\n{TEXT}\n\nrest".encode(), 2))
        return [line async for line in event_lines(response)]

    assert asyncio.run(collect()) == ["event: x", TEXT, ""]


def test_a_failure_on_the_way_is_a_refusal():
    with pytest.raises(AnswerRefused) as caught:
        read(b'data: {"error": {"code": "engine_crashed", "message": "It ended."}}\n\n')
    assert caught.value.problem_code == "engine_crashed"
