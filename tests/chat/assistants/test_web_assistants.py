"""Assistants over HTTP: made, changed, copied, handed on, used in conversations, erased; yours alone."""

import pytest

from galerne.chat.assistants import Profile
from tests.chat.documents.files import WINDS, a_pdf
from tests.chat.history.test_projects import begin
from tests.chat.test_web import AS_SCRIPT, OURS, ask, events
from tests.chat.test_web_documents import hand_in, web

__all__ = ["web"]

SAILOR = {
    "name": "Sailor",
    "purpose": "Weather at sea",
    "instructions": "Answer like a sailor.",
    "model": "",
    "temperature": "0,2",
    "max_tokens": "400",
    "tools": "chosen",
    "tool:calculator": "1",
}


def make(web, **changes):
    made = web.post("/ui/assistants", data={"name": "x"}, headers=AS_SCRIPT).json()["id"]
    changed = web.post(f"/ui/assistants/{made}/change", data=SAILOR | changes, headers=OURS)
    assert changed.status_code == 303
    return made


def test_an_answer_uses_instructions_parameters_tools_and_documents_of_its_assistant(fake_api, web, store):
    sailor = make(web)
    hand_in(web, a_pdf(*WINDS), assistant=sailor)
    asked = ask(web, "How fast is the mistral?", assistant=sailor, instructions="Be brief.")
    events(web, asked["answer"])
    body = fake_api.asked[-1]
    system, user = body["messages"]
    assert system["content"].startswith("Answer like a sailor.\n\nBe brief.")
    assert WINDS[1] in user["content"]
    assert (body["temperature"], body["max_tokens"]) == (0.2, 400)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["calculator"]
    assert store.conversation(asked["conversation"]).assistant_id == sailor
    page = web.get(asked["address"]).text
    assert f'class="badge" href="/assistants/{sailor}"' in page
    assert 'name="tools" value="chosen"' not in page  # its tools are its own
    assert "How fast is the mistral?" in web.get(f"/assistants/{sailor}").text


def test_a_conversation_keeps_its_assistant_and_follows_its_changes(fake_api, web):
    sailor = make(web)
    asked = ask(web, assistant=sailor)
    events(web, asked["answer"])
    make_poet = SAILOR | {"instructions": "Answer in verse.", "tool:clock": "1"}
    web.post(f"/ui/assistants/{sailor}/change", data=make_poet, headers=OURS)
    events(web, ask(web, "Again?", conversation=asked["conversation"])["answer"])
    assert fake_api.asked[-1]["messages"][0]["content"] == "Answer in verse."
    assert {tool["function"]["name"] for tool in fake_api.asked[-1]["tools"]} == {"calculator", "clock"}


def test_its_model_answers_where_none_is_chosen_and_it_is_served_here(fake_api, web):
    here, elsewhere = make(web, model="ministral-3-3b"), make(web, model="mistral-large-3", name="Far")
    events(web, ask(web, assistant=here)["answer"])
    assert fake_api.asked[-1]["model"] == "ministral-3-3b"
    events(web, ask(web, assistant=elsewhere)["answer"])
    assert fake_api.asked[-1]["model"] == "galerne-mini"
    events(web, ask(web, assistant=here, model="galerne-mini")["answer"])
    assert fake_api.asked[-1]["model"] == "galerne-mini"
    assert 'value="ministral-3-3b" selected' in web.get(f"/?assistant={here}").text
    assert "mistral-large-3 (not here)" in web.get(f"/assistants/{elsewhere}").text


def test_a_name_at_the_beginning_chooses_it_in_a_new_conversation_or_from_then_on(fake_api, web, store):
    sailor = make(web, model="ministral-3-3b")
    asked = ask(web, "@sailor, what blows?", model="galerne-mini")
    assert asked["assistant"]["name"] == "Sailor"
    assert "html" not in asked  # the page opens anew: its head and its tools are others
    events(web, asked["answer"])
    assert fake_api.asked[-1]["messages"][-1]["content"] == "what blows?"
    assert fake_api.asked[-1]["model"] == "ministral-3-3b"
    plain = ask(web, "Hello")
    again = ask(web, "@Sailor and here?", conversation=plain["conversation"])
    assert store.conversation(plain["conversation"]).assistant_id == sailor
    assert store.message(again["answer"]).model_id == "ministral-3-3b"
    nobody = ask(web, "@nobody hello")
    assert "assistant" not in nobody
    assert store.thread(nobody["conversation"])[0].content == "@nobody hello"


def test_a_temporary_conversation_has_none(fake_api, web):
    sailor = make(web)
    asked = ask(web, "@Sailor hello", temporary="1", assistant=sailor)
    events(web, asked["answer"])
    assert fake_api.asked[-1]["messages"] == [{"role": "user", "content": "@Sailor hello"}]
    move = f"/ui/conversations/{asked['conversation']}/assistant"
    assert web.post(move, data={"assistant": sailor}, headers=OURS).status_code == 404


def test_a_conversation_is_given_another_or_none(fake_api, web, store):
    sailor, asked = make(web), ask(web)
    give = f"/ui/conversations/{asked['conversation']}/assistant"
    assert web.post(give, data={"assistant": sailor}, headers=OURS).status_code == 303
    assert store.conversation(asked["conversation"]).assistant_id == sailor
    assert web.post(give, data={"assistant": "nobody"}, headers=OURS).status_code == 404
    web.post(give, data={"assistant": ""}, headers=OURS)
    assert store.conversation(asked["conversation"]).assistant_id is None


def test_project_and_assistant_go_together(fake_api, web):
    sailor, project = make(web), begin(web)
    change = {"name": "Winds", "instructions": "We sail."}
    web.post(f"/ui/projects/{project}/change", data=change, headers=OURS)
    events(web, ask(web, project=project, assistant=sailor)["answer"])
    assert fake_api.asked[-1]["messages"][0]["content"] == "We sail.\n\nAnswer like a sailor."


