"""Branches, history, files and temporary conversations over HTTP."""

import json

import pytest

from tests.chat.test_web import AS_SCRIPT, OURS, ask, events, wait_for, web, web_url

__all__ = ["web", "web_url"]


def post(web, path, **fields):
    return web.post(path, data=fields, headers=AS_SCRIPT)


def finished(web, asked):
    events(web, asked["answer"])
    return asked


def test_another_answer_is_asked_of_the_chosen_model_and_both_stay(fake_api, web):
    first = finished(web, ask(web))
    fake_api.pieces = ["Again."]
    reply = post(web, f"/ui/messages/{first['answer']}/regenerate", model="ministral-3-3b").json()
    finished(web, reply)
    page = web.get(first["address"]).text
    assert "2/2" in page
    assert "Again." in page
    assert "<strong>world" not in page
    assert fake_api.asked[1]["model"] == "ministral-3-3b"
    assert fake_api.asked[1]["messages"] == fake_api.asked[0]["messages"]
    back = post(web, f"/ui/messages/{first['answer']}/show").json()
    assert "<strong>world" in back["html"]
    assert "1/2" in back["html"]


def test_other_words_are_asked_without_what_followed_the_old_ones(fake_api, web, store):
    first = finished(web, ask(web))
    finished(web, ask(web, "And then?", conversation=first["conversation"]))
    question = store.thread(first["conversation"])[0]
    finished(web, post(web, f"/ui/messages/{question.id}/edit", question="In other words?").json())
    assert [turn["content"] for turn in fake_api.asked[2]["messages"]] == ["In other words?"]
    assert "And then?" not in web.get(first["address"]).text


def test_a_cut_answer_goes_on_where_it_stopped(fake_api, web, store):
    fake_api.reason, fake_api.pieces = "length", ["One, ", "two"]
    first = finished(web, ask(web))
    assert "Continue the answer" in web.get(first["address"]).text
    fake_api.reason, fake_api.pieces = "stop", [", three."]
    finished(web, post(web, f"/ui/messages/{first['answer']}/continue").json())
    wait_for(lambda: store.message(first["answer"]).status == "done")
    assert store.message(first["answer"]).content == "One, two, three."
    assert fake_api.asked[1]["messages"][-1] == {"role": "assistant", "content": "One, two", "prefix": True}
    page = web.get(first["address"]).text
    assert page.count('class="receipt"') == 2
    assert "112\u202fJ" in page


def test_a_finished_answer_does_not_go_on(web):
    first = finished(web, ask(web))
    assert post(web, f"/ui/messages/{first['answer']}/continue").status_code == 404


def test_the_manner_is_sent_and_kept(fake_api, web):
    first = finished(web, ask(web, instructions=" Be brief. ", temperature="0,4", max_tokens="50"))
    finished(web, ask(web, "More?", conversation=first["conversation"]))
    for body in fake_api.asked:
        assert body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert (body["temperature"], body["max_tokens"]) == (0.4, 50)
    finished(
        web,
        ask(web, "Now?", conversation=first["conversation"], instructions="", temperature="x", max_tokens=""),
    )
    assert "temperature" not in fake_api.asked[2]
    assert fake_api.asked[2]["messages"][0]["role"] == "user"


@pytest.mark.parametrize("temperature", ["nan", "inf", "-1", "1e9"])
def test_a_manner_out_of_range_is_brought_back(fake_api, web, temperature):
    finished(web, ask(web, instructions="", temperature=temperature))
    assert 0 <= fake_api.asked[0]["temperature"] <= 2


def test_temporary_conversations_leave_no_trace(web, store, tmp_path):
    secret = "the-oak-of-the-treasure"
    asked = finished(web, ask(web, secret, temporary="1"))
    finished(web, ask(web, "more", conversation=asked["conversation"]))
    assert "Temporary conversation" in web.get(asked["address"]).text
    assert secret not in web.get("/").text
    assert store.conversations() == []
    assert web.get("/ui/search", params={"q": secret}).text.count("<li>") == 0
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
    web.post(f"/ui/conversations/{asked['conversation']}/delete", headers=OURS)
    assert web.get(asked["address"]).status_code == 404


def test_words_are_found_as_they_are_typed(web):
    asked = finished(web, ask(web, "What is <b>galerne</b>?"))
    found = web.get("/ui/search", params={"q": "galer"}).text
    assert "<mark>galer</mark>" in found
    assert "<b>" not in found
    assert f"/c/{asked['conversation']}?at=" in found
    assert "Nothing holds" in web.get("/ui/search", params={"q": "zzz"}).text
    assert 'name="q"' in web.get("/search", params={"q": '"><script>'}).text
    assert "<script>" not in web.get("/search", params={"q": "<script>"}).text


