"""Images in the words of every client, up to what the engine is asked."""

from __future__ import annotations

import base64
import json

import pytest

from galerne.api.wire.request import parse_chat_request
from galerne.api.wire.responses import ResponsesRequest
from galerne.errors import ImageRefused, InvalidRequest
from galerne.images import Image
from tests.pictures import png

PICTURE = png(48, 32)
URL = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


def chat(*parts: object, role: str = "user") -> bytes:
    messages = [{"role": role, "content": list(parts)}, {"role": "user", "content": "Alors ?"}]
    return json.dumps({"model": "m", "messages": messages}).encode()


def shown(body: bytes) -> tuple[str, tuple[Image, ...]]:
    (question,) = parse_chat_request(body).questions("r")
    return question.messages[0].content, question.messages[0].images


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    "address", [URL, {"url": URL}, {"url": URL, "detail": "low"}], ids=["mistral", "openai", "detail"]
)
def test_both_dialects_show_an_image(address):
    content, (image,) = shown(chat(text("Que vois-tu ?"), {"type": "image_url", "image_url": address}))
    assert (content, image.content, image.at) == ("Que vois-tu ?", PICTURE, 13)
    assert (image.width_pixels, image.height_pixels) == (48, 32)


def test_images_keep_their_places_between_texts():
    image = {"type": "image_url", "image_url": URL}
    content, images = shown(chat(image, text("un"), text("deux"), image, image, text("trois")))
    assert content == "un\ndeuxtrois"
    assert [each.at for each in images] == [0, 7, 7]


def test_responses_take_images_too():
    part = {"type": "input_image", "image_url": URL}
    item = {"role": "user", "content": [{"type": "input_text", "text": "Quoi ?"}, part]}
    asked = ResponsesRequest.model_validate({"model": "m", "input": [item]})
    (message,) = asked.question("r").messages
    assert (message.content, message.images[0].content) == ("Quoi ?", PICTURE)
    spoken = {**item, "role": "assistant"}
    with pytest.raises(InvalidRequest, match="only the user shows images"):
        ResponsesRequest.model_validate({"model": "m", "input": [spoken, item]}).question("r")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("https://example.org/a.png", "other servers are not fetched"),
        ("HTTP://169.254.169.254/", "other servers are not fetched"),
        ("file:///etc/passwd", "no data: address"),
        ("data:image/png;base64,aGVsbG8=", "it is no PNG"),
        ("data:image/svg+xml;base64,PHN2Zy8+", "it is no PNG"),
        ("", "no data: address"),
    ],
)
def test_an_address_that_holds_no_image_is_refused_by_its_place(address, problem):
    with pytest.raises(ImageRefused, match=problem) as caught:
        shown(chat(text("?"), {"type": "image_url", "image_url": address}))
    assert caught.value.path == "messages[0].content[1].image_url"
    assert not address or address not in str(caught.value)


def test_only_the_user_shows_images_and_not_too_many():
    image = {"type": "image_url", "image_url": URL}
    with pytest.raises(InvalidRequest, match="only the user"):
        shown(chat(image, role="system"))
    with pytest.raises(InvalidRequest, match="16 images at most"):
        shown(chat(*[image] * 17))
    with pytest.raises(InvalidRequest, match="needs its image_url"):
        shown(chat({"type": "image_url"}))
    with pytest.raises(InvalidRequest, match="texts and images so far"):
        shown(chat({"type": "input_audio", "input_audio": "abc"}))


def test_the_size_of_a_question_counts_its_images():
    image = {"type": "image_url", "image_url": URL}
    (with_image,) = parse_chat_request(chat(text("?"), image)).questions("r")
    (without,) = parse_chat_request(chat(text("?"))).questions("r")
    assert with_image.n_characters() > without.n_characters()
