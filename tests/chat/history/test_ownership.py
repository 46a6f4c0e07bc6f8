"""What is somebody else's is not there: every function of the stores, as B on the ids of A."""

import contextlib
import inspect

import pytest

from galerne.chat.assistants import AssistantStore, Profile
from galerne.chat.documents.store import DocumentStore
from galerne.chat.history.conversations import ConversationStore
from galerne.chat.history.projects import ProjectStore
from galerne.chat.history.records import Manner, MessageStatus
from galerne.chat.history.store import open_conversations
from galerne.chat.history.temporary import open_temporary
from galerne.clock import ManualClock
from galerne.errors import UnknownAssistant, UnknownConversation, UnknownDocument, UnknownProject
from tests.chat.documents.test_store import POSTGRES_URL, empty, needs_postgres, put
from tests.chat.fake_api import a_receipt

UNKNOWN = (UnknownAssistant, UnknownConversation, UnknownDocument, UnknownProject)
BYTES = b"the treasure lies under the oak"


@pytest.fixture(params=["sqlite", "memory", pytest.param("postgresql", marks=needs_postgres)])
def opened(request, tmp_path):
    if request.param == "memory":
        store = open_temporary(clock=ManualClock())
    else:
        url = POSTGRES_URL if request.param == "postgresql" else f"sqlite:///{tmp_path / 'chat.db'}"
        if request.param == "postgresql":
            empty(url)
        store = open_conversations(url, clock=ManualClock())
    yield store
    store.close()


class Ada:
    """One owner with something of everything, whose ids others try."""

    def __init__(self, store: ConversationStore) -> None:
        self.store = store
        self.project = store.projects.add("Winds", instructions="the secret of Ada")
        self.assistant = store.assistants.add(Profile(name="Pirate", purpose="the secret of Ada"))
        self.question, self.answer = store.begin(
            "the treasure?",
            conversation_id=None,
            model_id=None,
            project_id=self.project.id,
            assistant_id=self.assistant.id,
        )
        self.home = self.question.conversation_id
        store.save_answer(self.answer.id, content="under the oak", status=MessageStatus.STOPPED)
        store.save_receipt(self.answer.id, receipt=a_receipt())
        self.document = put(store, BYTES, name="a.txt", conversation_id=self.home)
        self.draft = put(store, b"a draft of Ada", name="b.txt")

    def everything(self) -> tuple[object, ...]:
        store = self.store
        return (
            store.conversations(),
            store.messages(self.home),
            store.bill(self.home),
            store.projects.all(),
            store.assistants.all(),
            store.documents.of(conversation_id=self.home),
            store.documents.document(self.draft.id),
        )


