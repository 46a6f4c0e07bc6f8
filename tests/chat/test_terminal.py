import asyncio
import io
import json
import re

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from galerne.chat.assistants import Profile
from galerne.chat.client.api import ApiClient
from galerne.chat.terminal.answer import ask_once
from galerne.chat.terminal.chain import chain_screen
from galerne.chat.terminal.papers import _inert
from galerne.chat.terminal.talk import run_chat
from galerne.errors import ServerUnreachable
from galerne.language import Language
from tests.chat.documents.files import WINDS, a_pdf
from tests.pictures import png

EN, FR = Language.ENGLISH, Language.FRENCH


def a_console(*, width=80, terminal=False):
    return Console(file=io.StringIO(), width=width, height=40, force_terminal=terminal, no_color=True)


def shown(console):
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    return text.replace("\u202f", " ").replace("\u00a0", " ")


def with_client(url, action):
    async def go():
        async with ApiClient(url) as client:
            await action(client)

    asyncio.run(go())


def talk(url, typed, *, language=EN, terminal=False, files=()):
    console = a_console(terminal=terminal)
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        keyboard.send_text(typed)
        with_client(url, lambda client: run_chat(client, language=language, console=console, files=files))
    return shown(console)


def test_a_pipe_gets_the_plain_answer_and_the_receipt_line(api_url):
    console = a_console()
    with_client(api_url, lambda client: ask_once(client, "hi", language=EN, console=console))
    answer, receipt = shown(console).split("\n\n")
    assert answer == "Hello, **world**."
    assert receipt.startswith(
        "56 J · 1.6 mg CO₂e · 62 µL · 1.6 µ€ electricity · 38 tokens/s · modelled, between"
    )


def test_as_json_the_answer_comes_with_its_whole_receipt(api_url):
    console = a_console()
    with_client(api_url, lambda client: ask_once(client, "hi", language=EN, console=console, as_json=True))
    document = json.loads(console.file.getvalue())
    assert document["answer"] == "Hello, **world**."
    assert document["receipt"]["status"] == "final"


def test_an_answer_that_was_cut_says_so(fake_api, api_url):
    fake_api.reason = "length"
    console = a_console()
    with_client(api_url, lambda client: ask_once(client, "hi", language=EN, console=console))
    assert "The answer reached its longest length." in shown(console)
    console = a_console()
    with_client(api_url, lambda client: ask_once(client, "hi", language=EN, console=console, as_json=True))
    assert json.loads(console.file.getvalue())["is_cut"]


def test_a_program_that_asked_for_json_gets_nothing_else(fake_api, api_url, capsys):
    fake_api.pieces = ['{"ok": ', "true}"]
    console, wanted = a_console(), {"type": "json_object"}
    with_client(
        api_url, lambda client: ask_once(client, "hi", language=EN, console=console, answer_format=wanted)
    )
    assert json.loads(console.file.getvalue()) == {"ok": True}
    assert "modelled" in capsys.readouterr().err


def test_on_a_terminal_the_markdown_is_drawn(fake_api, api_url):
    fake_api.pieces = ["# Title\n\n", "A **bold** word.\n\n", "- one\n", "- two\n"]
    console = a_console(terminal=True)
    with_client(api_url, lambda client: ask_once(client, "hi", language=FR, console=console))
    assert "**" not in shown(console)
    assert "• two" in shown(console)
    assert "modélisé" in shown(console)


def test_nobody_there_is_an_error_of_its_own():
    with pytest.raises(ServerUnreachable):
        with_client(
            "http://127.0.0.1:9", lambda client: ask_once(client, "hi", language=EN, console=a_console())
        )


def test_a_conversation_remembers_and_forgets(fake_api, house_url):
    talk(house_url, "one\rtwo\r/new\rthree\r\x04")
    lengths = [len(body["messages"]) for body in fake_api.asked]
    assert lengths == [1, 3, 1]


def test_several_lines_by_quotes_and_by_alt_enter(fake_api, house_url):
    talk(house_url, '"""a\rb"""\rc\x1b\rd\r/quit\r')
    assert [body["messages"][-1]["content"] for body in fake_api.asked] == ["a\nb", "c\nd"]


