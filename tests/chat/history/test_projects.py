"""Projects over HTTP: shared instructions and documents, search within, moving, erasure."""

import re

from tests.chat.documents.files import WINDS, a_pdf
from tests.chat.test_web import AS_SCRIPT, OURS, ask, events
from tests.chat.test_web_documents import hand_in, web

__all__ = ["web"]


def begin(web, name="Winds"):
    return web.post("/ui/projects", data={"name": name}, headers=AS_SCRIPT).json()["id"]


def test_conversations_of_a_project_share_instructions_and_documents(fake_api, web, store):
    project = begin(web)
    change = {"name": "Winds of France", "instructions": "Answer like a sailor."}
    web.post(f"/ui/projects/{project}/change", data=change, headers=OURS)
    hand_in(web, a_pdf(*WINDS), project=project)
    own = {"instructions": "Be brief."}
    events(web, ask(web, "How fast is the mistral?", project=project, **own)["answer"])
    system, user = fake_api.asked[0]["messages"]
    assert system["content"].startswith("Answer like a sailor.\n\nBe brief.")
    assert WINDS[1] in user["content"]
    page = web.get(f"/p/{project}").text
    assert "Winds of France" in page
    assert "winds.pdf" in page
    assert "How fast is the mistral?" in page
    events(web, ask(web, "And outside?")["answer"])
    assert fake_api.asked[1]["messages"] == [{"role": "user", "content": "And outside?"}]


def test_search_within_a_project_finds_its_conversations_alone(web):
    project = begin(web)
    inside = ask(web, "The harbour inside", project=project)
    outside = ask(web, "The harbour outside")
    rows = web.get("/ui/search", params={"q": "harbour", "project": project}, headers=AS_SCRIPT).json()[
        "data"
    ]
    assert [row["id"] for row in rows] == [inside["conversation"]]
    every = web.get("/ui/search", params={"q": "harbour"}, headers=AS_SCRIPT).json()["data"]
    assert {row["id"] for row in every} == {inside["conversation"], outside["conversation"]}


def test_a_conversation_is_moved_in_and_out(web, store):
    project, asked = begin(web), ask(web)
    move = f"/ui/conversations/{asked['conversation']}/move"
    web.post(move, data={"project": project}, headers=OURS)
    assert store.conversation(asked["conversation"]).project_id == project
    assert re.search(rf'class="badge" href="/p/{project}"', web.get(asked["address"]).text)
    assert web.post(move, data={"project": "nowhere"}, headers=OURS).status_code == 404
    web.post(move, data={"project": ""}, headers=OURS)
    assert store.conversation(asked["conversation"]).project_id is None


def test_erasing_a_project_erases_its_documents_and_keeps_its_conversations(web, store):
    project = begin(web)
    content = a_pdf(*WINDS)
    hand_in(web, content, project=project)
    asked = ask(web, project=project)
    web.post(f"/ui/projects/{project}/delete", headers=OURS)
    assert not store.documents.knows(content)
    assert store.conversation(asked["conversation"]).project_id is None
    assert web.get(f"/p/{project}").status_code == 404


def test_what_names_a_project_that_is_not_there_is_not_found(web):
    for path in ("/ui/projects/nowhere/change", "/ui/projects/nowhere/delete"):
        assert web.post(path, data={"name": "x"}, headers=OURS).status_code == 404
    asked = {"question": "hi", "project": "nowhere"}
    assert web.post("/ui/answers", data=asked, headers=AS_SCRIPT).status_code == 404
    lost = web.post("/ui/documents?name=a.txt&project=nowhere", content=b"words", headers=OURS)
    assert lost.status_code == 404
    assert web.post("/ui/projects", data={"name": " "}, headers=OURS).status_code == 422


def test_a_name_is_text(web):
    project = begin(web, "<img src=x onerror=alert(1)>")
    for path in (f"/p/{project}", f"/?project={project}"):
        assert "<img" not in web.get(path).text


def test_documents_citations_and_projects_go_out_and_come_in(fake_api, web, store):
    fake_api.pieces = ["Up to 100 km/h [1]."]
    project = begin(web)
    document = hand_in(web, a_pdf(*WINDS))
    asked = ask(web, "How fast does the mistral blow?", documents=document["id"], project=project)
    events(web, asked["answer"])
    out = web.get(f"/ui/conversations/{asked['conversation']}/export?format=json").text
    web.post(f"/ui/conversations/{asked['conversation']}/delete", headers=OURS)
    web.post(f"/ui/projects/{project}/delete", headers=OURS)
    assert web.post("/ui/import", content=out, headers=OURS).status_code == 201
    (back,) = store.conversations()
    assert store.projects.project(back.project_id).name == "Winds"
    answer = store.thread(back.id)[-1]
    assert WINDS[1] in web.get(f"/ui/passages/{answer.id}/1").text
    assert "winds.pdf" in web.get(f"/c/{back.id}").text


def test_a_file_cites_only_documents_that_it_brings(web, store):
    document = hand_in(web, b"somebody else's words", name="theirs.txt")
    citation = {"document": document["id"], "name": "x", "passage": 0}
    turn = {"role": "assistant", "content": "[1]", "citations": [citation]}
    told = {"conversations": [{"title": "t", "messages": [turn]}]}
    assert web.post("/ui/import", json=told, headers=OURS).status_code == 201
    answer = store.thread(store.conversations()[0].id)[0]
    assert "somebody" not in web.get(f"/ui/passages/{answer.id}/1").text


def test_hostile_papers_are_refused(web):
    for beside in (
        {"documents": [{"id": 1, "name": "x", "content": "AAAA"}]},
        {"documents": [{"id": "1", "name": "x", "content": "not base64!"}]},
        {"documents": ["x"]},
        {
            "messages": [
                {"role": "user", "content": "x", "citations": [{"document": 1, "name": "", "passage": 0}]}
            ]
        },
        {"messages": [{"role": "user", "content": "x", "citations": [{"passage": -1}]}]},
        {"messages": [{"role": "user", "content": "x", "citations": {"a": 1}}]},
    ):
        told = {"conversations": [{"title": "t", "messages": [{"role": "user", "content": "x"}], **beside}]}
        assert web.post("/ui/import", json=told, headers=OURS).status_code == 422, beside
