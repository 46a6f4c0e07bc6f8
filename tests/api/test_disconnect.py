import asyncio
import json

import pytest

from galerne.api import create_app
from galerne.generation import PromptRead
from tests.api.fakes import FakeGateway, ask, services

SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/v1/chat/completions",
    "raw_path": b"/v1/chat/completions",
    "query_string": b"",
    "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
    "client": ("127.0.0.1", 1),
    "server": ("127.0.0.1", 4747),
}


async def leave_early(gateway: FakeGateway, *, stream: bool) -> list[dict]:
    """Ask, wait until the engine is at work, hang up, wait for the server to be done with us."""
    sent, hung_up = [], asyncio.Event()
    body = json.dumps(ask(stream=stream)).encode()
    inbox = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if inbox:
            return inbox.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    served = asyncio.create_task(create_app(services(gateway))(dict(SCOPE), receive, send))
    while not gateway.asked:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not served.done()
    hung_up.set()
    await served
    return sent


@pytest.mark.parametrize("stream", [True, False])
def test_when_the_client_leaves_the_engine_stops_before_the_server_is_done(stream):
    gateway = FakeGateway(waits=True)
    asyncio.run(leave_early(gateway, stream=stream))
    assert gateway.ends == ["CancelledError"]


def test_the_engine_stops_even_while_the_prompt_is_being_read():
    class SlowReader(FakeGateway):
        async def answer(self, request, **_):
            self.asked.append(request)
            try:
                await asyncio.Event().wait()
                yield PromptRead(prompt_tokens=1, cached_tokens=0)
            except BaseException as error:
                self.ends.append(type(error).__name__)
                raise

    gateway = SlowReader()
    sent = asyncio.run(leave_early(gateway, stream=True))
    assert gateway.ends == ["CancelledError"]
    assert sent == []


def test_a_client_that_leaves_while_asking_is_nobodys_mistake(caplog):
    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        pytest.fail(f"nobody listens to {message}")

    gateway = FakeGateway()
    asyncio.run(create_app(services(gateway))(dict(SCOPE), receive, send))
    assert not gateway.asked
    assert not caplog.records