def test_commands_answer(house_url):
    text = talk(
        house_url,
        "/receipt\rhello\r/receipt\r/usage\r/chain\r/model ministral-3-3b\r/model no\r/nope\r/help\r\x04",
    )
    assert "No answer yet" in text
    assert "What this answer cost" in text
    assert "galerne-mini" in text
    assert "From the megawatt to the message" in text
    assert "Model: ministral-3-3b" in text
    assert "Models here: galerne-mini, ministral-3-3b" in text
    assert "There is no command /nope" in text
    assert text.rstrip().endswith("Fair wind.")


def test_a_failure_is_told_with_advice_and_the_talk_goes_on(fake_api, house_url):
    fake_api.failure = (503, {"code": "overloaded", "message": "4 are waiting"})
    text = talk(house_url, "hello\r/help\r\x04", language=FR)
    assert "attendez quelques secondes" in text
    assert "/receipt" in text


@pytest.mark.parametrize("language", [EN, FR])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_chain_fits_its_width_and_has_every_station(fake_api, api_url, language, width):
    console = a_console(width=width)

    async def ask_and_look(client):
        await ask_once(client, "hi", language=language, console=a_console())
        await chain_screen(client, language=language, console=console)

    with_client(api_url, ask_and_look)
    lines = shown(console).splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for word in {EN: ("Grid", "Place", "Machine", "Engine"), FR: ("Réseau", "Lieu", "Machine", "Moteur")}[
        language
    ]:
        assert word in text
    assert {EN: "61.0 J × 41.4 g/kWh = 702 µg", FR: "61,0 J × 41,4 g/kWh = 702 µg"}[language] in text


def test_the_chain_before_the_first_answer_says_so(api_url):
    console = a_console()
    with_client(api_url, lambda client: chain_screen(client, language=EN, console=console))
    assert "Ask a question" in shown(console)


def test_the_history_is_the_browsers_and_a_conversation_goes_on(fake_api, house_url, store, tmp_path):
    path = tmp_path / "winds.md"
    text = talk(
        house_url,
        "/export x.md\r/open 1\rWhat is a galerne?\r/new\rSomething else\r/history\r/search galer\r/open 1\r"
        f"And then?\r/regenerate\r/export {path}\r/export {path}\r/search zzz\r\x04",
    )
    assert "/export winds.md" in text
    assert "Which one?" in text
    assert "Nothing found" in text
    assert "exists" in text
    assert path.read_text().startswith("# What is a galerne?")
    assert [len(body["messages"]) for body in fake_api.asked] == [1, 1, 3, 3]
    first = store.search("galerne")[0].conversation_id
    assert len(store.messages(first)) == 5
    assert store.bill(first).n_receipts == 3


def test_every_line_fits_80_columns(house_url):
    for language in (EN, FR):
        text = talk(house_url, "hello\r/history\r/search hel\r/help\r\x04", language=language, terminal=True)
        assert max(len(line) for line in text.splitlines()) <= 80


def test_a_document_is_handed_in_and_a_passage_is_read(fake_api, house_url, tmp_path):
    path = tmp_path / "winds.pdf"
    path.write_bytes(a_pdf(*WINDS))
    (tmp_path / "picture.pdf").write_bytes(b"{\\rtf1 hello}")
    fake_api.pieces = ["Up to 100 km/h [1]."]
    picture, question = tmp_path / "picture.pdf", "How fast does the mistral blow?"
    typed = f"/attach {picture}\r{question}\r/documents\r/cite 1\r/cite 9\r\x04"
    text = " ".join(talk(house_url, typed, files=[path]).split())
    assert "Attached: winds.pdf (1.3 kB, 3 passages, found by words)" in text
    assert "picture.pdf: This kind of file is not read." in text
    assert "[1] winds.pdf, page 2" in text
    assert text.count(WINDS[1]) == 1
    assert "<passage" in fake_api.asked[0]["messages"][-1]["content"]


