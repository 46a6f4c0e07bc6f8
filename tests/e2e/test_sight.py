"""A question with an image, from an unchanged client to the ledger: the real engine, with eyes made here."""

import base64
import json

import httpx
import pytest
from tests.live_server import live_daemon
from tests.models.gguf_bytes import tiny_gguf, tiny_projector
from tests.pictures import WEBP, png

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "seeing.gguf").write_bytes(tiny_gguf(context_tokens=1024))
    (folder / "mmproj-seeing-f16.gguf").write_bytes(tiny_projector())
    home = tmp_path_factory.mktemp("home")
    with (
        live_daemon(home, GALERNE_MODELS=str(folder), GALERNE_STORES="none") as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield client


def ask(*, image, model="seeing", **more):
    url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    parts = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": url}]
    message = {"role": "user", "content": parts if image else "?"}
    return {"model": model, "messages": [message], "max_tokens": 4, "temperature": 0, **more}


def test_the_card_says_who_sees(api):
    cards = {card["id"]: card["capabilities"]["vision"] for card in api.get("/v1/models").json()["data"]}
    assert cards == {"galerne-mini": False, "seeing": True}


def test_an_image_is_prompt_that_is_read_counted_and_paid_once(api):
    blind = api.post(CHAT, json=ask(image=b"")).json()["usage"]
    first = api.post(CHAT, json=ask(image=png(64, 64))).json()["usage"]
    again = api.post(CHAT, json=ask(image=png(64, 64))).json()["usage"]
    assert first["prompt_tokens"] == again["prompt_tokens"] >= blind["prompt_tokens"] + 16
    assert again["prompt_tokens_details"]["cached_tokens"] >= 16
    assert first["galerne"]["energy_j"]["active"] > 0
    counted = api.post("/v1/tokenize/count", json=ask(image=png(64, 64))).json()["count"]
    assert counted == first["prompt_tokens"]


def test_a_stream_shows_the_same_usage(api):
    with api.stream("POST", CHAT, json=ask(image=png(64, 64, seed=3), stream=True)) as response:
        last = [line for line in response.iter_lines() if line.startswith("data: {")][-1]
    assert json.loads(last[6:])["usage"]["prompt_tokens"] >= 16


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (ask(image=png(), model="galerne-mini"), 400, "ability_missing"),
        (ask(image=png()[: len(png()) // 2]), 400, "image_refused"),
        (ask(image=b"hello"), 400, "image_refused"),
        (ask(image=png(1000, 1000)), 400, "context_too_long"),
        (ask(image=WEBP), 400, "image_refused"),  # llama.cpp reads none: the page makes a PNG of it
    ],
    ids=["blind", "cut", "no image", "too large", "webp"],
)
def test_what_cannot_be_seen_is_refused_and_the_engine_lives(api, asked, status, code):
    response = api.post(CHAT, json=asked)
    assert (response.status_code, response.json()["error"]["galerne_code"]) == (status, code)
    assert api.post(CHAT, json=ask(image=png(32, 32))).status_code == 200
