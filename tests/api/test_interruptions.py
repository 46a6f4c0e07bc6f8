"""A client that leaves and an engine that dies, on a real engine whose answer does not end by itself."""

import httpx
import openai
import psutil
import pytest

from tests.live_server import live_daemon
from tests.models.gguf_bytes import tiny_gguf

ENDLESS = {
    "model": "endless",
    "messages": [{"role": "user", "content": "x"}],
    "stream": True,
    "temperature": 0,  # random weights, but always the same: it babbles until the context is full
}


def engines() -> set[psutil.Process]:
    return {p for p in psutil.Process().children() if any("llama_child" in part for part in p.cmdline())}


@pytest.fixture(scope="module")
def endless_url(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    (models / "endless.gguf").write_bytes(tiny_gguf(context_tokens=8192))
    home = tmp_path_factory.mktemp("home")
    with live_daemon(home, GALERNE_MODELS=str(models), GALERNE_MODEL="endless") as address:
        yield address


def at_rest(url: str, *, n_answers: int) -> bool:
    """Whether nothing is generated and the interrupted answers are in the accounts."""
    n_active = httpx.get(f"{url}/v1/galerne/chain").json()["engine"]["n_active"]
    rows = httpx.get(f"{url}/v1/usage").json()["rows"]
    return n_active == 0 and bool(rows) and rows[0]["n_answers"] == n_answers


def test_when_clients_hang_up_the_engine_is_free_again(endless_url):
    for _ in range(6):  # more than it has slots
        with httpx.stream("POST", f"{endless_url}/v1/chat/completions", json=ENDLESS) as response:
            next(response.iter_lines())
    if not any(at_rest(endless_url, n_answers=6) for _ in range(100)):
        pytest.fail("the engine still works for clients that left, or their answers are not accounted for")
    rows = httpx.get(f"{endless_url}/v1/usage").json()["rows"]
    assert rows[0]["completion_tokens"] < 6 * 8000


def test_when_the_engine_dies_its_client_is_told_and_the_next_one_is_served(endless_url):
    engine = next(p for p in engines() if any("endless.gguf" in m.path for m in p.memory_maps()))
    with openai.OpenAI(base_url=f"{endless_url}/v1", api_key="unused", max_retries=5) as client:
        stream = client.chat.completions.create(**ENDLESS)
        next(iter(stream))
        engine.kill()
        with pytest.raises(openai.APIError) as told:
            list(stream)
        assert told.value.code == "engine_crashed"
        answer = client.chat.completions.create(**{**ENDLESS, "stream": False, "max_tokens": 2})
        assert answer.usage.completion_tokens == 2