CALLS = {
    "conversations": lambda b, a: (
        b.conversations()
        + b.conversations(project_id=a.project.id)
        + b.conversations(assistant_id=a.assistant.id)
    ),
    "conversation": lambda b, a: b.conversation(a.home),
    "message": lambda b, a: b.message(a.answer.id),
    "thread": lambda b, a: b.thread(a.home),
    "path": lambda b, a: b.path(a.answer.id),
    "page": lambda b, a: b.page(a.home),
    "page_around": lambda b, a: b.page_around(a.answer.id),
    "page_from": lambda b, a: b.page_from(a.answer.id),
    "forks": lambda b, a: b.forks(a.home),
    "messages": lambda b, a: b.messages(a.home),
    "bill": lambda b, a: [b.bill(a.home).n_receipts] if b.bill(a.home).n_receipts else [],
    "search": lambda b, a: b.search("treasure") + b.search("oak") + b.search("oak", project_id=a.project.id),
    "begin": lambda b, a: b.begin("q", conversation_id=a.home, model_id=None),
    "edit": lambda b, a: b.edit(a.question.id, "q", model_id=None),
    "regenerate": lambda b, a: b.regenerate(a.answer.id, model_id=None),
    "begin_beside": lambda b, a: b.begin_beside(a.answer.id, model_id=None),
    "keep_answer": lambda b, a: b.keep_answer(a.answer.id),
    "resume": lambda b, a: b.resume(a.answer.id),
    "show_branch": lambda b, a: b.show_branch(a.answer.id),
    "save_answer": lambda b, a: b.save_answer(a.answer.id, content="mine", status=MessageStatus.DONE),
    "save_receipt": lambda b, a: b.save_receipt(a.answer.id, receipt=a_receipt()),
    "save_tool_uses": lambda b, a: b.save_tool_uses(a.answer.id, []),
    "begin_round": lambda b, a: b.begin_round(a.answer.id),
    "allow_tool": lambda b, a: b.allow_tool(a.home, "clock"),
    "save_rendered": lambda b, a: b.save_rendered({a.answer.id: ["<p>mine</p>"]}, by="v1"),
    "save_grounds": lambda b, a: b.save_grounds(a.answer.id, [], quoted=True),
    "rename": lambda b, a: b.rename(a.home, title="mine"),
    "pin": lambda b, a: b.pin(a.home, pinned=True),
    "set_manner": lambda b, a: b.set_manner(a.home, Manner(instructions="mine")),
    "erase": lambda b, a: b.erase(a.home),
    "erase_every": lambda b, a: b.erase_every(),
    "projects.all": lambda b, a: b.projects.all(),
    "projects.project": lambda b, a: b.projects.project(a.project.id),
    "projects.change": lambda b, a: b.projects.change(a.project.id, name="mine", instructions=""),
    "projects.move": lambda b, a: b.projects.move(a.home, project_id=None),
    "projects.erase": lambda b, a: b.projects.erase(a.project.id),
    "assistants.all": lambda b, a: b.assistants.all(),
    "assistants.assistant": lambda b, a: b.assistants.assistant(a.assistant.id),
    "assistants.change": lambda b, a: b.assistants.change(a.assistant.id, Profile(name="mine")),
    "assistants.give": lambda b, a: b.assistants.give(a.home, assistant_id=None),
    "assistants.erase": lambda b, a: b.assistants.erase(a.assistant.id),
    "documents.document": lambda b, a: b.documents.document(a.document.id),
    "documents.of": lambda b, a: b.documents.of(
        conversation_id=a.home, project_id=a.project.id, assistant_id=a.assistant.id
    ),
    "documents.content": lambda b, a: b.documents.content(a.document.id),
    "documents.passages": lambda b, a: b.documents.passages(a.document.id),
    "documents.remove": lambda b, a: b.documents.remove(a.document.id),
    "documents.attach": lambda b, a: b.documents.attach(
        [a.draft.id],
        conversation_id=b.begin("q", conversation_id=None, model_id=None)[0].conversation_id,
        message_id="m",
    ),
}
NAME_NOBODY = {
    "owner": "whose the view is",
    "now_at": "the clock",
    "add": "writes the owner's own",
    "assistants": "walked here too",
    "assistants.add": "writes the owner's own",
    "projects": "walked here too",
    "documents": "walked here too",
    "projects.add": "writes the owner's own",
    "documents.add": "writes the owner's own",
    "documents.knows": "says whether bytes that one has were read before",
    "documents.search": "looks in documents that were found by their owner",
    "documents.unvectored": "of bytes, for vectors that all share",
    "documents.save_vectors": "of bytes, for vectors that all share",
}


def test_every_function_of_a_store_is_tried():
    kinds = {
        "": ConversationStore,
        "projects.": ProjectStore,
        "assistants.": AssistantStore,
        "documents.": DocumentStore,
    }
    known = {
        prefix + name
        for prefix, kind in kinds.items()
        for name, _ in inspect.getmembers(kind)
        if not name.startswith("_")
    }
    assert known == CALLS.keys() | NAME_NOBODY.keys()


@pytest.mark.parametrize("owner", ["ada", None])
def test_nothing_of_somebody_else_is_found_or_changed(opened, owner):
    ada = Ada(opened.of(owner))
    before = ada.everything()
    others = [opened.of("bob"), opened.of("ada" if owner is None else None)]
    for other in others:
        for name, call in CALLS.items():
            with contextlib.suppress(*UNKNOWN):
                assert call(other, ada) in (None, []), name
    assert ada.everything() == before


def test_a_new_conversation_does_not_enter_a_project_of_somebody_else(opened):
    ada = Ada(opened.of("ada"))
    with pytest.raises(UnknownProject):
        opened.of("bob").begin("q", conversation_id=None, model_id=None, project_id=ada.project.id)
    mine, _ = opened.of("bob").begin("q", conversation_id=None, model_id=None)
    with pytest.raises(UnknownProject):
        opened.of("bob").projects.move(mine.conversation_id, project_id=ada.project.id)


def test_a_conversation_is_not_given_an_assistant_of_somebody_else(opened):
    ada = Ada(opened.of("ada"))
    with pytest.raises(UnknownAssistant):
        opened.of("bob").begin("q", conversation_id=None, model_id=None, assistant_id=ada.assistant.id)
    mine, _ = opened.of("bob").begin("q", conversation_id=None, model_id=None)
    with pytest.raises(UnknownAssistant):
        opened.of("bob").assistants.give(mine.conversation_id, assistant_id=ada.assistant.id)


def test_bytes_of_two_people_are_kept_once_and_outlive_the_first(opened):
    ada, bob = opened.of("ada"), opened.of("bob")
    theirs, mine = put(ada, BYTES, name="a.txt"), put(bob, BYTES, name="b.txt")
    assert theirs.file_hash == mine.file_hash
    ada.documents.remove(theirs.id)
    assert bob.documents.content(mine.id) == BYTES
