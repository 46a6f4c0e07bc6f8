"""Images named by address: fetched where the owner allows it, by its place and reason refused otherwise."""

import json

import pytest

from galerne.errors import AddressRefused
from tests.api.fakes import FakeGateway, ask, client
from tests.pictures import png

PATH = "/v1/chat/completions"
ADDRESS = "https://example.org/sea.png"


def named(address=ADDRESS, **changes):
    part = {"type": "image_url", "image_url": address}
    return ask(messages=[{"role": "user", "content": [{"type": "text", "text": "?"}, part]}], **changes)


async def fetch(url):
    fetched.append(url)
    if "inside" in url:
        raise AddressRefused(host="inside.example", problem="it leads to 10.0.0.7, which is not public")
    return b"<html>" if "page" in url else png()


fetched: list[str] = []


@pytest.fixture(autouse=True)
def nothing_fetched():
    fetched.clear()


@pytest.mark.parametrize(
    "address", [ADDRESS, {"url": ADDRESS, "detail": "high"}, ADDRESS.replace("https", "HTTPS")]
)
def test_an_image_is_fetched_once_and_shown(address):
    gateway = FakeGateway()
    response = client(gateway, fetch_image=fetch).post(PATH, json=named(address))
    assert response.status_code == 200, response.text
    (image,) = gateway.asked[0].messages[0].images
    assert image.content == png()
    assert len(fetched) == 1


def test_every_route_that_reads_images_fetches_them():
    part = {"type": "input_image", "image_url": ADDRESS}
    item = {"role": "user", "content": [{"type": "input_text", "text": "?"}, part]}
    answering = client(fetch_image=fetch)
    for path, body in {
        "/v1/responses": {"model": "galerne-mini", "input": [item]},
        "/v1/responses/input_tokens": {"model": "galerne-mini", "input": [item]},
        "/v1/tokenize/count": named(),
    }.items():
        assert answering.post(path, json=body).status_code == 200, path
    assert len(fetched) == 3


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://inside.example/a.png", "not fetched from inside.example: it leads to 10.0.0.7"),
        ("https://example.org/page", "it is no PNG"),
        ("ftp://example.org/a.png", "no data: address"),
    ],
)
def test_what_is_not_fetched_says_where_and_why(address, told):
    error = client(fetch_image=fetch).post(PATH, json=named(address)).json()["error"]
    assert error["param"] == "messages[0].content[1].image_url"
    assert told in error["message"]


def test_nothing_is_fetched_without_leave():
    error = client().post(PATH, json=named()).json()["error"]
    assert error["galerne_code"] == "image_refused"
    assert "as a data: URL" in error["message"]
    assert fetched == []


def test_one_request_names_so_many_and_no_more():
    part = {"type": "image_url", "image_url": ADDRESS}
    messages = [{"role": "user", "content": [part] * 9}] * 2
    error = client(fetch_image=fetch).post(PATH, json=ask(messages=messages)).json()["error"]
    assert "18 addresses" in error["message"]
    assert fetched == []


@pytest.mark.parametrize(
    "content",
    [
        b'{"image_url"',
        b'"image_url"',
        b'{"messages": [{"content": ["image_url"]}]}',
        b"[" * 9999 + b"image_url",
    ],
)
def test_what_is_no_request_is_left_to_whoever_parses_it(content):
    assert client(fetch_image=fetch).post(PATH, content=content).status_code == 400


def test_other_fields_stay_as_they_were():
    gateway = FakeGateway()
    body = json.dumps(named(temperature=0.25, seed=2**62, stop=["\u2028é"])).encode()
    client(gateway, fetch_image=fetch).post(PATH, content=body)
    sampling = gateway.asked[0].sampling
    assert (sampling.temperature, sampling.seed, sampling.stop) == (0.25, 2**62, ("\u2028é",))
