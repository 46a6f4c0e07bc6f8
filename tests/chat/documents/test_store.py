"""Documents kept, found and erased, on each database."""

import asyncio
import os

import pytest
import sqlalchemy as sa

from galerne.chat.documents.extract import extract
from galerne.chat.documents.limits import Limits
from galerne.chat.documents.query import question_words
from galerne.chat.documents.reader import DocumentReader
from galerne.chat.documents.retrieval import QueryVector, fuse
from galerne.chat.documents.split import split
from galerne.chat.documents.store import clean_name
from galerne.chat.history.store import open_conversations
from galerne.chat.history.temporary import open_temporary
from galerne.chat.people.tables import metadata
from galerne.clock import ManualClock
from galerne.errors import UnknownDocument
from tests.chat.documents import files
from tests.chat.documents.files import WINDS

POSTGRES_URL = os.environ.get("GALERNE_TEST_POSTGRES_URL", "")
needs_postgres = pytest.mark.skipif(not POSTGRES_URL, reason="GALERNE_TEST_POSTGRES_URL is not set")


@pytest.fixture(params=["sqlite", "memory", pytest.param("postgresql", marks=needs_postgres)])
def opened(request, tmp_path):
    if request.param == "memory":
        store = open_temporary(clock=ManualClock())
    else:
        url = f"sqlite:///{tmp_path / 'chat.db'}"
        if request.param == "postgresql":
            url = POSTGRES_URL
            empty(url)
        store = open_conversations(url, clock=ManualClock())
    yield store
    store.close()


@pytest.fixture
def kept(opened):
    return opened.of(None)


def empty(url):
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for table in (*metadata.tables, "chat_version"):
            connection.execute(sa.text(f'DROP TABLE IF EXISTS "{table}" CASCADE'))
    engine.dispose()


def put(store, content, *, name="winds.pdf", **home):
    reading = extract(content, name=name, limits=Limits())
    return store.documents.add(content, name=name, read=(reading, split(reading)), **home)


def found(store, question, *documents, **facts):
    scope = documents or [put(store, files.a_pdf(*WINDS))]
    return [passage.position.page for _, passage in store.documents.search(question, scope, limit=5, **facts)]


def test_the_passage_that_holds_the_words_is_first(kept):
    document = put(kept, files.a_pdf(*WINDS))
    assert document.n_passages == document.n_pages == 3
    assert found(kept, "How fast does the mistral blow?", document) == [2]
    assert found(kept, "Où passe la Tramontane ?", document) == [3]
    assert found(kept, "winds", document) == [2, 1] or found(kept, "winds", document) == [1, 2]
    assert found(kept, "what is the of", document) == []
    assert found(kept, "zebra", document) == []


@pytest.mark.parametrize(
    "question", ['"', "a OR b NEAR(", "* - :", "'; DROP TABLE passage; --", "\0", "é" * 3000]
)
def test_no_question_breaks_the_search(kept, question):
    assert isinstance(found(kept, question + " mistral"), list)


def test_only_the_documents_asked_are_searched(kept):
    put(kept, b"the mistral of somebody else", name="other.txt", conversation_id="c")
    mine = put(kept, b"nothing about winds at all", name="mine.txt")
    assert found(kept, "mistral", mine) == []


def test_vectors_find_what_words_do_not_and_both_are_fused(kept):
    document = put(kept, files.a_pdf(*WINDS))
    waiting = kept.documents.unvectored(document.file_hash, model_id="m", limit=10)
    vectors = {position: [float(n == 2), 1.0, float(n)] for n, (position, _) in enumerate(waiting)}
    kept.documents.save_vectors(vectors, model_id="m")
    assert kept.documents.unvectored(document.file_hash, model_id="m", limit=10) == []
    assert kept.documents.document(document.id).n_vectors == 3
    query = QueryVector(model_id="m", numbers=(1.0, 0.0, 1.0))
    assert found(kept, "zebra", document, query=query)[0] == 3
    assert set(found(kept, "mistral", document, query=query)[:2]) == {2, 3}
    other = QueryVector(model_id="m", numbers=(1.0, 0.0))
    assert found(kept, "zebra", document, query=other) == []


