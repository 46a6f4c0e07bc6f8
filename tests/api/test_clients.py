"""The clients people already have, unchanged, against a real daemon."""

from pathlib import Path

import httpx
import openai
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

MODEL = "galerne-mini"
HELLO = [{"role": "user", "content": "Bonjour, qui es-tu ?"}]
RECEIPT_KEYS = {"id", "status", "method", "energy_j", "co2e_g", "water_l", "cost_eur", "grid", "timing"}


@pytest.fixture
def openai_client(live_url):
    with openai.OpenAI(base_url=f"{live_url}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def mistral_client(live_url):
    with Mistral(server_url=live_url, api_key="unused") as client:
        yield client


def test_openai_whole(openai_client):
    answer = openai_client.chat.completions.create(
        model=MODEL, messages=HELLO, max_completion_tokens=24, temperature=0, seed=1
    )
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in {"stop", "length"}
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert set(answer.usage.galerne) >= RECEIPT_KEYS
    assert answer.usage.galerne["energy_j"]["full"] >= answer.usage.galerne["energy_j"]["active"] >= 0


def test_openai_stream_says_what_the_whole_says(openai_client):
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 24, "temperature": 0, "seed": 1}
    whole = openai_client.chat.completions.create(**asked).choices[0].message.content
    chunks = list(openai_client.chat.completions.create(**asked, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason in {"stop", "length"}
    assert set(chunks[-1].usage.galerne) >= RECEIPT_KEYS


def test_openai_usage_apart(openai_client):
    chunks = list(
        openai_client.chat.completions.create(
            model=MODEL,
            messages=HELLO,
            max_tokens=4,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 4


def test_openai_errors_have_their_own_class(openai_client):
    create = openai_client.chat.completions.create
    with pytest.raises(openai.NotFoundError, match="galerne-mini") as unknown:
        create(model="galerne-min", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as hot:
        create(model=MODEL, messages=HELLO, temperature=7)
    assert hot.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as several:
        create(model=MODEL, messages=HELLO, n=99)
    assert several.value.param == "n"
    with pytest.raises(openai.BadRequestError) as long:
        create(model=MODEL, messages=[{"role": "user", "content": "mot " * 40_000}])
    assert long.value.code == "context_length_exceeded"


def test_openai_models(openai_client):
    listed = openai_client.models.list().data
    assert MODEL in [model.id for model in listed]
    assert openai_client.models.retrieve(MODEL).owned_by == "galerne"
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("nothing")


def test_mistral_whole(mistral_client):
    answer = mistral_client.chat.complete(
        model=MODEL, messages=HELLO, max_tokens=24, temperature=0, random_seed=1
    )
    assert answer.choices[0].message.content
    receipt = answer.usage.additional_properties["galerne"]
    assert set(receipt) >= RECEIPT_KEYS
    assert receipt["method"] in {"measured", "derived", "modelled"}


def test_mistral_stream(mistral_client):
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 24, "temperature": 0, "random_seed": 1}
    whole = mistral_client.chat.complete(**asked).choices[0].message.content
    with mistral_client.chat.stream(**asked) as stream:
        chunks = [event.data for event in stream]
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == whole
    assert chunks[-1].choices[0].finish_reason in {"stop", "length"}
    assert set(chunks[-1].usage.additional_properties["galerne"]) >= RECEIPT_KEYS


def test_mistral_models(mistral_client):
    assert MODEL in [model.id for model in mistral_client.models.list().data]
    card = mistral_client.models.retrieve(model_id=MODEL)
    assert card.type == "base"
    assert card.capabilities.completion_chat


def test_mistral_errors(mistral_client):
    with pytest.raises(SDKError, match="galerne-mini") as unknown:
        mistral_client.chat.complete(model="galerne-min", messages=HELLO)
    assert unknown.value.raw_response.status_code == 400
    with pytest.raises(HTTPValidationError) as hot:
        mistral_client.chat.complete(model=MODEL, messages=HELLO, temperature=7)
    assert hot.value.data.detail[0].loc == ["body", "temperature"]


def test_the_receipt_can_be_read_again_under_the_id_in_the_header(live_url):
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 4, "stream": True}
    response = httpx.post(f"{live_url}/v1/chat/completions", json=asked)
    receipt = httpx.get(f"{live_url}/v1/receipts/{response.headers['galerne-receipt']}").json()
    assert receipt["id"] == response.headers["galerne-receipt"]
    assert receipt["id"] in response.text
    assert receipt["model"] == MODEL
    assert all(source["title"] for source in receipt["sources"].values())


def test_usage_adds_up_and_the_chain_shows_the_last_answer(live_url):
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 4}
    answer = httpx.post(f"{live_url}/v1/chat/completions", json=asked).json()
    usage = httpx.get(f"{live_url}/v1/usage", params={"group_by": "model"}).json()
    chain = httpx.get(f"{live_url}/v1/galerne/chain").json()
    assert usage["adds_up"]
    assert usage["rows"][0]["n_answers"] >= 1
    assert chain["answer"]["id"] == answer["usage"]["galerne"]["id"]
    assert chain["engine"]["state"] == "ready"
    assert chain["machine"]["power_w"] >= chain["machine"]["idle_w"] >= 0


def test_what_fits_and_a_site_plan_come_from_the_real_parts(live_url):
    fits = httpx.get(f"{live_url}/v1/galerne/fit", timeout=30).json()["data"]
    assert any(row["fits"] for row in fits)
    assert all(row["n_active_parameters"] > 0 and row["purpose"] for row in fits)
    assert httpx.get(f"{live_url}/v1/galerne/pulls").json() == {"data": []}
    scenario = (Path(__file__).parents[2] / "examples" / "essonne.toml").read_bytes()
    plan = httpx.post(f"{live_url}/v1/site/plan", content=scenario, timeout=30)
    assert plan.status_code == 200, plan.text
    refused = httpx.post(f"{live_url}/v1/site/plan", content=b"nonsense")
    assert refused.status_code == 422
    assert refused.json()["error"]["galerne_code"] == "invalid_scenario"


def test_health_needs_nothing(live_url):
    assert httpx.get(f"{live_url}/health").json()["status"] == "ok"
