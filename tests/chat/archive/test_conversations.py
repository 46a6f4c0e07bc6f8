"""Files in and out: what we write comes back, what others write comes in, what is hostile stays out."""

import contextlib
import io
import itertools
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galerne.chat.archive.conversations import read_archive, write_archive
from galerne.chat.history.records import ChatMessage, Conversation, Manner, MessageStatus
from galerne.errors import InvalidRequest, RequestTooLarge
from tests.chat.fake_api import a_receipt

NOW_AT = 1_790_000_000.0
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


def read(document, *, raw=None):
    count = itertools.count()
    content = json.dumps(document).encode() if raw is None else raw
    return read_archive(content, now_at=NOW_AT, new_id=lambda: f"new-{next(count)}")


@st.composite
def threads(draw):
    parents = draw(st.lists(st.integers(0, 30), min_size=1, max_size=12))
    messages = []
    for n, choice in enumerate(parents):
        answer = bool(choice % 2)
        messages.append(
            ChatMessage(
                id=f"m{n}",
                conversation_id="c",
                parent_id=None if choice % (n + 1) == n else f"m{choice % (n + 1)}",
                role="assistant" if answer else "user",
                content=draw(TEXT),
                status=draw(st.sampled_from([MessageStatus.DONE, MessageStatus.CUT, MessageStatus.FAILED])),
                model_id=draw(st.sampled_from([None, "mini"])),
                problem_code=None,
                receipt_id="rcpt_1" if answer else None,
                receipt=a_receipt("rcpt_1") if answer else None,
                created_at=float(n),
                past_receipts=(a_receipt("rcpt_0"),) if choice % 3 == 0 else (),
            )
        )
    manner = Manner(instructions="x", temperature=draw(st.sampled_from([None, 0.5])), max_new_tokens=7)
    conversation = Conversation(
        id="c",
        title="A title",
        created_at=1.0,
        changed_at=2.0,
        pinned=draw(st.booleans()),
        leaf_id=f"m{len(parents) - 1}",
        manner=manner,
    )
    return conversation, messages


def shape(thread):
    """A conversation without its ids: every message by its way from the beginning."""
    conversation, messages = thread
    ways = {None: ()}
    for message in messages:
        siblings = [other.id for other in messages if other.parent_id == message.parent_id]
        ways[message.id] = (*ways[message.parent_id], siblings.index(message.id))
    said = {
        ways[m.id]: (m.role, m.content, m.status, m.model_id, m.receipt, m.past_receipts, m.created_at)
        for m in messages
    }
    head = (conversation.title, conversation.created_at, conversation.changed_at, conversation.pinned)
    return head, conversation.manner, ways[conversation.leaf_id], said


@given(st.lists(threads(), max_size=3))
def test_what_goes_out_comes_back(kept):
    back = read(None, raw=write_archive(kept).encode())
    assert [shape(thread) for thread in back] == [shape(thread) for thread in kept]


def test_ids_are_made_anew_and_the_store_takes_them(store):
    question, answer = store.begin("q", conversation_id=None, model_id="mini")
    store.save_answer(answer.id, content="a", status=MessageStatus.DONE, receipt=a_receipt())
    home = question.conversation_id
    text = write_archive([(store.conversation(home), store.messages(home))])
    store.add(read_archive(text.encode(), now_at=NOW_AT))
    first, second = (entry.id for entry in store.conversations())
    assert first != second
    assert store.bill(first) == store.bill(second)
    assert [m.content for m in store.thread(first)] == [m.content for m in store.thread(second)] == ["q", "a"]


def chatgpt():
    def node(node_id, parent, role, *parts, **content):
        message = {
            "author": {"role": role},
            "content": {"content_type": "text", "parts": list(parts)} | content,
            "create_time": 1_700_000_000.5,
            "metadata": {"model_slug": "gpt-4o"},
        }
        return node_id, {
            "id": node_id,
            "message": message if role else None,
            "parent": parent,
            "children": [],
        }

    return [
        {
            "title": "Sailing",
            "create_time": 1_700_000_000.0,
            "update_time": 1_700_000_100.0,
            "current_node": "a2",
            "mapping": dict(
                [
                    node("root", None, ""),
                    node("hidden", "root", "system", ""),
                    node("q", "hidden", "user", "Which wind?"),
                    node("a1", "q", "assistant", "North."),
                    node("call", "q", "assistant", "run()", content_type="code"),
                    node("tool", "call", "tool", "42"),
                    node("a2", "tool", "assistant", "North-west.", {"asset_pointer": "x"}),
                ]
            ),
        }
    ]


def open_webui():
    messages = {
        "q": {"id": "q", "parentId": None, "role": "user", "content": "Hi", "timestamp": 1_700_000_000},
        "a": {"id": "a", "parentId": "q", "role": "assistant", "content": "Hello", "model": "mistral:7b"},
    }
    chat = {"title": "x", "history": {"messages": messages, "currentId": "a"}}
    return [{"id": "1", "title": "Greeting", "created_at": 1_700_000_000, "pinned": True, "chat": chat}]