def test_fusing_favours_what_several_rankings_agree_on():
    assert fuse([[1, 2, 3], [3, 4, 5]])[0] == 3
    assert fuse([[1, 2], []]) == [1, 2]
    assert fuse([]) == []


def test_the_same_bytes_are_kept_once_and_erased_with_the_last_document(kept):
    content = files.a_pdf(*WINDS)
    first, second = put(kept, content, name="a.pdf"), put(kept, content, name="b.pdf")
    assert first.file_hash == second.file_hash
    assert kept.documents.knows(content)
    kept.documents.remove(first.id)
    assert kept.documents.content(second.id) == content
    kept.documents.remove(second.id)
    assert not kept.documents.knows(content)
    for call in (kept.documents.document, kept.documents.content, kept.documents.passages):
        with pytest.raises(UnknownDocument):
            call(second.id)


def test_drafts_go_with_the_question_and_nothing_else_does(kept):
    draft = put(kept, b"a draft", name="a.txt")
    theirs = put(kept, b"sent long ago", name="b.txt", conversation_id="other")
    asked, _ = kept.begin("q", conversation_id=None, model_id=None)
    home = {"conversation_id": asked.conversation_id, "message_id": asked.id}
    kept.documents.attach([draft.id, theirs.id, "nowhere"], **home)
    assert [entry.id for entry in kept.documents.of(conversation_id=asked.conversation_id)] == [draft.id]
    assert kept.documents.document(theirs.id).conversation_id == "other"


def test_a_conversation_goes_with_its_documents(kept):
    asked, _ = kept.begin("q", conversation_id=None, model_id=None)
    mine = put(kept, b"mine alone", name="a.txt", conversation_id=asked.conversation_id)
    shared = put(kept, b"of two", name="b.txt", conversation_id=asked.conversation_id)
    other = put(kept, b"of two", name="b.txt", conversation_id="other")
    kept.erase(asked.conversation_id)
    assert not kept.documents.knows(b"mine alone")
    assert kept.documents.content(other.id) == b"of two"
    for gone in (mine, shared):
        with pytest.raises(UnknownDocument):
            kept.documents.document(gone.id)


def test_erased_text_leaves_the_files_of_the_database(tmp_path):
    store = open_conversations(f"sqlite:///{tmp_path / 'chat.db'}", clock=ManualClock())
    secret = b"the-treasure-lies-under-the-oak"
    mine = store.of(None)
    mine.documents.remove(put(mine, secret, name="a.txt").id)
    store.close()
    assert [path for path in tmp_path.iterdir() if secret in path.read_bytes()] == []


def test_forgotten_drafts_are_removed(opened, kept):
    draft = put(kept, b"a draft", name="a.txt")
    sent = put(kept, b"sent", name="b.txt", conversation_id="c")
    opened.remove_drafts(for_s=-1.0)
    assert kept.documents.document(sent.id) == sent
    with pytest.raises(UnknownDocument):
        kept.documents.document(draft.id)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\plan.pdf", "plan.pdf"),
        ("..", ".."),
        ("", "document"),
        ("a\0b\nc\u202ed.pdf", "a b c d.pdf"),
        ("x" * 500, "x" * 200),
        ("\ud800.pdf", ".pdf"),
    ],
)
def test_a_name_is_only_shown(name, shown):
    assert clean_name(name) == shown


def test_words_lose_their_endings_and_fillers():
    assert question_words("What are the Invoices of 2024?") == ["invoic", "2024"]
    assert question_words("Quelles sont les factures impayées ?") == ["factur", "impaye"]


def test_reading_and_keeping_go_together(kept):
    content = files.a_docx()
    reading = asyncio.run(DocumentReader().read(content, name="winds.docx"))
    document = kept.documents.add(content, name="winds.docx", read=(reading, split(reading)))
    (citation, passage), *_ = kept.documents.search("Rhone", [document], limit=3)
    assert citation.position.heading == passage.position.heading == "Winds / Of the south"