def test_a_name_a_pin_and_a_longer_history(web):
    for n in range(3):
        asked = finished(web, ask(web, f"question {n}"))
    home = asked["conversation"]
    post(web, f"/ui/conversations/{home}/rename", title="  My <i> name ")
    post(web, f"/ui/conversations/{home}/pin", pinned="1")
    shown = web.get("/ui/history", params={"limit": "2"}).text
    assert "My &lt;i&gt; name" in shown
    assert "Pinned" in shown
    assert shown.count("<li") == 2
    assert "Show more" in shown
    assert post(web, f"/ui/conversations/{home}/rename", title=" ").status_code == 422
    assert post(web, "/ui/conversations/nowhere/rename", title="x").status_code == 404


def test_earlier_messages_come_on_demand(web, store):
    home = None
    for n in range(30):
        asked, answer = store.begin(f"question-{n:02}", conversation_id=home, model_id=None)
        store.save_answer(answer.id, content=f"answer-{n:02}", status="done")
        home = asked.conversation_id
    page = web.get(f"/c/{home}").text
    assert "question-29" in page
    assert "question-05" not in page
    earlier = web.get(page.split('data-earlier="')[1].split('"')[0].replace("&amp;", "&")).text
    assert "question-05" in earlier
    target = store.thread(home)[4].id
    assert "question-02" in web.get(f"/c/{home}", params={"at": target}).text


def test_what_was_drawn_is_not_drawn_again(web, store, monkeypatch):
    asked = finished(web, ask(web))
    wait_for(lambda: store.message(asked["answer"]).rendered)
    monkeypatch.setattr("galerne.chat.web.rendered.render_page", None)
    assert "<strong>world</strong>" in web.get(asked["address"]).text


@pytest.mark.parametrize(
    ("kind", "sign"), [("md", "# What is"), ("html", "<h1>What is"), ("json", '"galerne": 1')]
)
def test_a_conversation_is_given_out(web, kind, sign):
    asked = finished(web, ask(web, "What is <a>?"))
    response = web.get(f"/ui/conversations/{asked['conversation']}/export", params={"format": kind})
    assert sign in response.text
    assert "56" in response.text
    assert "attachment" in response.headers["content-disposition"]
    assert kind == "md" or "<a>?" not in response.text or kind == "json"
    assert web.get(f"/ui/conversations/{asked['conversation']}/export?format=exe").status_code == 422


def test_everything_goes_out_and_comes_back(web, store):
    finished(web, ask(web, "first"))
    finished(web, ask(web, "second"))
    everything = web.get("/ui/export").content
    reply = web.post("/ui/import", content=everything, headers=OURS)
    assert reply.json() == {"n_conversations": 2}
    assert len(store.conversations()) == 4


def test_a_hostile_file_changes_nothing_and_is_told_why(web, store):
    good = {"title": "t", "messages": [{"role": "user", "content": "x"}]}
    bad = {"title": "t", "messages": [{"role": "root", "content": "x"}]}
    body = json.dumps({"conversations": [good, bad]})
    reply = web.post("/ui/import", content=body, headers=OURS)
    assert reply.status_code == 422
    assert "conversations[1].messages[0].role" in reply.json()["detail"]
    assert store.conversations() == []
    assert web.post("/ui/import", content="{}", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_attacks_in_a_file_stay_inert(web, store):
    attack = "<img src=x onerror=alert(1)>[x](javascript:alert(1))"
    said = {"id": 1, "role": "user", "content": attack}
    answered = {"id": 2, "parent": 1, "role": "assistant", "content": attack}
    body = json.dumps({"conversations": [{"title": attack, "messages": [said, answered]}]})
    web.post("/ui/import", content=body, headers=OURS)
    page = web.get(f"/c/{store.conversations()[0].id}").text
    assert "<img" not in page
    assert 'href="javascript' not in page


def test_words_stream_as_markdown_for_a_terminal(fake_api, web):
    fake_api.pause_s = 0.01
    asked = ask(web)
    text = web.get(f"/ui/answers/{asked['answer']}/words").text
    pieces = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data:")]
    assert "".join(piece.get("text", "") for piece in pieces) == "Hello, **world**."
    assert "event: end" in text


@pytest.mark.parametrize("action", ["edit", "regenerate", "continue", "show"])
def test_messages_that_are_not_there_are_not_found(web, action):
    assert post(web, f"/ui/messages/nowhere/{action}", question="x").status_code == 404
