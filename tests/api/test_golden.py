from pathlib import Path

import pytest

from tests.api.fakes import FakeGateway, ask, client

GOLDEN = Path(__file__).parent.parent / "golden"
PIECES = ("Bonjour", ", l'été", ' "ici"\n')

CASES = {
    "chat_mistral.sse": ask(stream=True, random_seed=1, max_tokens=64),
    "chat_openai.sse": ask(
        stream=True, seed=1, max_completion_tokens=64, stream_options={"include_usage": True}
    ),
    "chat_whole.json": ask(),
}


@pytest.mark.parametrize("name", CASES)
def test_bytes_on_the_wire_do_not_change_by_accident(name):
    response = client(FakeGateway(pieces=PIECES)).post("/v1/chat/completions", json=CASES[name])
    assert response.text == (GOLDEN / name).read_text(encoding="utf-8")