def test_chatgpt_comes_in_with_its_branches_and_without_its_tools():
    ((conversation, messages),) = read(chatgpt())
    assert [(m.role, m.content) for m in messages] == [
        ("user", "Which wind?"),
        ("assistant", "North."),
        ("assistant", "North-west."),
    ]
    assert {m.parent_id for m in messages[1:]} == {messages[0].id}
    assert conversation.leaf_id == messages[2].id
    assert (conversation.title, messages[2].model_id) == ("Sailing", "gpt-4o")


def test_chatgpts_archive_comes_in_as_it_was_sent():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations.json", json.dumps(chatgpt()))
    assert len(read(None, raw=packed.getvalue())) == 1


def test_open_webui_comes_in():
    ((conversation, messages),) = read(open_webui())
    assert conversation.pinned
    assert [(m.role, m.content, m.model_id) for m in messages] == [
        ("user", "Hi", None),
        ("assistant", "Hello", "mistral:7b"),
    ]


def ours(*messages):
    return {"galerne": 1, "conversations": [{"title": "t", "messages": list(messages)}]}


def turn(message_id="m", parent=None, **facts):
    return {"id": message_id, "parent": parent, "role": "user", "content": "x"} | facts


BAD_RECEIPTS = [
    7,
    {},
    a_receipt() | {"energy_j": {"full": "many"}},
    a_receipt() | {"interval_ratio": [1]},
    a_receipt() | {"cost_eur": -1.0},
    a_receipt() | {"energy_j": {"active": 1.0, "full": 1e300}},
    a_receipt() | {"id": ["x"]},
    a_receipt() | {"sources": 3, "place": None},
]


@pytest.mark.parametrize(
    "document",
    [
        7,
        {},
        {"conversations": 3},
        [3],
        [{}],
        {"galerne": 99, "conversations": []},
        ours(turn(), turn()),
        ours(turn(parent="nowhere")),
        ours(turn("a", "b"), turn("b", "a")),
        ours(turn(parent="m")),
        ours(turn(role="system")),
        ours(turn(content=3)),
        ours(turn(content="x" * 1_000_001)),
        ours(turn(past_receipts="no")),
        ours("no"),
        [{"mapping": {"a": 3}}],
        [{"chat": {"history": None}}],
        *(ours(turn(receipt=receipt)) for receipt in BAD_RECEIPTS),
    ],
)
def test_what_contradicts_itself_is_refused(document):
    with pytest.raises(InvalidRequest):
        read(document)


@pytest.mark.parametrize(
    "raw",
    [b"", b"no", b"\xff\xfe", b"[" * 200_000, b'{"a":' * 100_000, b"1" * 10_000, b"PK\x03\x04 broken"],
)
def test_what_is_no_json_is_refused(raw):
    with pytest.raises(InvalidRequest):
        read(None, raw=raw)


def test_a_bomb_is_not_unpacked():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b" " * 64_000_001)
    with pytest.raises(RequestTooLarge):
        read(None, raw=packed.getvalue())


def test_half_characters_and_zero_bytes_do_not_reach_the_database(store):
    said = {"role": "user", "content": "a\ud800\0b"}
    threads_in = read({"conversations": [{"title": "t\0", "messages": [said]}]})
    store.add(threads_in)
    assert store.thread(threads_in[0][0].id)[0].content == "a?b"


def test_dates_and_numbers_out_of_this_world_become_sane():
    document = {
        "conversations": [
            {
                "title": "t",
                "created_at": -5,
                "changed_at": 1e99,
                "temperature": 1e9,
                "max_new_tokens": -3,
                "messages": [turn(created_at=10**400), turn("n", "m", created_at=True)],
            }
        ]
    }
    ((conversation, messages),) = read(document)
    assert conversation.created_at == conversation.changed_at == NOW_AT
    assert conversation.manner == Manner(temperature=2.0, max_new_tokens=1)
    assert {message.created_at for message in messages} == {NOW_AT}


NAMES = ["mapping", "chat", "messages", "history", "message", "content", "parts"]
NAMES += ["parent", "parentId", "role", "id", "author", "receipt"]
LEAVES = st.none() | st.booleans() | st.floats() | TEXT
FILES = st.recursive(LEAVES, lambda x: st.lists(x) | st.dictionaries(st.sampled_from(NAMES), x))


@given(FILES | st.fixed_dictionaries({"messages": st.lists(FILES, max_size=4)}, optional={"id": TEXT}))
def test_any_file_is_refused_or_read_as_trees_under_new_ids(document):
    found = []
    with contextlib.suppress(InvalidRequest):
        found = read([document])
    for conversation, messages in found:
        ids = {message.id for message in messages}
        assert len(ids) == len(messages)
        assert all(given_id.startswith("new-") for given_id in {conversation.id, *ids})
        known = set()
        for message in messages:  # parents come first, so that nothing can turn in a circle
            assert message.parent_id is None or message.parent_id in known
            assert message.conversation_id == conversation.id
            assert message.role in {"user", "assistant"}
            known.add(message.id)