def test_a_copy_has_its_documents_and_a_name_of_its_own(web, store):
    sailor = make(web)
    hand_in(web, a_pdf(*WINDS), assistant=sailor)
    web.post(f"/ui/assistants/{sailor}/duplicate", headers=OURS)
    first, second = store.assistants.all()
    assert (first.profile.name, second.profile.name) == ("Sailor", "Sailor 2")
    assert second.profile.manner == first.profile.manner
    web.post(f"/ui/assistants/{first.id}/delete", headers=OURS)
    (document,) = store.documents.of(assistant_id=second.id)
    assert store.documents.content(document.id) == a_pdf(*WINDS)


def test_a_file_goes_out_and_comes_in(web, store):
    sailor = make(web)
    hand_in(web, a_pdf(*WINDS), assistant=sailor)
    out = web.get(f"/ui/assistants/{sailor}/export")
    assert 'filename="sailor.assistant.json"' in out.headers["content-disposition"]
    assert out.json()["documents"] == ["winds.pdf"]
    assert len(out.content) < 1_000
    web.post(f"/ui/assistants/{sailor}/delete", headers=OURS)
    back = web.post("/ui/assistants/import", content=out.content, headers=AS_SCRIPT)
    assert back.status_code == 201
    profile = store.assistants.assistant(back.json()["id"]).profile
    assert (profile.name, profile.manner.temperature, profile.manner.tools) == (
        "Sailor",
        0.2,
        ("calculator",),
    )
    wrong = web.post("/ui/assistants/import", content=b"{}", headers=AS_SCRIPT)
    assert (wrong.status_code, wrong.json()["problem"]) == (422, "invalid_request")
    large = web.post("/ui/assistants/import", content=b"x" * 200_001, headers=AS_SCRIPT)
    assert large.status_code == 413


def test_erasing_one_erases_its_documents_and_keeps_its_conversations(web, store):
    sailor, content = make(web), a_pdf(*WINDS)
    hand_in(web, content, assistant=sailor)
    asked = ask(web, assistant=sailor)
    events(web, asked["answer"])
    web.post(f"/ui/assistants/{sailor}/delete", headers=OURS)
    assert not store.documents.knows(content)
    assert store.conversation(asked["conversation"]).assistant_id is None
    assert web.get(asked["address"]).status_code == 200
    assert web.get(f"/assistants/{sailor}").status_code == 404


def test_a_document_is_removed_from_its_assistant_and_returns_there(web):
    sailor = make(web)
    document = hand_in(web, a_pdf(*WINDS), assistant=sailor)
    removed = web.post(f"/ui/documents/{document['id']}/remove", headers=OURS)
    assert removed.headers["location"] == f"/assistants/{sailor}"


def test_a_citation_of_its_document_opens_and_goes_out_with_the_conversation(fake_api, web, store):
    sailor = make(web)
    hand_in(web, a_pdf(*WINDS), assistant=sailor)
    fake_api.pieces = ["Up to 100 km/h [1]."]
    asked = ask(web, "How fast does the mistral blow?", assistant=sailor)
    events(web, asked["answer"])
    assert WINDS[1] in web.get(f"/ui/passages/{asked['answer']}/1").text
    out = web.get(f"/ui/conversations/{asked['conversation']}/export?format=json").content
    web.post(f"/ui/assistants/{sailor}/delete", headers=OURS)
    web.post("/ui/import", content=out, headers=OURS)
    back = next(entry for entry in store.conversations() if entry.id != asked["conversation"])
    assert WINDS[1] in web.get(f"/ui/passages/{store.thread(back.id)[-1].id}/1").text


def test_a_tool_of_a_server_that_is_down_now_stays_allowed(web, store):
    document = {"galerne_assistant": 1, "name": "x", "tools": ["notes__search", "clock"]}
    made = web.post("/ui/assistants/import", json=document, headers=AS_SCRIPT).json()["id"]
    web.post(f"/ui/assistants/{made}/change", data=SAILOR, headers=OURS)
    assert store.assistants.assistant(made).profile.manner.tools == ("calculator", "notes__search")


@pytest.mark.parametrize("path", ["/change", "/duplicate", "/delete"], ids=["change", "duplicate", "delete"])
def test_what_names_one_that_is_not_there_is_not_found(web, path):
    assert web.post(f"/ui/assistants/nobody{path}", data=SAILOR, headers=OURS).status_code == 404


def test_what_cannot_be_is_refused(web):
    assert web.post("/ui/assistants", data={"name": " "}, headers=OURS).status_code == 422
    asked = {"question": "hi", "assistant": "nobody"}
    assert web.post("/ui/answers", data=asked, headers=AS_SCRIPT).status_code == 404
    lost = web.post("/ui/documents?name=a.txt&assistant=nobody", content=b"words", headers=OURS)
    assert lost.status_code == 404
    assert web.get("/ui/assistants/nobody/export").status_code == 404


def test_names_and_purposes_are_text(web):
    hostile = "<img src=x onerror=alert(1)>"
    made = make(web, name=hostile, purpose=hostile, instructions=hostile)
    for path in ("/assistants", f"/assistants/{made}", f"/?assistant={made}", "/"):
        assert "<img" not in web.get(path).text


def test_both_languages_have_the_pages(web):
    make(web)
    for language, word in (("en", "New assistant"), ("fr", "Nouvel assistant")):
        assert word in web.get("/assistants", headers={"accept-language": language}).text


def test_names_are_each_persons_own(web, chat_store):
    make(web)
    assert chat_store.of("ada").assistants.add(Profile(name="Sailor")).profile.name == "Sailor"