def test_an_image_is_shown_with_the_next_question(fake_api, house_url, tmp_path):
    (tmp_path / "sea.png").write_bytes(png())
    (tmp_path / "notes.txt").write_text("the sea")
    typed = f"/image {tmp_path / 'notes.txt'}\r/image\r/image {tmp_path / 'sea.png'}\rWhat is it?\r\x04"
    text = " ".join(talk(house_url, typed).split())
    assert text.count("/image FILE (PNG, JPEG, GIF, WebP)") == 2
    assert "Attached: sea.png" in text
    (asked,) = fake_api.asked
    assert [part["type"] for part in asked["messages"][-1]["content"]] == ["text", "image_url"]


def test_what_a_passage_says_does_not_steer_the_terminal():
    assert _inert("a\x1b[2Jb\x07\nc\u202e") == "a [2Jb \nc "


def test_other_words_make_a_branch_and_the_branches_are_walked(fake_api, house_url, store):
    fake_api.pieces = ["An answer."]
    text = talk(
        house_url,
        "/branch\r/edit early\rOne?\r/branch\r/edit Two?\r/regenerate\r"
        "/branch\r/branch 1\rThree?\r/branch 9\r\x04",
    )
    assert text.count("has gone one way only") == 2
    assert "/edit The same in other words" in text
    listed = [" ".join(line.split()) for line in text.splitlines() if re.match(r"[▸ ] +\d+  ", line)]
    assert listed[:4] == [
        "1 ≋ One?",
        "▸ 2 ≋ Two?",
        "3 galerne-mini: An answer.",
        "▸ 4 galerne-mini: An answer.",
    ]
    (conversation,) = store.conversations()
    said = [turn.content for turn in store.thread(conversation.id) if turn.role == "user"]
    assert said == ["One?", "Three?"]  # the first way was shown, and went on


def test_an_answer_that_was_cut_goes_on_and_a_whole_one_says_so(fake_api, house_url, store):
    fake_api.reason, fake_api.pieces = "length", ["The first "]
    assert "/continue goes on with it" in " ".join(talk(house_url, "Tell\r\x04").split())
    fake_api.reason, fake_api.pieces = "stop", ["half."]
    text = talk(house_url, "/continue\r/history\r/open 1\r/continue\r/continue\r\x04")
    assert "No answer yet" in text
    assert "The last answer is whole" in " ".join(text.split())
    (conversation,) = store.conversations()
    assert store.thread(conversation.id)[-1].content == "The first half."


def test_a_project_and_an_assistant_are_chosen_by_number_by_name_and_with_an_at(fake_api, house_url, store):
    store.projects.add("Winds", instructions="We sail.")
    sailor = store.assistants.add(Profile(name="Old Sailor", purpose="at sea", model_id="ministral-3-3b"))
    store.assistants.add(Profile(name="Olga"))
    text = talk(
        house_url,
        "/project 1\r/assistant ol\r/assistant old\rOne?\r"
        "/assistant -\r/project -\rTwo?\r@old sailor three?\r\x04",
    )
    assert "Project: Winds" in text
    assert "“ol” names none of them, or several." in text
    assert "Old Sailor  at sea" in text
    assert text.count("Assistant: Old Sailor") == 2
    assert "Model: ministral-3-3b" in text
    first, second, third = fake_api.asked
    assert first["messages"][0] == {"role": "system", "content": "We sail."}
    assert (first["model"], third["model"]) == ("ministral-3-3b", "ministral-3-3b")
    assert second["messages"][0]["role"] == "user"
    assert third["messages"][-1]["content"] == "three?"
    (conversation,) = store.conversations()
    assert (conversation.assistant_id, conversation.project_id) == (sailor.id, None)


def test_without_projects_and_assistants_it_says_where_they_are_made(house_url):
    text = talk(house_url, "/project\r/assistant\r/assistant x\r\x04", language=FR)
    assert "Pas encore de projet" in text
    assert text.count("/assistants") == 2


def test_a_conversation_that_is_opened_again_shows_its_homes(house_url, store):
    assistant = store.assistants.add(Profile(name="Sailor"))
    store.begin("Hello", conversation_id=None, model_id=None, assistant_id=assistant.id)
    text = talk(house_url, "/history\r/open 1\r/assistant\r\x04")
    assert "▸ 1 Sailor" in text
