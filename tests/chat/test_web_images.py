"""Images over HTTP: handed in, seen, shown to the model, shown again, exported, erased."""

import base64
import json

import httpx
import pytest

from galerne.chat.client.api import ApiClient
from galerne.chat.documents import pictures
from galerne.chat.web import create_web
from tests.chat.documents import files
from tests.chat.documents.files import WINDS
from tests.chat.fake_api import served
from tests.chat.test_web import AS_SCRIPT, OURS, ask, events
from tests.pictures import GIF, png

PICTURE = png(48, 32)
URL = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


@pytest.fixture
def web(api_url, chat_store):
    with (
        served(create_web(ApiClient(api_url), store=chat_store)) as url,
        httpx.Client(base_url=url, timeout=30, headers={"accept-language": "en"}) as client,
    ):
        yield client


def hand_in(web, content=PICTURE, *, name="sea.png", status=201, **query):
    response = web.post("/ui/documents", params={"name": name} | query, content=content, headers=OURS)
    assert response.status_code == status, response.text
    return response.json()


def shown(web, *contents, question="What is it?", **facts):
    ids = " ".join(hand_in(web, content)["id"] for content in contents)
    asked = ask(web, question, documents=ids, **facts)
    events(web, asked["answer"])
    return asked


def last_parts(fake_api):
    return fake_api.asked[-1]["messages"][-1]["content"]


def test_a_question_shows_its_images_to_the_model_and_to_the_reader(fake_api, web):
    asked = shown(web, PICTURE, GIF)
    text, *images = last_parts(fake_api)
    assert text == {"type": "text", "text": "What is it?"}
    gif = f"data:image/gif;base64,{base64.b64encode(GIF).decode()}"
    assert {image["image_url"]["url"] for image in images} == {URL, gif}
    page = web.get(asked["address"]).text
    assert page.count('<img class="thumb" src="/ui/documents/') == 2


def test_the_model_goes_on_seeing_what_was_shown_before(fake_api, web):
    asked = shown(web, PICTURE)
    again = ask(web, "And now?", conversation=asked["conversation"])
    events(web, again["answer"])
    first, *_, last = fake_api.asked[-1]["messages"]
    assert first["content"][1]["image_url"]["url"] == URL
    assert last["content"] == "And now?"


def test_a_question_in_other_words_shows_the_same_image(fake_api, web):
    asked = shown(web, PICTURE)
    other = web.post(
        f"/ui/messages/{asked['first']}/edit", data={"question": "Where is it?"}, headers=OURS | AS_SCRIPT
    ).json()
    events(web, other["answer"])
    assert [part["type"] for part in last_parts(fake_api)] == ["text", "image_url"]
    assert "/image" in other["html"]


def test_an_image_beside_a_document_is_seen_and_the_document_is_cited(fake_api, web):
    ids = f"{hand_in(web)['id']} {hand_in(web, files.a_pdf(*WINDS), name='winds.pdf')['id']}"
    asked = ask(web, "How fast does the mistral blow?", documents=ids)
    events(web, asked["answer"])
    text, image = last_parts(fake_api)
    assert '<passage n="1" document="winds.pdf"' in text["text"]
    assert image["type"] == "image_url"


def test_images_that_are_too_many_to_send_are_named_the_latest_are_shown(fake_api, web, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_SHOWN_BYTES", len(PICTURE) + 10)
    asked = shown(web, PICTURE)
    events(web, shown(web, png(48, 32, seed=2), conversation=asked["conversation"])["answer"])
    first, *_, last = fake_api.asked[-1]["messages"]
    assert first["content"] == "What is it?\n\n[sea.png: not shown again]"
    assert [part["type"] for part in last["content"]] == ["text", "image_url"]


def test_an_image_is_served_as_what_it_is_and_can_run_nothing(web):
    facts = hand_in(web, name='sea".html')
    assert facts["is_image"]
    assert facts["facts"].endswith("image")
    response = web.get(f"/ui/documents/{facts['id']}/image")
    assert response.content == PICTURE
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["content-disposition"].startswith("inline; filename*=UTF-8''sea")
    document = hand_in(web, b"plain text", name="a.png")
    assert not document["is_image"]
    assert web.get(f"/ui/documents/{document['id']}/image").status_code == 404
    assert web.get("/ui/documents/nobody/image").status_code == 404


@pytest.mark.parametrize("name", ["sea.png", "sea.txt"])
@pytest.mark.parametrize("content", [PICTURE[:20], b"\xff\xd8\xff", b"GIF89a"])
def test_what_is_damaged_says_so_whatever_its_name(web, content, name):
    told = hand_in(web, content, name=name, status=422)
    assert told["code"] == "image_refused"
    assert "10 MB" in told["message"]


def test_projects_take_no_images_since_nothing_would_show_them(web, store):
    project = store.projects.add("Sea", instructions="")
    assert hand_in(web, status=415, project=project.id)["code"] == "document_unsupported"


def test_an_export_carries_images_to_their_questions(fake_api, web, store):
    asked = ask(web, "Hello")
    events(web, asked["answer"])
    shown(web, PICTURE, conversation=asked["conversation"])
    out = web.get(f"/ui/conversations/{asked['conversation']}/export?format=json").text
    assert web.post("/ui/import", content=out, headers=OURS).status_code == 201
    (copy,) = [entry for entry in store.conversations() if entry.id != asked["conversation"]]
    (document,) = store.documents.of(conversation_id=copy.id)
    assert store.message(document.message_id).content == "What is it?"
    assert store.documents.content(document.id) == PICTURE
    hostile = json.loads(out)
    entry = hostile["conversations"][0]["documents"][0]
    entry["content"], entry["message"] = base64.b64encode(PICTURE[:30]).decode(), 10**9
    assert web.post("/ui/import", json=hostile, headers=OURS).status_code == 201


def test_erasing_the_conversation_erases_its_images(web, store):
    asked = shown(web, PICTURE)
    (document,) = store.documents.of(conversation_id=asked["conversation"])
    web.post(f"/ui/conversations/{asked['conversation']}/delete", headers=OURS)
    assert web.get(f"/ui/documents/{document.id}/image").status_code == 404
    assert not store.documents.knows(PICTURE)


def test_the_page_says_which_models_see(fake_api, web):
    page = web.get("/").text
    assert "data-sees" not in page
    assert 'id="sight"' in page
    fake_api.sees = True
    assert "data-sees" in web.get("/").text
