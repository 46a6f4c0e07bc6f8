"""Official clients do not stumble over the comments that break a long silence."""

import asyncio
import threading
import time
from collections.abc import Iterator

import openai
import pytest
import uvicorn
from mistralai.client import Mistral

from galerne.api import create_app
from tests.api.fakes import FakeGateway, services

ASKED = {"model": "galerne-mini", "messages": [{"role": "user", "content": "x"}]}


class SlowGateway(FakeGateway):
    """Is silent for a while before each event."""

    async def answer(self, request, *, payer, terms=None):
        async for event in super().answer(request, payer=payer, terms=terms):
            await asyncio.sleep(0.05)
            yield event


@pytest.fixture(scope="module")
def slow_url() -> Iterator[str]:
    app = create_app(services(SlowGateway(), heartbeat_s=0.01))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_openai(slow_url):
    with openai.OpenAI(base_url=f"{slow_url}/v1", api_key="unused", max_retries=0) as client:
        chunks = list(client.chat.completions.create(**ASKED, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Bonjour !"
        events = list(client.responses.create(model="galerne-mini", input="x", stream=True))
        assert events[-1].response.output_text == "Bonjour !"
        with pytest.raises(openai.APIError, match="nobody"):
            list(client.chat.completions.create(**{**ASKED, "model": "nobody"}, stream=True))


def test_mistral(slow_url):
    with Mistral(server_url=slow_url, api_key="unused") as client:
        with client.chat.stream(**ASKED) as stream:
            assert "".join(event.data.choices[0].delta.content for event in stream) == "Bonjour !"
        with client.responses.create(model="galerne-mini", input="x", stream=True) as stream:
            events = [event.data for event in stream]
        assert events[-1].response.output[0].content[0].text == "Bonjour !"
