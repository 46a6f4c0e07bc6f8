import contextlib
import json
import sqlite3

import pytest
import sqlalchemy as sa

from galerne.chat.history.records import MessageStatus, title_of
from galerne.chat.history.store import open_conversations
from galerne.chat.history.temporary import is_temporary, open_temporary
from galerne.chat.people.tables import metadata
from galerne.clock import ManualClock
from galerne.errors import UnknownConversation
from galerne.storage import open_store
from tests.chat.fake_api import a_receipt


def test_a_conversation_keeps_its_thread(store):
    asked, answer = store.begin("What is a galerne?", conversation_id=None, model_id="mini")
    store.save_answer(answer.id, content="A wind.", status=MessageStatus.DONE, receipt=a_receipt())
    again, _ = store.begin("And then?", conversation_id=asked.conversation_id, model_id="mini")
    thread = store.thread(asked.conversation_id)
    assert [message.content for message in thread] == ["What is a galerne?", "A wind.", "And then?", ""]
    assert again.parent_id == answer.id
    assert thread[1].receipt == a_receipt()
    assert thread[1].receipt_id == "rcpt_001"


def test_history_is_newest_first_and_named_by_first_words(tmp_path):
    clock = ManualClock()
    store = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=clock).of(None)
    first, _ = store.begin("first  question\nof many", conversation_id=None, model_id=None)
    clock.advance(1)
    store.begin("second", conversation_id=None, model_id=None)
    assert [entry.title for entry in store.conversations()] == ["second", "first question of many"]
    clock.advance(1)
    store.begin("more", conversation_id=first.conversation_id, model_id=None)
    assert [entry.title for entry in store.conversations()] == ["first question of many", "second"]


def test_titles_are_cut_between_words():
    title = title_of("word " * 40)
    assert title.endswith("word…")
    assert len(title) <= 61


def test_erasing_removes_the_text_from_the_file(tmp_path):
    path = tmp_path / "chat.db"
    opened = open_conversations(f"sqlite:///{path}", clock=ManualClock())
    store, secret = opened.of(None), "the-treasure-lies-under-the-oak"
    asked, answer = store.begin(secret, conversation_id=None, model_id=None)
    store.save_answer(answer.id, content=f"I know {secret}", status=MessageStatus.DONE)
    store.erase(asked.conversation_id)
    with pytest.raises(UnknownConversation):
        store.thread(asked.conversation_id)
    opened.close()
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_what_a_stopped_daemon_left_is_marked_interrupted(tmp_path):
    url = f"sqlite:///{tmp_path / 'chat.db'}"
    before = open_conversations(url, clock=ManualClock()).of("ada")
    _, answer = before.begin("q", conversation_id=None, model_id=None)
    again = open_conversations(url, clock=ManualClock()).of("ada").message(answer.id)
    assert again.status is MessageStatus.FAILED
    assert again.problem_code == "interrupted"


def test_what_is_not_given_stays(store):
    _, answer = store.begin("q", conversation_id=None, model_id="mini")
    store.save_answer(answer.id, content="a", status=MessageStatus.WRITING, receipt_id="rcpt_001")
    store.save_answer(answer.id, content="ab", status=MessageStatus.STOPPED)
    saved = store.message(answer.id)
    assert (saved.receipt_id, saved.model_id, saved.receipt) == ("rcpt_001", "mini", None)


@pytest.mark.parametrize("call", ["conversation", "thread", "message", "erase"])
def test_an_unknown_id_is_said_so(store, call):
    with pytest.raises(UnknownConversation):
        getattr(store, call)("nowhere")


def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path / 'chat.db'}", migrations="galerne.chat.migrations")
    for table in metadata.sorted_tables:
        found = {column["name"]: column["nullable"] for column in sa.inspect(engine).get_columns(table.name)}
        assert found == {column.name: bool(column.nullable) for column in table.columns}
    engine.dispose()


def test_a_store_of_the_first_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "chat.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(
            """CREATE TABLE chat_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
            INSERT INTO chat_version VALUES ('0001');
            CREATE TABLE conversation (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL,
              created_at FLOAT NOT NULL, changed_at FLOAT NOT NULL);
            CREATE TABLE message (position INTEGER PRIMARY KEY NOT NULL, id TEXT NOT NULL UNIQUE,
              conversation_id TEXT NOT NULL REFERENCES conversation(id) ON DELETE CASCADE, parent_id TEXT,
              role TEXT NOT NULL, content TEXT NOT NULL, status TEXT NOT NULL, model_id TEXT,
              problem_code TEXT, receipt_id TEXT, receipt JSON, created_at FLOAT NOT NULL);
            INSERT INTO conversation VALUES ('c', 'Été', 1, 1);
            INSERT INTO message VALUES
              (1, 'q', 'c', NULL, 'user', 'old words', 'done', NULL, NULL, NULL, NULL, 1);
            """
        )
        answer = ("a", "c", "q", "assistant", "a wind", "done", "mini", "rcpt_001", json.dumps(a_receipt()))
        old.execute("INSERT INTO message VALUES (2, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, 1)", answer)
        old.commit()
    opened = open_conversations(f"sqlite:///{path}", clock=ManualClock())
    store = opened.of(None)
    assert [message.content for message in store.thread("c")] == ["old words", "a wind"]
    assert [hit.conversation_id for hit in store.search("wor")] == ["c"]
    assert [hit.conversation_id for hit in store.search("ete")] == ["c"]
    assert store.bill("c").energy_j == 55.9
    opened.close()


def test_what_is_rendered_is_kept_with_who_drew_it(store):
    _, answer = store.begin("q", conversation_id=None, model_id=None)
    store.save_rendered({answer.id: ["<p>a</p>"]}, by="v1")
    assert (store.message(answer.id).rendered, store.message(answer.id).rendered_by) == (("<p>a</p>",), "v1")


def test_a_temporary_store_has_the_same_manners_and_forgets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clock = ManualClock()
    opened = open_temporary(clock=clock)
    store = opened.of(None)
    asked, answer = store.begin("secret", conversation_id=None, model_id=None)
    store.save_answer(answer.id, content="a", status=MessageStatus.DONE, receipt=a_receipt())
    assert is_temporary(asked.conversation_id)
    assert is_temporary(answer.id)
    assert store.bill(asked.conversation_id).energy_j == 55.9
    assert store.search("secret")[0].title == "secret"
    clock.advance(3599)
    opened.erase_untouched(for_s=3600)
    assert store.thread(asked.conversation_id)
    clock.advance(2)
    opened.erase_untouched(for_s=3600)
    assert store.conversations() == []
    opened.close()
    assert list(tmp_path.iterdir()) == []
